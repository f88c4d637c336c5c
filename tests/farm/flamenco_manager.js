// What Flamenco Manager gives to a job type, in as much as ours needs it. Reads a job as JSON from stdin, prints its tasks.
"use strict";
const fs = require("fs");
const vm = require("vm");

function explode(range) {
    const frames = new Set();
    for (const part of range.replaceAll("..", "-").split(",")) {
        const ends = part.split("-").map((text) => text.trim());
        if (ends.length > 2 || !ends.every((text) => /^\d+$/.test(text))) throw new Error(`invalid range ${range}`);
        for (let frame = Number(ends[0]); frame <= Number(ends[ends.length - 1]); frame++) frames.add(frame);
    }
    return [...frames].sort((a, b) => a - b);
}

function merge(frames) {
    const ranges = [];
    for (let begin = 0, i = 1; i <= frames.length; i++) {
        if (i < frames.length && frames[i] === frames[i - 1] + 1) continue;
        const run = frames.slice(begin, i);
        // two in a row are no range
        ranges.push(run.length > 2 ? `${run[0]}-${run[run.length - 1]}` : run.join(","));
        begin = i;
    }
    return ranges.join(",");
}

function frameChunker(range, size) {
    if (size < 1) throw new Error("invalid chunk size");
    const frames = explode(range);
    const chunks = [];
    for (let i = 0; i < frames.length; i += size) chunks.push(merge(frames.slice(i, i + size)));
    return chunks;
}

function shellSplit(text) {
    return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]);
}

const job = JSON.parse(fs.readFileSync(0, "utf-8"));
const tasks = [];
job.addTask = (task) => tasks.push(task);
const sandbox = vm.createContext({
    print: () => {},
    formatTimestampLocal: () => "2026-01-02_030405",
    frameChunker,
    shellSplit,
    path: { join: (...parts) => parts.join("/") },
    author: {
        Task: (name, type) => {
            const commands = [];
            return { name, type, commands, addCommand: (command) => commands.push(command) };
        },
        Command: (name, parameters) => ({ name, parameters }),
    },
});
vm.runInContext(fs.readFileSync(process.argv[2], "utf-8"), sandbox);
const type = vm.runInContext("JOB_TYPE", sandbox);
for (const setting of type.settings) {
    if (job.settings[setting.key] === undefined && setting.default !== undefined) job.settings[setting.key] = setting.default;
}
try {
    vm.runInContext("compileJob", sandbox)(job);
    console.log(JSON.stringify({ type, tasks, settings: job.settings }));
} catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
}
