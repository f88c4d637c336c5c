"""What answers say, against values computed by hand and published examples; broken files are refused by name."""

from __future__ import annotations

import json

import numpy as np
import pytest
from maskel_core.errors import MaskelError
from maskel_core.study.analysis import analyse
from maskel_core.study.page import key_path
from maskel_core.study.report import escape, markdown, summary, write_report
from maskel_core.study.statistics import (
    coincidences,
    holm,
    krippendorff_alpha,
    mean_interval,
    paired_test,
    proportion,
    rank_test,
)

from tests.core.reading import small_study, write_answers

CRITERIA = ("anatomy", "symmetry", "proportion", "style")
_ = np.nan


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    page, cases = small_study(tmp_path_factory.mktemp("study"))
    return key_path(page), cases


def all_grades(cases, made, truth):
    """Every criterion of every case: ``made`` and ``truth`` are grades by body number (in order of their names)."""
    bodies = sorted({case.body for case in cases})
    pick = {"made": made, "truth": truth}
    return {case.id: dict.fromkeys(CRITERIA, pick[case.source][bodies.index(case.body)]) for case in cases}


def test_alpha_is_that_of_the_published_example():
    """Krippendorff 2011, section E: four observers, twelve units, missing values; ordinal alpha 0.815."""
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
            [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
        ]
    )
    observed = coincidences(ratings, [1, 2, 3, 4, 5]).sum(axis=0)
    # The coincidence matrix that the source prints, of 40 pairable values.
    third = 1 / 3
    printed = [[7, 4 * third, third, third, 0], [4 * third, 10, 4 * third, third, 0]]
    assert np.allclose(observed[:2], printed)
    assert observed.sum(axis=1).tolist() == pytest.approx([9, 13, 10, 5, 3])
    assert krippendorff_alpha(observed) == pytest.approx(0.815, abs=5e-4)


def test_alpha_of_perfect_of_opposite_and_of_no_ratings():
    scale = [1, 2, 3, 4, 5]
    same = np.array([[1, 2, 5, 3], [1, 2, 5, 3]], float)
    assert krippendorff_alpha(coincidences(same, scale).sum(axis=0)) == pytest.approx(1)
    opposite = np.array([[1, 5, 1, 5], [5, 1, 5, 1]], float)
    assert krippendorff_alpha(coincidences(opposite, scale).sum(axis=0)) < 0
    assert krippendorff_alpha(coincidences(np.full((2, 4), 3.0), scale).sum(axis=0)) is None
    assert krippendorff_alpha(coincidences(np.array([[1, 2.0]]), scale).sum(axis=0)) is None


def test_the_sign_flip_test_by_hand():
    # Of the 16 ways to sign (1, 1, 1, 1) two are as far from zero: 2 / 16.
    assert paired_test(np.ones(4)) == pytest.approx(0.125)
    # |sum| of (+-1, +-2, +-3): 6 or more in 2 of 8 ways.
    assert paired_test(np.array([1.0, 2, 3])) == pytest.approx(0.25)
    assert paired_test(np.array([1.0, -1.0])) == 1
    assert paired_test(np.zeros(5)) == 1
    assert paired_test(np.ones(1)) is None
    assert paired_test(np.full(20, 0.5)) < 0.001


def test_ranks_by_hand():
    chance, p = rank_test(np.array([3.0, 4, 5]), np.array([1.0, 2]))
    # One of the ten ways to place two of five lowest, two-sided.
    assert (chance, p) == (1, pytest.approx(0.2))
    assert rank_test(np.array([2.0]), np.array([2.0, 2.0])) == (0.5, 1)
    assert rank_test(np.empty(0), np.ones(2)) is None


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([]) == []


def test_exact_binomial_interval_of_a_published_example():
    """Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, Clopper and Pearson 0.2527 to 0.3676."""
    found = proportion(81, 263)
    assert found["interval"] == pytest.approx([0.2527, 0.3676], abs=5e-5)
    assert proportion(5, 10)["p"] == 1 and proportion(0, 5)["p"] == pytest.approx(2 / 32)


def test_the_interval_of_a_mean_covers_as_often_as_it_says():
    rng = np.random.default_rng(4)
    hits = 0
    for seed in range(200):
        low, high = mean_interval(rng.normal(1, 2, 25), seed=seed)
        hits += low <= 1 <= high
    assert 0.88 <= hits / 200 <= 0.99
    assert mean_interval(np.full(5, 2.0)) == (2, 2)
    assert mean_interval(np.ones(4)) is None


def test_intervals_and_agreement_of_a_larger_study(tmp_path):
    page, cases = small_study(tmp_path, count=12)
    key = key_path(page)
    made, truth = [1, 2, 3, 4, 3, 2], [5, 4, 4, 5, 5, 5]
    one = write_answers(tmp_path / "1.json", key, "A", all_grades(cases, made, truth))
    two = write_answers(tmp_path / "2.json", key, "B", all_grades(cases, [2, 2, 3, 4, 3, 1], truth))
    report = analyse([one, two], key)
    found = report["measures"]["overall"]
    for source, mean in (("made", 2.5), ("truth", 28 / 6), ("difference", 2.5 - 28 / 6)):
        low, high = found[source]["interval"]
        assert low < found[source]["mean"] < high and found[source]["mean"] == pytest.approx(mean)
    # All six differences have one sign: two of 64 ways.
    assert found["p"] == pytest.approx(2 / 64)
    agreement = report["agreement"]["anatomy"]
    low, high = agreement["interval"]
    assert low < agreement["alpha"] <= high <= 1 and 0.8 < agreement["alpha"] < 1


def test_means_differences_and_tests_by_hand(study, tmp_path):
    key, cases = study
    one = write_answers(tmp_path / "one.json", key, "A", all_grades(cases, [3, 2, 4, 1], [4, 4, 5, 3]))
    two = write_answers(tmp_path / "two.json", key, "B", all_grades(cases, [3, 4, 4, 3], [4, 4, 5, 5]))
    report = analyse([one, two], key)
    for name in (*CRITERIA, "overall"):
        found = report["measures"][name]
        assert found["made"]["mean"] == pytest.approx((3 + 3 + 4 + 2) / 4)
        assert found["truth"]["mean"] == pytest.approx((4 + 4 + 5 + 4) / 4)
        # By body: -1, -(2 + 0) / 2, -1, -2.
        assert found["difference"]["mean"] == pytest.approx(-1.25)
        assert found["difference"]["n"] == found["made"]["n"] == found["truth"]["n"] == 4
        # Four bodies are too few for an interval.
        assert found["difference"]["interval"] is None
        assert found["p"] == pytest.approx(0.125)
        assert found["first_part"]["made"]["n"] == found["first_part"]["truth"]["n"] == 2
    assert report["measures"]["anatomy"]["p_holm"] == pytest.approx(0.5)
    assert "p_holm" not in report["measures"]["overall"]
    assert report["by_view"] == {"front": report["by_view"]["front"]}
    assert report["by_view"]["front"]["style"]["difference"]["mean"] == pytest.approx(-1.25)
    assert report["by_pose"]["standing"]["style"]["difference"]["n"] == 4
    assert [r["complete"] for r in report["readers"]] == [8, 8]
    assert report["guesses"]["all"] is None
    files = [json.loads(path.read_text("utf-8"))["answers"] for path in (one, two)]
    ratings = np.array([[answers[case.id]["style"] for case in cases] for answers in files], float)
    alpha = krippendorff_alpha(coincidences(ratings, [1, 2, 3, 4, 5]).sum(axis=0))
    assert report["agreement"]["style"]["alpha"] == pytest.approx(alpha)
    assert report["agreement"]["style"]["cases"] == 8


def test_incomplete_answers_are_counted_and_used(study, tmp_path):
    key, cases = study
    made = [case for case in cases if case.source == "made"]
    partner = next(case for case in cases if case.body == made[0].body and case.source == "truth")
    answers = {
        made[0].id: {"anatomy": 2, "symmetry": None, "note": "Rippen fehlen | <b>½</b>"},
        partner.id: {"anatomy": 5, "symmetry": 4, "proportion": 4, "style": 4, "origin": "truth"},
        made[1].id: {"anatomy": 4},
        made[2].id: {"note": "nothing to grade"},
    }
    report = analyse([write_answers(tmp_path / "a.json", key, "A", answers)], key)
    reader = report["readers"][0]
    assert (reader["complete"], reader["in_part"], reader["not_graded"]) == (1, 2, 5)
    assert (reader["cannot_be_judged"], reader["notes"]) == (1, 2)
    anatomy = report["measures"]["anatomy"]
    assert (anatomy["made"]["mean"], anatomy["made"]["n"], anatomy["difference"]["mean"]) == (3, 2, -3)
    assert anatomy["difference"]["interval"] is None and anatomy["p"] is None
    assert report["measures"]["symmetry"]["made"] == {"mean": None, "interval": None, "n": 0}
    assert report["measures"]["overall"]["made"]["n"] == 0
    assert report["agreement"]["anatomy"] == {"alpha": None, "interval": None, "cases": 0}
    assert report["guesses"]["all"]["right"] == report["guesses"]["truth"]["of"] == 1
    assert report["guesses"]["made"] is None
    write_report(report, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert "Rippen fehlen \\| &lt;b&gt;½&lt;/b&gt;" in text and "<b>" not in text
    assert json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))["notes"][0]["reader"] == "A"


def test_guesses_are_counted_by_what_the_picture_was(study, tmp_path):
    key, cases = study
    files = []
    for reader, guess in (("A", lambda case: case.source), ("B", lambda case: "truth")):
        answers = {case.id: {"anatomy": 3, "origin": guess(case)} for case in cases}
        files.append(write_answers(tmp_path / f"{reader}.json", key, reader, answers))
    found = analyse(files, key)["guesses"]
    assert (found["all"]["right"], found["all"]["of"]) == (12, 16)
    assert (found["made"]["right"], found["made"]["of"]) == (4, 8)
    assert (found["truth"]["right"], found["truth"]["of"]) == (8, 8)
    assert found["by_reader"]["A"]["share"] == 1 and found["by_reader"]["B"]["share"] == 0.5
    assert found["by_reader"]["A"]["p"] == pytest.approx(2 / 2**8)


def test_tables_keep_their_columns(study, tmp_path):
    key, cases = study
    nasty = "a|b\n# c <img src=x> [l](http://x) `d`"
    answers = all_grades(cases, [1, 2, 3, 4], [5, 5, 5, 5])
    report = analyse([write_answers(tmp_path / "a.json", key, nasty, answers)], key)
    text = markdown(report)
    assert summary(report) in text and "<img" not in text and "a\\|b" in text
    for block in text.split("\n\n"):
        rows = [line.replace("\\|", "") for line in block.splitlines() if line.startswith("|")]
        assert len({row.count("|") for row in rows}) <= 1
    assert escape("x\ny|<") == "x y\\|&lt;"


GOOD = {"anatomy": 3}


@pytest.mark.parametrize(
    "changes, code",
    [
        ({"study": "0" * 16}, "other_study"),
        ({"format": "something"}, "answers_damaged"),
        ({"version": 2}, "answers_damaged"),
        ({"reader": "  "}, "answers_damaged"),
        ({"reader": 7}, "answers_damaged"),
        ({"answers": []}, "answers_damaged"),
        ({"answers": {}}, "no_grades"),
        ({"answers": {"nobody": GOOD}}, "answers_damaged"),
        ({"one": {"anatomy": 6}}, "answers_damaged"),
        ({"one": {"anatomy": 2.5}}, "answers_damaged"),
        ({"one": {"anatomy": True}}, "answers_damaged"),
        ({"one": {"anatomy": "3"}}, "answers_damaged"),
        ({"one": {"beauty": 3}}, "answers_damaged"),
        ({"one": {"origin": "mars"}}, "answers_damaged"),
        ({"one": {"origin": ["made"]}}, "answers_damaged"),
        ({"one": {"note": 3}}, "answers_damaged"),
        ({"one": 3}, "answers_damaged"),
        ({"one": {"note": "only a note", "anatomy": None}}, "no_grades"),
    ],
)
def test_answers_that_do_not_fit_are_refused_by_name(study, tmp_path, changes, code):
    key, cases = study
    changes = dict(changes)
    answers = {cases[0].id: changes.pop("one", GOOD)}
    path = write_answers(tmp_path / "answers.json", key, **{"reader": "A", "answers": answers, **changes})
    with pytest.raises(MaskelError) as refused:
        analyse([path], key)
    assert refused.value.code == code
    assert code == "no_grades" or str(path) in refused.value.message


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null", b"[" * 100_000])
def test_files_that_are_no_answers_are_refused(study, tmp_path, data):
    path = tmp_path / "broken.json"
    path.write_bytes(data)
    with pytest.raises(MaskelError) as refused:
        analyse([path], study[0])
    assert refused.value.code == "answers_damaged" and "broken.json" in refused.value.message
    with pytest.raises(MaskelError) as refused:
        analyse([path], path)
    assert refused.value.code == "key_damaged"


def test_missing_files_and_doubled_readers_are_refused(study, tmp_path):
    key, cases = study
    one = write_answers(tmp_path / "1.json", key, "Müller", {cases[0].id: GOOD})
    two = write_answers(tmp_path / "2.json", key, " MÜLLER ", {cases[1].id: GOOD})
    for files, used, code in (
        ([one, two], key, "duplicate_reader"),
        ([one, one], key, "duplicate_reader"),
        ([tmp_path / "no.json"], key, "answers_missing"),
        ([one], tmp_path / "no.key.json", "key_missing"),
        ([one], one, "key_damaged"),
    ):
        with pytest.raises(MaskelError) as refused:
            analyse(files, used)
        assert refused.value.code == code


@pytest.mark.parametrize("damage", ["twice", "source", "lacks", "none"])
def test_a_damaged_key_is_refused(study, tmp_path, damage):
    key, cases = study
    document = json.loads(key.read_text("utf-8"))
    if damage == "twice":
        document["cases"].append(document["cases"][0])
    elif damage == "source":
        document["cases"][0]["source"] = "found"
    elif damage == "lacks":
        del document["cases"][0]["view"]
    else:
        document["cases"] = []
    path = tmp_path / "bad.key.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(MaskelError) as refused:
        analyse([write_answers(tmp_path / "a.json", key, "A", {cases[0].id: GOOD})], path)
    assert refused.value.code == "key_damaged"


def test_a_report_that_cannot_be_written_is_an_error(study, tmp_path):
    key, cases = study
    report = analyse([write_answers(tmp_path / "a.json", key, "A", {cases[0].id: GOOD})], key)
    (tmp_path / "file").write_text("")
    with pytest.raises(MaskelError) as refused:
        write_report(report, tmp_path / "file")
    assert refused.value.code == "cannot_write"
