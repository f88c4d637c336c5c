"""The container file, as far as it can be checked without building it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.listening import Listening

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def steps():
    """(instruction, rest) of every step, lines joined."""
    text = (ROOT / "Containerfile").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    return [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]


def all_of(steps, name):
    return [rest for instruction, rest in steps if instruction == name]


def test_what_it_copies_is_there(steps):
    for rest in all_of(steps, "COPY"):
        *sources, _ = rest.split()
        for source in sources:
            assert (ROOT / source).exists(), source


def test_it_does_not_run_as_root(steps):
    order = [name for name, _ in steps]
    assert all_of(steps, "USER") == ["maskel"]
    assert order.index("USER") < order.index("ENTRYPOINT") and order[-1] == "CMD"
    assert "RUN" not in order[order.index("USER") :]


def test_it_names_no_host_but_the_base_image(steps):
    (base,) = all_of(steps, "FROM")
    hosts = re.findall(r"[\w-]+(?:\.[\w-]+)*\.(?:io|org|com|net)\b", " ".join(rest for _, rest in steps))
    assert hosts == ["docker.io"] and base.startswith("docker.io/library/python:")


def test_the_command_line_is_one_that_maskel_takes(steps):
    (entry,), (arguments,) = all_of(steps, "ENTRYPOINT"), all_of(steps, "CMD")
    program, command, *_ = json.loads(entry)
    options = {option for option in json.loads(arguments) if option.startswith("--")}
    from maskel_core.cli import app
    from typer.main import get_command

    known = {name for one in get_command(app).commands[command].params for name in one.opts}
    assert program == "maskel" and options <= known
    assert {"--allow-remote", "--token-file"} <= options, "nobody gets in without the token"


def test_the_health_check_tells_well_from_ill(steps):
    (rest,) = all_of(steps, "HEALTHCHECK")
    command = json.loads(rest[rest.index("CMD") + 3 :])
    assert command[:2] == ["python", "-c"]

    def probe(port):
        code = command[2].replace("8765", str(port))
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
        ).returncode

    server = Listening()
    try:
        assert probe(server.port) == 0
    finally:
        server.end()
    assert probe(server.port) != 0
