"""A batch in a Blender program that is killed and interrupted until it is done: is anything lost or made twice?

    python3 benchmarks/resume.py [--blender blender] [--cameras 24] [--frames 50] [--stops 8] [--seed 1]

Builds the extension with that Blender, installs it into a user folder of its own, and runs `--command maskel` against the
stand-in server, which counts. Half of the stops are SIGKILL, half Ctrl-C, at random moments. Needs numpy and a POSIX system.
Adds to docs/measurements/resume.json; status 1 if anything was lost or is there twice.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from maskel_blender.batch.files import digest_of  # noqa: E402

from tests.fakes.xray_server import FakeServer, Faults  # noqa: E402
from tools import extension  # noqa: E402

RESULTS = REPOSITORY / "docs" / "measurements" / "resume.json"
SCENE = """
import math, sys
sys.path.insert(0, {repository!r})
import bpy
from benchmarks import blender_scene as bench
scene = bench.empty_scene()
_, rig = bench.figure(scene, 0, 0)
for number in range({cameras}):
    turn = 2.0 * math.pi * number / {cameras}
    bench.add_camera(scene, f"Camera {{number:02d}}", (4.5 * math.sin(turn), -4.5 * math.cos(turn), 1.1))
bench.set_resolution(scene, 48, 64)
for frame, x in ((1, -0.3), ({frames}, 0.3)):
    rig.location.x = x
    rig.keyframe_insert("location", index=0, frame=frame)
bpy.ops.wm.save_as_mainfile(filepath={file!r})
"""
LIMIT_SECONDS = 900
INTERRUPTED = 130


class Trial:
    """One batch: folder, server and how to start it."""

    def __init__(self, options: argparse.Namespace, folder: Path, server: FakeServer) -> None:
        self.options, self.folder, self.server = options, folder, server
        self.manifest, self.output = folder / "m.json", folder / "out"
        token = folder / "token"
        token.write_text(server.token)
        self.environment = {
            **os.environ,
            "BLENDER_USER_RESOURCES": str(folder / "user"),
            "MASKEL_SERVER": server.url,
            "MASKEL_TOKEN_FILE": str(token),
        }

    def prepare(self) -> None:
        """Install the extension, save the scene."""
        blender, folder = self.options.blender, self.folder
        archive = extension.build(blender, folder)
        scene = SCENE.format(
            repository=str(REPOSITORY),
            cameras=self.options.cameras,
            frames=self.options.frames,
            file=str(folder / "scene.blend"),
        )
        install = ["--command", "extension", "install-file", "-r", "user_default", "--enable", str(archive)]
        make = ["--factory-startup", "--python-exit-code", "3", "--python-expr", scene]
        for arguments in (install, make):
            subprocess.run([blender, "-b", *arguments], env=self.environment, check=True)

    def start(self) -> subprocess.Popen[bytes]:
        """The command, from the shell's point of view always the same."""
        command = [self.options.blender, "-b", str(self.folder / "scene.blend"), "--command", "maskel"]
        command += ["--camera", "all", "--frames", f"1-{self.options.frames}", "--output", str(self.output)]
        command += ["--manifest", str(self.manifest), "--quiet"]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def recorded(self) -> int:
        """Items that are known to be done."""
        journal = self.folder / "m.json.journal"
        done = set()
        if self.manifest.exists():
            items = json.loads(self.manifest.read_text("utf-8"))["items"]
            done = {(i["camera"], i["frame"]) for i in items if i["status"] == "done"}
        if journal.exists():
            # the last line may be half a line: the process was killed
            for line in journal.read_text("utf-8", "replace").splitlines():
                try:
                    item = json.loads(line)
                except ValueError:
                    continue
                if item.get("status") == "done":
                    done.add((item["camera"], item["frame"]))
        return len(done)

    def stopped_by(self, number: int, after: int, wait: float) -> dict[str, Any]:
        """Run until the server has been asked `after` times more, wait so many seconds, send the signal."""
        before, end = self.server.runs, time.monotonic() + LIMIT_SECONDS
        process = self.start()
        while self.server.runs - before < after and process.poll() is None and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(wait)
        process.send_signal(number)
        status = process.wait(60)
        return {
            "by": signal.Signals(number).name,
            "status": status,
            "inferred": self.server.runs - before,
            "recorded": self.recorded(),
        }

    def outcome(self) -> dict[str, Any]:
        """What the manifest and the folder hold at the end."""
        document = json.loads(self.manifest.read_text("utf-8"))
        keys = [(item["camera"], item["frame"]) for item in document["items"] if item["status"] == "done"]
        cameras = [f"Camera {number:02d}" for number in range(self.options.cameras)]
        wanted = {(camera, frame) for camera in cameras for frame in range(1, self.options.frames + 1)}
        files = [
            (self.output / file["path"], file["sha256"])
            for item in document["items"]
            for file in item["files"]
        ]
        there = {path for path in self.output.rglob("*") if path.is_file()}
        return {
            "manifest": document["status"],
            "items": len(keys),
            "lost": len(wanted - set(keys)),
            "twice": len(keys) - len(set(keys)) + len(files) - len({path for path, _ in files}),
            "files": len(there),
            "files_damaged": sum(path not in there or digest_of(path) != digest for path, digest in files),
            "files_unknown": len(there - {path for path, _ in files}),
            "journal_left": (self.folder / "m.json.journal").exists(),
        }


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Stop the batch so often, finish it, look at what is there."""
    chance = random.Random(options.seed)
    items = options.cameras * options.frames
    with FakeServer(faults=Faults(delay=0.005)) as server:
        trial = Trial(options, folder, server)
        trial.prepare()
        began = time.monotonic()
        stops = []
        for index in range(options.stops):
            number = signal.SIGKILL if index % 2 == 0 else signal.SIGINT
            after = chance.randint(1, max(1, items // (options.stops + 1)))
            stops.append(trial.stopped_by(number, after, chance.uniform(0.0, 0.05)))
        status = trial.start().wait(LIMIT_SECONDS)
        inferred, seconds = server.runs, time.monotonic() - began
        outcome = trial.outcome()
        again = trial.start().wait(LIMIT_SECONDS)
        return {
            "cameras": options.cameras,
            "frames": options.frames,
            "seed": options.seed,
            "stops": stops,
            "last_status": status,
            **outcome,
            "inferred": inferred,
            "inferred_again": inferred - items,
            "run_once_more": {"status": again, "inferred": server.runs - inferred},
            "seconds": round(seconds, 1),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        }


def right(values: dict[str, Any]) -> bool:
    """Nothing lost, nothing twice, no more repeated than was in work at a kill, none for Ctrl-C."""
    kills = sum(stop["by"] == "SIGKILL" for stop in values["stops"])
    faults = ("lost", "twice", "files_damaged", "files_unknown", "journal_left")
    return (
        not any(values[name] for name in faults)
        and values["last_status"] == 0
        and values["run_once_more"] == {"status": 0, "inferred": 0}
        and 0 <= values["inferred_again"] <= 3 * kills
        and all(stop["status"] == INTERRUPTED for stop in values["stops"] if stop["by"] == "SIGINT")
    )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blender", default="blender", metavar="PROGRAM")
    for name, value in (("cameras", 24), ("frames", 50), ("stops", 8), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    version = subprocess.run([options.blender, "--version"], capture_output=True, text=True, check=True)
    with tempfile.TemporaryDirectory() as folder:
        values = measure(options, Path(folder))
    print(json.dumps(values, indent=1))
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    results[version.stdout.split("\n", 1)[0].removeprefix("Blender ").strip()] = values
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0 if right(values) else 1


if __name__ == "__main__":
    sys.exit(main())
