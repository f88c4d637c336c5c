"""Manifest and journal: nothing is lost, whenever the process ends."""

import hashlib
import json
from dataclasses import replace

import pytest

from maskel_blender.batch.manifest import DONE, FAILED, FileRecord, Manifest, Record
from maskel_blender.batch.plan import Plan, Settings
from maskel_blender.errors import PlanError
from maskel_blender.files import digest_of, write_whole


@pytest.fixture
def plan(tmp_path):
    return Plan.build(
        ["Größe", "B"], ["Hero"], [1, 2], tmp_path / "out", "{camera}_{frame}.png", Settings(formats=())
    )


def finish(plan, item):
    """Write the item's file and tell of it."""
    data = repr(item.key).encode()
    write_whole(plan.folder / item.files["xray"], data)
    file = FileRecord("xray", str(item.files["xray"]), hashlib.sha256(data).hexdigest(), len(data))
    return Record(*item.key, DONE, plan.settings.digest, (file,), "model", "1.0", 0.5)


def loaded(path):
    manifest = Manifest(path)
    manifest.load()
    return manifest


def test_the_journal_alone_is_enough(plan, tmp_path):
    manifest = loaded(tmp_path / "m.json")
    manifest.begin()
    for item in plan.items[:3]:
        manifest.add(finish(plan, item))
    # as after a kill: neither closed nor finished
    again = loaded(tmp_path / "m.json")
    assert again.records == manifest.records
    assert [again.records[item.key].holds_for(item, plan) for item in plan.items[:3]] == [True] * 3
    manifest.close()


@pytest.mark.parametrize("cut", [1, 5, 40, 200])
def test_a_torn_line_costs_its_item_alone(plan, tmp_path, cut):
    path = tmp_path / "m.json"
    manifest = loaded(path)
    manifest.begin()
    for item in plan.items[:3]:
        manifest.add(finish(plan, item))
    manifest.close()
    whole = manifest.journal_path.read_bytes()
    manifest.journal_path.write_bytes(whole[:-cut])
    again = loaded(path)
    assert list(again.records) == [item.key for item in plan.items[:2]]
    # what is written next is not glued to the torn line
    again.begin()
    again.add(finish(plan, plan.items[3]))
    again.close()
    assert set(loaded(path).records) == {plan.items[0].key, plan.items[1].key, plan.items[3].key}


def test_a_damaged_line_costs_its_item_alone(plan, tmp_path):
    path = tmp_path / "m.json"
    manifest = loaded(path)
    manifest.begin()
    for item in plan.items[:2]:
        manifest.add(finish(plan, item))
    manifest.close()
    first, second, _ = manifest.journal_path.read_bytes().split(b"\n")
    manifest.journal_path.write_bytes(b"\0" * len(first) + b"\n" + second + b"\n")
    assert list(loaded(path).records) == [plan.items[1].key]


def test_killed_between_manifest_and_journal(plan, tmp_path):
    path = tmp_path / "m.json"
    manifest = loaded(path)
    manifest.begin()
    for item in plan.items:
        manifest.add(finish(plan, item))
    journal = manifest.journal_path.read_bytes()
    manifest.finish(plan, {})
    assert not manifest.journal_path.exists()
    manifest.journal_path.write_bytes(journal)
    again = loaded(path)
    assert len(again.records) == len(plan.items)
    again.begin()
    document = again.finish(plan, {})
    assert [(i["camera"], i["frame"]) for i in document["items"]] == [(i.camera, i.frame) for i in plan.items]


def test_the_document(plan, tmp_path):
    path = tmp_path / "deep" / "m.json"
    manifest = loaded(path)
    manifest.begin()
    manifest.add(finish(plan, plan.items[0]))
    error = {"code": "not_in_view", "message": "The camera does not see it.", "fix": "Aim it."}
    manifest.add(Record(*plan.items[1].key, FAILED, plan.settings.digest, error=error))
    manifest.finish(plan, {"status": "interrupted"})
    document = json.loads(path.read_text("utf-8"))
    assert document["status"] == "interrupted"
    assert document["counts"] == {"done": 1, "failed": 1, "pending": 2}
    assert [item["status"] for item in document["items"]] == ["done", "failed", "pending", "pending"]
    assert document["items"][0]["files"][0]["sha256"] == digest_of(plan.folder / "Größe_1.png")
    assert document["items"][1]["error"] == error
    assert "Größe" in path.read_text("utf-8")


def test_what_does_not_count_as_finished(plan, tmp_path):
    item = plan.items[0]
    record = finish(plan, item)
    assert record.holds_for(item, plan)
    assert not replace(record, status=FAILED).holds_for(item, plan)
    bone = replace(plan, settings=Settings(style="bone", formats=()))
    assert not record.holds_for(item, bone)
    assert not record.holds_for(replace(item, files=item.files | {"mask": item.files["xray"]}), plan)
    (plan.folder / item.files["xray"]).write_bytes(b"another")
    assert not record.holds_for(item, plan)
    (plan.folder / item.files["xray"]).unlink()
    assert not record.holds_for(item, plan)


def test_items_of_another_plan_are_kept_unless_their_files_are_taken(plan, tmp_path):
    path = tmp_path / "m.json"
    manifest = loaded(path)
    manifest.begin()
    for item in plan.items:
        manifest.add(finish(plan, item))
    manifest.finish(plan, {})
    other = Plan.build(["C"], ["Hero"], [1], plan.folder, "{camera}_{frame}.png", plan.settings)
    again = loaded(path)
    again.begin()
    again.add(finish(other, other.items[0]))
    assert [i["camera"] for i in again.finish(other, {})["items"]] == ["C", "Größe", "B", "Größe", "B"]
    thief = Plan.build(["D"], ["Hero"], [1], plan.folder, "B_{frame}.png", plan.settings)
    again = loaded(path)
    again.begin()
    again.add(finish(thief, thief.items[0]))
    assert [(i["camera"], i["frame"]) for i in again.finish(thief, {})["items"]] == [
        ("D", 1), ("C", 1), ("Größe", 1), ("Größe", 2), ("B", 2)
    ]  # fmt: skip


def test_anew(plan, tmp_path):
    path = tmp_path / "m.json"
    manifest = loaded(path)
    manifest.begin()
    manifest.add(finish(plan, plan.items[0]))
    manifest.finish(plan, {})
    fresh = Manifest(path)
    fresh.begin(resume=False)
    fresh.close()
    assert not loaded(path).records


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"items": []}', '{"maskel_manifest": 99, "items": []}',
             '{"maskel_manifest": 1, "items": [1]}', '{"maskel_manifest": 1, "items": [{"frame": 1}]}']
)  # fmt: skip
def test_what_is_no_manifest(tmp_path, text):
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(PlanError) as caught:
        loaded(path)
    assert caught.value.code == "bad_manifest"
    assert "--no-resume" in caught.value.fix


def test_cannot_begin(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlanError) as caught:
        Manifest(tmp_path / "file" / "m.json").begin()
    assert caught.value.code == "cannot_write"


def test_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.png"
    write_whole(path, b"one")
    path.with_name(".a.png.part").write_bytes(b"half of it")
    write_whole(path, b"two", durable=True)
    assert path.read_bytes() == b"two"
    assert [item.name for item in path.parent.iterdir()] == ["a.png"]
    assert digest_of(tmp_path / "nowhere") == ""
