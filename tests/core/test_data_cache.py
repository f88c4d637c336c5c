"""The cache of a split: the same as the shards, mapped instead of loaded, made again when it is not current."""

from __future__ import annotations

import numpy as np
import pytest
from maskel_core.data.cache import Metas, map_cache, write_cache
from maskel_core.data.dataset import SampleStore, read_shards
from maskel_core.errors import MaskelError
from safetensors.numpy import load_file

from tests.core.synthetic import write_shards


@pytest.fixture
def folder(tmp_path):
    return write_shards(tmp_path, {"train": 5})


def same(one: SampleStore, other: SampleStore) -> bool:
    return (
        np.array_equal(one.masks, other.masks)
        and np.array_equal(one.layers, other.layers)
        and np.array_equal(one.joints, other.joints, equal_nan=True)
        and one.metas == other.metas
    )


def test_cache_holds_what_the_shards_hold(folder) -> None:
    read = SampleStore.open(folder, "train", cache=False)
    assert same(SampleStore.open(folder, "train"), read)
    again = SampleStore.open(folder, "train")
    assert same(again, read)
    assert same(SampleStore.open(folder, "train", limit=2), read.take(2))
    assert again.metas[-1] == read.metas[-1]
    assert again.metas[1:3] == read.metas[1:3]
    assert same(again.pick(np.array([3, 0])), read.pick(np.array([3, 0])))
    with pytest.raises(IndexError):
        again.metas[5]


def test_cache_is_mapped_not_loaded(folder) -> None:
    store = SampleStore.open(folder, "train")
    for array in (store.masks, store.layers, store.joints, store.take(2).layers):
        assert isinstance(array, np.memmap)
        assert not array.flags.owndata


def test_cache_is_a_safetensors_file(folder) -> None:
    store = SampleStore.open(folder, "train")
    arrays = load_file(folder / "train.cache.safetensors")
    assert np.array_equal(arrays["layers"], store.layers)
    assert np.array_equal(arrays["masks"], store.masks)


def test_cut_or_outdated_cache_is_made_again(folder) -> None:
    SampleStore.open(folder, "train")
    cache = folder / "train.cache.safetensors"
    whole = cache.read_bytes()
    for cut in (whole[:3], whole[:5000], b""):
        cache.write_bytes(cut)
        assert len(SampleStore.open(folder, "train")) == 5
        assert cache.read_bytes() == whole
    write_shards(folder, {"train": 7})
    assert len(SampleStore.open(folder, "train")) == 7


def test_cut_shard_is_named(folder) -> None:
    shard = folder / "train-00000.tar"
    shard.write_bytes(shard.read_bytes()[:3000])
    with pytest.raises(MaskelError) as refused:
        SampleStore.open(folder, "train")
    assert refused.value.code == "data_damaged"
    assert not (folder / "train.cache.safetensors").exists()


def test_two_writers_at_once_do_not_spoil_each_other(folder) -> None:
    samples = list(read_shards(folder, "train"))
    path = folder / "train.cache.safetensors"

    def interrupted():
        for number, sample in enumerate(samples):
            if number == 3:
                write_cache(path, iter(samples), len(samples), "the other's")
            yield sample

    write_cache(path, interrupted(), len(samples), "ours")
    found = map_cache(path)
    assert found["stamp"].tobytes() == b"ours"
    assert len(Metas(found["metas"])) == len(samples)
    assert np.array_equal(found["masks"][4], samples[4]["mask"])
    assert [entry.name for entry in folder.glob("*.part")] == []
