(() => {
"use strict";

const study = JSON.parse(document.getElementById("study").textContent);
const place = `maskel-study:${study.study}`;
const $ = (id) => document.getElementById(id);
const fresh = () => ({ reader: "", at: 0, answers: {} });
const ids = new Set(study.cases.map((one) => one.id));
const criteria = study.criteria.map((one) => one.id);
const sources = study.sources.map((one) => one.id);
const grades = study.grades.map((one) => one.value);
let state = fresh();
let marked = 0;
let kept = true;
let unsaved = false;

// -- answers: {case: {criterion: 1..5, or null for "cannot be judged", origin: source, note: text}}

const answerOf = (index) => state.answers[study.cases[index].id] || {};
const isComplete = (answer) => criteria.every((name) => answer[name] !== undefined);
const hasAny = (answer) => Object.keys(answer).length > 0;

function change(name, value) {
  const id = study.cases[state.at].id;
  const answer = state.answers[id] || (state.answers[id] = {});
  if (value === "" || value === undefined) delete answer[name];
  else answer[name] = value;
  if (!hasAny(answer)) delete state.answers[id];
  unsaved = true;
  keep();
  showProgress();
}

function keep() {
  try {
    localStorage.setItem(place, JSON.stringify(state));
    kept = true;
  } catch {
    kept = false;
  }
  $("kept").textContent = kept
    ? "Kept in this browser; save the file to hand in."
    : "This browser keeps nothing: save the answers before you close the page.";
  warn(kept ? "" : "Answers cannot be kept in this browser. Save them to a file before you close the page.");
}

function restore() {
  try {
    const text = localStorage.getItem(place);
    if (text) state = checked(JSON.parse(text));
  } catch {
    // Nothing that can be used is kept: what the page holds stays.
  }
}

// What comes from a file or the store is taken only if it fits this study.
function checked(from) {
  const bad = (what) => { throw new Error(what); };
  if (!from || typeof from !== "object" || typeof from.answers !== "object" || !from.answers) bad("It holds no answers.");
  if (Array.isArray(from.answers)) bad("It holds no answers.");
  const clean = fresh();
  clean.reader = typeof from.reader === "string" ? from.reader.slice(0, 40) : "";
  clean.at = Number.isInteger(from.at) && from.at >= 0 && from.at < study.cases.length ? from.at : 0;
  for (const [id, answer] of Object.entries(from.answers)) {
    if (!ids.has(id) || !answer || typeof answer !== "object") bad(`Its case ${id} is not of this study.`);
    const taken = {};
    for (const [name, value] of Object.entries(answer)) {
      const fits = criteria.includes(name) ? value === null || grades.includes(value)
        : name === "origin" ? sources.includes(value)
        : name === "note" && typeof value === "string";
      if (!fits) bad(`Its answer "${name}" of case ${id} is not possible.`);
      taken[name] = value;
    }
    if (hasAny(taken)) clean.answers[id] = taken;
  }
  return clean;
}

// -- the page

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function choice(group, value, shown, spoken) {
  const input = make("input", { type: "radio", name: group, value });
  input.setAttribute("aria-label", spoken);
  return make("label", { title: spoken }, input, make("span", {}, shown));
}

function build() {
  for (const { id, name, question } of study.criteria) {
    const scale = make("div", { className: "scale" });
    for (const grade of study.grades) scale.append(choice(id, grade.value, grade.value, `${grade.value}, ${grade.name}`));
    scale.append(choice(id, "none", "–", "cannot be judged"));
    const text = make("p", { id: `question-${id}` }, question);
    const set = make("fieldset", {}, make("legend", {}, name), text, scale);
    set.dataset.criterion = id;
    set.setAttribute("aria-describedby", text.id);
    $("criteria").append(set);
    $("help-criteria").append(make("dt", {}, name), make("dd", {}, question));
  }
  for (const source of [...study.sources].reverse()) $("origin").lastElementChild.append(choice("origin", source.id, source.name, source.name));
  $("origin").setAttribute("aria-describedby", "origin-question");
  $("help-grades").textContent = `Grades: ${study.grades.map((one) => `${one.value} ${one.name}`).join(", ")}.`;
  $("study-id").textContent = study.study;
  $("study-style").textContent = study.style;
  $("progress").max = study.cases.length;
  study.cases.forEach((_, index) => {
    const button = make("button", { type: "button" }, String(index + 1));
    button.addEventListener("click", () => go(index));
    $("strip").append(button);
  });
}

function show(index, focus = false) {
  const onStrip = $("strip").contains(document.activeElement);
  state.at = Math.min(Math.max(index, 0), study.cases.length - 1);
  const answer = answerOf(state.at);
  $("picture").src = study.cases[state.at].picture;
  $("place").textContent = `Case ${state.at + 1} of ${study.cases.length}`;
  for (const input of $("grades").querySelectorAll("input[type=radio]")) {
    const value = answer[input.name];
    input.checked = value !== undefined && input.value === (value === null ? "none" : String(value));
  }
  $("note").value = answer.note || "";
  $("back").disabled = state.at === 0;
  $("next").disabled = state.at === study.cases.length - 1;
  enlarge(false);
  const open = criteria.findIndex((name) => answer[name] === undefined);
  mark(open < 0 ? criteria.length : open);
  say($("place").textContent);
  showProgress();
  const now = document.activeElement;
  if (onStrip) $("strip").children[state.at].focus();
  else if (focus || !now || now === document.body || now.disabled) $("view").focus();
}

function go(index, focus) {
  show(index, focus);
  keep();
}

function showProgress() {
  let complete = 0;
  study.cases.forEach((_, index) => {
    const answer = answerOf(index);
    const button = $("strip").children[index];
    const whole = isComplete(answer);
    complete += whole;
    const how = whole ? "complete" : hasAny(answer) ? "begun" : "";
    button.className = how;
    button.setAttribute("aria-label", `Case ${index + 1}${how ? `, ${how}` : ""}`);
    // One stop for the tab key; the arrows go from case to case.
    button.tabIndex = index === state.at ? 0 : -1;
    if (index === state.at) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  });
  $("progress").value = complete;
  $("count").textContent = `${complete} of ${study.cases.length} cases graded`;
  $("unfinished").disabled = complete === study.cases.length;
  $("save").classList.toggle("ready", complete === study.cases.length && unsaved);
}

function mark(index) {
  marked = index;
  [...$("criteria").children].forEach((set, number) => set.classList.toggle("marked", number === index));
}

function enlarge(on) {
  $("view").classList.toggle("enlarged", on);
  $("zoom").setAttribute("aria-pressed", String(on));
}

function say(text) { $("status").textContent = text; }

function warn(text) {
  $("alert").textContent = text;
  $("alert").hidden = !text;
}

// -- grading

function grade(value) {
  const inside = document.activeElement.type === "radio";
  const set = $("criteria").children[marked];
  if (!set) return;
  const input = set.querySelector(`input[value="${value === null ? "none" : value}"]`);
  if (!input) return;
  input.checked = true;
  change(criteria[marked], value);
  say(`${study.criteria[marked].name}: ${input.getAttribute("aria-label")}`);
  if (marked + 1 < criteria.length) mark(marked + 1);
  else if (isComplete(answerOf(state.at))) mark(criteria.length);
  if (inside) {
    const next = $("criteria").children[marked] || $("origin");
    (next.querySelector("input:checked") || next.querySelector("input")).focus();
  }
}

function guess(id) {
  const input = [...$("origin").querySelectorAll("input")].find((one) => one.value === id);
  input.checked = true;
  change("origin", id);
  say(input.getAttribute("aria-label"));
}

function nextUnfinished() {
  for (let step = 1; step <= study.cases.length; step += 1) {
    const index = (state.at + step) % study.cases.length;
    if (!isComplete(answerOf(index))) return go(index, true);
  }
  return say("All cases are graded.");
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  const on = event.target;
  const writes = on.id === "note" || on.id === "reader";
  if (event.key === "Escape" && (writes || on.type === "radio")) return $("view").focus();
  if (writes) return;
  const free = on.type !== "radio" && !$("view").classList.contains("enlarged");
  const key = event.key.toLowerCase();
  const last = criteria.length - 1;
  const does = {
    0: () => grade(null),
    m: () => guess("made"),
    s: () => guess("truth"),
    n: nextUnfinished,
    z: () => enlarge(!$("view").classList.contains("enlarged")),
    escape: () => enlarge(false),
    // Inside a row of radio buttons the arrows are the browser's, in an enlarged picture they scroll.
    arrowleft: free && (() => go(state.at - 1)),
    arrowright: free && (() => go(state.at + 1)),
    arrowup: free && (() => mark(Math.max(Math.min(marked, last + 1) - 1, 0))),
    arrowdown: free && (() => mark(Math.min(marked + 1, last))),
  };
  for (const value of grades) does[value] = () => grade(value);
  if (!does[key]) return;
  event.preventDefault();
  // A key held down goes from case to case, but grades once: each grade marks the next criterion.
  if (!event.repeat || key.startsWith("arrow")) does[key]();
}

// -- files

function save() {
  const reader = $("reader").value.normalize("NFC").trim();
  $("reader").setAttribute("aria-invalid", String(!reader));
  if (!reader) {
    warn("Enter your name or initials first, so that your answers can be told from another reader's.");
    return $("reader").focus();
  }
  const document_ = {
    format: study.answers, version: study.version, study: study.study, reader, at: state.at,
    saved: new Date().toISOString(), answers: state.answers,
  };
  const address = URL.createObjectURL(new Blob([JSON.stringify(document_, null, 1) + "\n"], { type: "application/json" }));
  const word = reader.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "") || "reader";
  const link = make("a", { href: address, download: `maskel-study-${study.study.slice(0, 8)}-${word}.json` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
  unsaved = false;
  warn("");
  $("kept").textContent = `Saved as ${link.download}.`;
  say("Answers saved.");
  return showProgress();
}

async function load(file) {
  try {
    const from = JSON.parse(await file.text());
    if (!from || from.format !== study.answers) throw new Error("It is no file of answers.");
    if (from.study !== study.study) throw new Error("It belongs to another study.");
    const clean = checked(from);
    if (Object.keys(state.answers).length && !confirm("Replace the answers on this page by those of the file?")) return;
    state = clean;
    unsaved = false;
    $("reader").value = state.reader;
    go(state.at, true);
    say("Answers loaded.");
  } catch (error) {
    const why = error instanceof SyntaxError ? "It is not JSON." : error.message;
    warn(`${file.name} cannot be loaded. ${why}`);
  }
}

function clear() {
  if (!confirm("Clear every answer on this page? Save them first if they are to be kept.")) return;
  state = fresh();
  unsaved = false;
  $("reader").value = "";
  go(0);
}

function listen() {
  $("grades").addEventListener("change", (event) => {
    const { name, value } = event.target;
    if (name === "origin") change("origin", value);
    else if (criteria.includes(name)) change(name, value === "none" ? null : Number(value));
  });
  $("grades").addEventListener("focusin", (event) => {
    const set = event.target.closest("[data-criterion]");
    if (set) mark(criteria.indexOf(set.dataset.criterion));
  });
  $("grades").addEventListener("submit", (event) => event.preventDefault());
  $("note").addEventListener("input", () => change("note", $("note").value.trim() ? $("note").value : ""));
  $("reader").addEventListener("input", () => {
    state.reader = $("reader").value;
    $("reader").setAttribute("aria-invalid", "false");
    unsaved = true;
    keep();
  });
  $("back").addEventListener("click", () => go(state.at - 1));
  $("next").addEventListener("click", () => go(state.at + 1));
  $("unfinished").addEventListener("click", nextUnfinished);
  $("zoom").addEventListener("click", () => enlarge($("zoom").getAttribute("aria-pressed") !== "true"));
  $("view").addEventListener("click", () => enlarge(!$("view").classList.contains("enlarged")));
  $("save").addEventListener("click", save);
  $("load").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", async () => {
    if ($("file").files.length) await load($("file").files[0]);
    $("file").value = "";
  });
  $("clear").addEventListener("click", clear);
  $("help-open").addEventListener("click", () => $("help").showModal());
  $("help-close").addEventListener("click", () => $("help").close());
  document.addEventListener("keydown", press);
  // Another tab with the same study: what it keeps counts here too, so that neither undoes the other.
  addEventListener("storage", (event) => {
    if (event.key !== place) return;
    const at = state.at;
    restore();
    state.at = at;
    $("reader").value = state.reader;
    show(at);
  });
  addEventListener("beforeunload", (event) => { if (!kept && unsaved) event.preventDefault(); });
}

build();
restore();
listen();
$("reader").value = state.reader;
unsaved = Object.keys(state.answers).length > 0;
go(state.at);
if (!Object.keys(state.answers).length) $("help").showModal();
})();
