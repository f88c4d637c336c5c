"""The whole way with real parts: a character, a server as its own process, Blender, an X-ray over the character.

    .venv/bin/python examples/demo/run.py [--out demo]

Needs the maskel package in this Python, and a Blender: the bpy module in an environment .venv-bpy-VERSION beside the
repository's files, or a program named by --blender. Leaves demo.blend, mask.png, xray.png and overlay.png in the output folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
READY_SECONDS = 120.0
BLENDER_SECONDS = 600.0
RESULTS = ("demo.blend", "mask.png", "xray.png", "overlay.png")


def maskel_program() -> str:
    """The `maskel` of the environment this script runs in."""
    folder = Path(sys.executable).parent
    for name in ("maskel", "maskel.exe"):
        if (folder / name).is_file():
            return str(folder / name)
    raise SystemExit(f"There is no maskel in {folder}. Run `make setup`, or `pip install -e .` there.")


def blender_command(blender: str | None) -> list[str]:
    """How to run a Python file in Blender."""
    if blender is not None:
        return [blender, "-b", "--factory-startup", "--python-exit-code", "3", "--python"]
    wanted = [REPOSITORY / ".venv-bpy-4.5", *sorted(REPOSITORY.glob(".venv-bpy-*"), reverse=True)]
    for environment in wanted:
        for program in ("bin/python", "Scripts/python.exe"):
            if (environment / program).exists():
                return [str(environment / program)]
    raise SystemExit("There is no Blender here. Run `make setup`, or name one: --blender PROGRAM")


@contextlib.contextmanager
def server(maskel: str, folder: Path) -> Iterator[dict[str, str]]:
    """Run `maskel serve` as a process; yields the environment that leads to it."""
    command = [
        maskel,
        "serve",
        "--port",
        "0",
        "--token-file",
        str(folder / "token"),
        "--publish",
        str(folder / "server.json"),
    ]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--exit-with-parent"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    lines: queue.Queue[bytes] = queue.Queue()

    def read() -> None:
        if process.stdout is not None:
            for line in process.stdout:
                lines.put(line)
        lines.put(b"")

    threading.Thread(target=read, daemon=True).start()
    try:
        yield {"MASKEL_SERVER": _wait_ready(lines, folder), "MASKEL_TOKEN_FILE": str(folder / "token")}
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_ready(lines: queue.Queue[bytes], folder: Path) -> str:
    end = time.monotonic() + READY_SECONDS
    while True:
        try:
            line = lines.get(timeout=max(end - time.monotonic(), 0.01))
        except queue.Empty:
            raise SystemExit(f"The server was not ready within {READY_SECONDS:.0f} s.") from None
        if not line:
            raise SystemExit(
                "The server ended:\n" + (folder / "server.log").read_text(encoding="utf-8", errors="replace")
            )
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return str(json.loads(line)["url"])


class Steps:
    """Prints how long each step took."""

    def __init__(self) -> None:
        self.began = self._last = time.perf_counter()

    def done(self, what: str) -> None:
        """Print the time since the last step."""
        now = time.perf_counter()
        print(f"{what:<44} {now - self._last:6.2f} s", flush=True)
        self._last = now


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=REPOSITORY / "demo", metavar="DIR")
    parser.add_argument("--blender", metavar="PROGRAM", help="a Blender program instead of the bpy module")
    parser.add_argument("--style", default="dxa")
    parser.add_argument("--seed", type=int, help="another person and pose")
    options = parser.parse_args()
    maskel, blender = maskel_program(), blender_command(options.blender)
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in RESULTS:
        (out / name).unlink(missing_ok=True)
    steps = Steps()
    with tempfile.TemporaryDirectory(prefix="maskel-demo-") as temporary:
        folder = Path(temporary)
        character = folder / "character.npz"
        seed = ["--seed", str(options.seed)] if options.seed is not None else []
        subprocess.run(
            [maskel, "data", "character", "--out", str(character), *seed],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        steps.done("Character (body, armature, pose)")
        with server(maskel, folder) as environment:
            steps.done("Server started, model loaded")
            script = [str(REPOSITORY / "examples" / "demo" / "scene.py")]
            arguments = ["--character", str(character), "--out", str(out), "--style", options.style]
            separator = ["--"] if options.blender else []
            status = _run_in_blender([*blender, *script, *separator, *arguments], environment)
            steps.done("Blender, all of the steps above")
        steps.done("Server stopped")
    missing = [name for name in RESULTS if not (out / name).is_file()]
    if status or missing:
        print(
            f"The demo failed (status {status}, missing: {', '.join(missing) or 'nothing'}).", file=sys.stderr
        )
        return 1
    print(f"Done in {time.perf_counter() - steps.began:.1f} s. The results:")
    for name in RESULTS:
        print(f"  {out / name}")
    return 0


def _run_in_blender(command: list[str], environment: dict[str, str]) -> int:
    """Run, show what our script prints (indented) and, if it fails, all that was said."""
    result = subprocess.run(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=BLENDER_SECONDS,
        check=False,
    )
    for line in result.stdout.splitlines():
        if result.returncode or line.startswith("  "):
            print(line)
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
