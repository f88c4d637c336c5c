"""``maskel study`` as users meet it, with the model that ships."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.test_commands import run_process
from tests.core.reading import write_answers
from tests.core.synthetic import write_shards

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with data, a page and its key, and what the command said."""
    folder = tmp_path_factory.mktemp("study")
    data = write_shards(folder / "data", {"test": 4}, size=300)
    before = sorted(data.iterdir())
    done = run_process(
        "study",
        "make",
        "--data",
        data,
        "--out",
        folder / "sub" / "reading.html",
        *("--cases", 6, "--style", "radiograph", "--threads", 1),
    )
    assert done.returncode == 0, done.stderr
    assert sorted(data.iterdir()) == before
    return folder / "sub", done


def test_make_writes_a_page_and_a_key_and_says_where(made):
    folder, done = made
    assert sorted(path.name for path in folder.iterdir()) == ["reading.html", "reading.key.json"]
    assert "reading.html" in done.stderr and "reading.key.json" in done.stderr
    assert "Warning" not in done.stderr
    key = json.loads((folder / "reading.key.json").read_text("utf-8"))
    assert len(key["cases"]) == 6 and key["style"] == "radiograph"
    # The model's own size, which is less than the data's.
    assert key["size"] in (256, 300) and isinstance(key["seed"], int)
    page = (folder / "reading.html").read_text("utf-8")
    assert key["study"] in page and not re.search("https?:", page)


def test_a_page_is_not_written_over(made):
    folder, _ = made
    page = folder / "reading.html"
    before = page.read_bytes()
    done = run_process("study", "make", "--data", folder.parent / "data", "--out", page, "--cases", 4)
    assert done.returncode == 1 and done.stderr.startswith("Error:") and page.read_bytes() == before


def test_a_page_with_another_ending_is_wrong_use(made):
    folder, _ = made
    done = run_process("study", "make", "--data", folder.parent / "data", "--out", folder / "page.pdf")
    assert done.returncode == 2 and "page.pdf" in done.stderr and "Traceback" not in done.stderr


def test_analyse_writes_the_report_and_prints_the_table(made, tmp_path):
    folder, _ = made
    key = folder / "reading.key.json"
    cases = json.loads(key.read_text("utf-8"))["cases"]
    grades = {"made": 2, "truth": 5}
    files = [
        write_answers(
            tmp_path / f"{reader}.json",
            key,
            reader,
            {
                case["id"]: dict.fromkeys(
                    ("anatomy", "symmetry", "proportion", "style"), grades[case["source"]]
                )
                for case in cases[:number]
            },
        )
        for reader, number in (("A", 6), ("B", 4))
    ]
    done = run_process("study", "analyse", *files, "--key", key, "--out", tmp_path / "report")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if line.startswith("| Anatomy |"))
    assert [cell.split(" ")[0] for cell in row.strip("| ").split(" | ")[1:4]] == ["2.00", "5.00", "-3.00"]
    report = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert report["model"] and report["measures"]["style"]["difference"]["n"] == 3
    assert report["agreement"]["style"]["alpha"] == 1
    assert row in (tmp_path / "report" / "report.md").read_text("utf-8")


def test_answers_of_another_study_are_a_message(made, tmp_path):
    key = made[0] / "reading.key.json"
    answers = write_answers(tmp_path / "a.json", key, "A", {}, study="0123456789abcdef")
    done = run_process("study", "analyse", answers, "--key", key, "--out", tmp_path / "report")
    assert done.returncode == 1 and done.stderr.startswith("Error:") and "a.json" in done.stderr
    assert not (tmp_path / "report").exists()
