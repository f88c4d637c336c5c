"""A reader at the page, in a real browser: clicks, keys, a closed tab, files, and what the analysis makes of them."""

from __future__ import annotations

import json
import shutil
import time

import pytest
from maskel_core.study.analysis import analyse
from maskel_core.study.page import key_path
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.core.reading import small_study

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("chromium") and shutil.which("chromedriver")), reason="Chromium is not installed"
    ),
]

CRITERIA = ("anatomy", "symmetry", "proportion", "style")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1440,1000",
)
NOTE = "Rippen verschwommen – très flou, 肋骨 🦴 <b>|"


class Reader:
    """A person at the page."""

    def __init__(self, folder):
        self.downloads = folder / "downloads"
        self.downloads.mkdir()
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"download.default_directory": str(self.downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))

    def open(self, page):
        self.driver.get(page.resolve().as_uri())

    def find(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).get_property("textContent")

    def begin(self):
        self.find("#help-close").click()

    def choose(self, name, value):
        self.find(f'input[name="{name}"][value="{value}"]').click()

    def keys(self, *keys):
        self.driver.switch_to.active_element.send_keys(*keys)

    def chosen(self):
        """What is ticked on the case that is shown."""
        ticked = self.driver.find_elements(By.CSS_SELECTOR, "#grades input:checked")
        return {one.get_property("name"): one.get_property("value") for one in ticked}

    def confirm(self):
        WebDriverWait(self.driver, 60).until(lambda driver: driver.switch_to.alert).accept()

    def save(self):
        """Press the button and wait for the file."""
        before = set(self.downloads.iterdir())
        self.find("#save").click()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            new = [path for path in self.downloads.iterdir() if path not in before and path.suffix == ".json"]
            if new:
                return new[0]
            time.sleep(0.05)
        raise AssertionError("nothing was saved")

    def complaints(self):
        """Errors of the console, which hold every breach of the page's policy too."""
        return [entry for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]


@pytest.fixture
def reader(tmp_path):
    person = Reader(tmp_path)
    yield person
    person.driver.quit()


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return small_study(tmp_path_factory.mktemp("study"))


def test_a_reading_from_the_first_case_to_the_report(reader, study, tmp_path):
    page, cases = study
    reader.open(page)
    assert reader.find("#help").is_displayed() and "Not for medical use" in reader.text("#help")
    reader.begin()
    assert reader.text("#place") == "Case 1 of 8"
    shown = reader.driver.execute_script(
        "const p = document.getElementById('picture'); return [p.naturalWidth, p.naturalHeight, p.complete]"
    )
    assert shown == [64, 64, True]

    # The first case by clicks, the note with what keyboards around the world give.
    for name, value in zip(CRITERIA, (4, 3, 5, 2), strict=True):
        reader.choose(name, value)
    reader.choose("origin", "made")
    # ChromeDriver types no characters beyond the basic plane.
    note = reader.find("#note")
    reader.driver.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
        note,
        NOTE,
    )
    note.send_keys(" 5n")
    assert reader.text("#count") == "1 of 8 cases graded"
    reader.find("#next").click()

    # The second by keys alone, with one that cannot be judged.
    reader.keys("2", "0", "4", "1", "s")
    assert reader.chosen() == {
        "anatomy": "2",
        "symmetry": "none",
        "proportion": "4",
        "style": "1",
        "origin": "truth",
    }
    # The third by keys from inside a row of grades; the keys go on from row to row.
    reader.keys(Keys.ARROW_RIGHT)
    assert reader.text("#place") == "Case 3 of 8" and reader.chosen() == {}
    reader.driver.execute_script("document.querySelector('input[name=anatomy]').focus()")
    reader.keys("5")
    for key in ("5", "4", "3"):
        reader.keys(key)
    assert list(reader.chosen().values()) == ["5", "5", "4", "3"]
    # In a row the arrows change the grade and stay on the case.
    reader.driver.execute_script("document.querySelector('input[name=style]:checked').focus()")
    reader.keys(Keys.ARROW_RIGHT)
    assert reader.chosen()["style"] == "4" and reader.text("#place") == "Case 3 of 8"
    # The fourth in part, with the mark moved.
    reader.keys(Keys.ESCAPE)
    reader.keys(Keys.ARROW_RIGHT)
    reader.keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    reader.keys("3")
    assert reader.chosen() == {"proportion": "3"}
    assert reader.text("#count") == "3 of 8 cases graded"
    reader.keys(Keys.ARROW_LEFT)
    reader.keys("n")
    assert reader.text("#place") == "Case 4 of 8"

    # Saving needs a name; then the tab is closed and opened again.
    reader.find("#save").click()
    assert "initials" in reader.text("#alert") and not list(reader.downloads.iterdir())
    reader.find("#reader").send_keys("Dr. Ö/x 12")
    reader.driver.refresh()
    assert not reader.find("#help").is_displayed()
    assert reader.text("#place") == "Case 4 of 8" and reader.chosen() == {"proportion": "3"}
    reader.find("#strip button").click()
    assert reader.find("#note").get_property("value") == NOTE + " 5n"
    assert reader.chosen() == {
        "anatomy": "4",
        "symmetry": "3",
        "proportion": "5",
        "style": "2",
        "origin": "made",
    }

    saved = reader.save()
    assert saved.name.endswith("-Dr-Ö-x-12.json")
    document = json.loads(saved.read_text("utf-8"))
    ids = [case.id for case in cases]
    assert document["reader"] == "Dr. Ö/x 12"
    assert document["answers"] == {
        ids[0]: {
            "anatomy": 4,
            "symmetry": 3,
            "proportion": 5,
            "style": 2,
            "origin": "made",
            "note": NOTE + " 5n",
        },
        ids[1]: {"anatomy": 2, "symmetry": None, "proportion": 4, "style": 1, "origin": "truth"},
        ids[2]: {"anatomy": 5, "symmetry": 5, "proportion": 4, "style": 4},
        ids[3]: {"proportion": 3},
    }
    report = analyse([saved], key_path(page))
    assert report["readers"] == [
        {
            "reader": "Dr. Ö/x 12",
            "complete": 2,
            "in_part": 2,
            "not_graded": 4,
            "cannot_be_judged": 1,
            "notes": 1,
        }
    ]
    for source in ("made", "truth"):
        given = [g for c, g in zip(cases, (5, 4, 4, 3), strict=False) if c.source == source]
        assert report["measures"]["proportion"][source]["n"] == len(given)
        assert report["measures"]["proportion"][source]["mean"] == pytest.approx(sum(given) / len(given))
    right = (cases[0].source == "made") + (cases[1].source == "truth")
    assert (report["guesses"]["all"]["right"], report["guesses"]["all"]["of"]) == (right, 2)
    assert reader.complaints() == []


def test_saved_answers_go_on_elsewhere_and_strangers_are_refused(reader, study, tmp_path):
    page, cases = study
    key = json.loads(key_path(page).read_text("utf-8"))
    document = {
        "format": "maskel-study-answers",
        "version": 1,
        "study": key["study"],
        "reader": "AB",
        "answers": {cases[2].id: {"anatomy": 1, "note": "<img src=x onerror=alert(1)>"}},
    }
    changes = {
        "good": {},
        "other": {"study": "0" * 16},
        "grade": {"answers": {cases[0].id: {"anatomy": 9}}},
        "case": {"answers": {"nobody": {}}},
        "format": {"format": "x"},
    }
    paths = {"text": tmp_path / "text.json"}
    paths["text"].write_text("no JSON")
    for name, change in changes.items():
        paths[name] = tmp_path / f"{name}.json"
        paths[name].write_text(json.dumps(document | change), "utf-8")
    reader.open(page)
    reader.begin()
    wanted = {
        "text": "not JSON",
        "other": "another study",
        "grade": "not possible",
        "case": "nobody",
        "format": "no file of",
    }
    for name, words in wanted.items():
        reader.find("#file").send_keys(str(paths[name]))
        WebDriverWait(reader.driver, 60).until(lambda _, words=words: words in reader.text("#alert"))
        assert f"{name}.json" in reader.text("#alert")
    reader.find("#file").send_keys(str(paths["good"]))
    WebDriverWait(reader.driver, 60).until(lambda _: reader.find("#reader").get_property("value") == "AB")
    reader.find("#strip button:nth-child(3)").click()
    assert reader.chosen() == {"anatomy": "1"}
    assert reader.find("#note").get_property("value").startswith("<img")
    assert json.loads(reader.save().read_text("utf-8"))["answers"] == document["answers"]
    # Another file over these answers asks first; so does clearing for the next reader.
    reader.find("#file").send_keys(str(paths["good"]))
    reader.confirm()
    reader.find("#help-open").click()
    reader.find("#clear").click()
    reader.confirm()
    reader.begin()
    assert reader.text("#count") == "0 of 8 cases graded" and reader.chosen() == {}
    assert reader.find("#reader").get_property("value") == ""
    assert reader.complaints() == []


def test_a_browser_that_keeps_nothing_says_so(reader, study):
    page, cases = study
    reader.driver.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument",
        {
            "source": "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); };"
        },
    )
    reader.open(page)
    reader.begin()
    reader.keys("4")
    assert "cannot be kept" in reader.text("#alert") and reader.find("#alert").is_displayed()
    reader.find("#reader").send_keys("C")
    assert json.loads(reader.save().read_text("utf-8"))["answers"] == {cases[0].id: {"anatomy": 4}}


def test_two_tabs_share_their_answers(reader, study):
    page, _ = study
    reader.open(page)
    reader.begin()
    first = reader.driver.current_window_handle
    reader.driver.switch_to.new_window("tab")
    reader.open(page)
    reader.begin()
    reader.keys("3")
    reader.driver.switch_to.window(first)
    WebDriverWait(reader.driver, 60).until(lambda _: reader.chosen() == {"anatomy": "3"})
    reader.keys("2")
    assert reader.chosen() == {"anatomy": "3", "symmetry": "2"}


def test_everything_has_a_name_and_a_place_in_the_order(reader, study):
    page, _ = study
    reader.open(page)
    reader.begin()
    nameless = reader.driver.execute_script(
        """return [...document.querySelectorAll("button, input, textarea")].filter((one) =>
             !(one.textContent.trim() || one.getAttribute("aria-label") || (one.labels && one.labels.length)))
           .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    sets = reader.driver.find_elements(By.CSS_SELECTOR, "fieldset")
    assert [one.find_element(By.TAG_NAME, "legend").text for one in sets] == [
        "Anatomy",
        "Symmetry",
        "Proportion",
        "Image style",
        "Where from?",
    ]
    reader.driver.execute_script("document.getElementById('reader').focus()")
    stops = []
    for _ in range(20):
        reader.keys(Keys.TAB)
        stops.append(
            reader.driver.execute_script(
                "const a = document.activeElement; return a.name || a.id || a.tagName"
            )
        )
        if stops[-1] == "next":
            break
    wanted = ["help-open", "load", "save", "view", "zoom", *CRITERIA, "origin", "note"]
    assert [stop for stop in stops if stop in wanted] == wanted and stops[-1] == "next"
