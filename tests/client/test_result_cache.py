"""Answers that are kept: bounded, private, and never trusted."""

import dataclasses
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from maskel_blender.client.request import XrayAnswer, XrayRequest
from maskel_blender.queue.cache import ResultCache
from maskel_blender.queue.keys import answer_keys, request_key
from maskel_blender.queue.packing import pack, unpack


def answer(size=100, fill=b"x"):
    return XrayAnswer(fill * size, "model", "1.0", 0.5)


def test_packing_keeps_everything():
    assert unpack(pack(answer())) == answer()


@pytest.mark.parametrize("place", [0, 9, 45, 60, -1])
def test_damage_is_seen(place):
    data = bytearray(pack(answer()))
    data[place] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        unpack(bytes(data))
    with pytest.raises(ValueError, match="damaged"):
        unpack(bytes(data[:40]))


def test_survives_on_disk(tmp_path):
    ResultCache(tmp_path / "kept").put("a", answer())
    assert ResultCache(tmp_path / "kept").get("a") == answer()
    assert ResultCache(tmp_path / "kept").get("b") is None


def test_damaged_files_are_ignored_and_go(tmp_path):
    ResultCache(tmp_path).put("a", answer())
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    cache = ResultCache(tmp_path)
    assert cache.get("a") is None
    assert not file.exists()
    cache.put("a", answer())
    assert cache.get("a") == answer()


@pytest.mark.skipif(sys.platform == "win32", reason="folders of a user are private there anyway")
def test_private(tmp_path):
    folder = tmp_path / "kept"
    ResultCache(folder).put("a", answer())
    assert folder.stat().st_mode & 0o077 == 0
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_memory_is_bounded():
    cache = ResultCache(memory_bytes=3000)
    for number in range(10):
        cache.put(str(number), answer(800))
        cache.get("0")
    assert cache.memory_bytes <= 3000
    # the one that is used stays
    assert cache.get("0") is not None
    assert cache.get("5") is None
    cache.put("large", answer(5000))
    assert cache.get("large") is None


def test_disk_is_bounded(tmp_path):
    cache = ResultCache(tmp_path, memory_bytes=0, disk_bytes=5000)
    for number in range(20):
        cache.put(str(number), answer(800))
        # older than the ones to come, whatever the clock's steps
        for path in tmp_path.iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10))
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert 0 < sum(sizes) <= 5000
    assert cache.get("19") == answer(800)
    assert cache.get("0") is None
    cache.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = ResultCache(blocked / "kept")
    cache.put("a", answer())
    assert cache.get("a") == answer()


def test_many_threads(tmp_path):
    cache = ResultCache(tmp_path, memory_bytes=2000, disk_bytes=4000)

    def use(number):
        key = str(number % 7)
        cache.put(key, answer(600, bytes([number % 7])))
        found = cache.get(key)
        return found is None or found.image_png == bytes([number % 7]) * 600

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_keys():
    request = XrayRequest(b"mask")
    same = dataclasses.replace(request, priority="preview", job="another-job")
    assert request_key(request) == request_key(same)
    for other in (XrayRequest(b"other"), XrayRequest(b"mask", "bone"), XrayRequest(b"mask", size=64)):
        assert request_key(other) != request_key(request)
    keys = {key for who in (("m", "1"), ("m", "2"), ("n", "1")) for key in answer_keys(request, *who)}
    assert len(keys) == 6
    of_layers, of_picture = answer_keys(request, "m", "1")
    other = dataclasses.replace(request, style="bone")
    assert answer_keys(other, "m", "1")[0] == of_layers
    assert answer_keys(other, "m", "1")[1] != of_picture
