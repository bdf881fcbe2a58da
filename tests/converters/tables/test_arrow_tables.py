from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import CLIPS

datasets = pytest.importorskip("datasets")

NAMES = ["anger", "boredom", "happiness", "sadness"]


@pytest.fixture
def dataset(clips: Path) -> Callable[..., Any]:
    """The clips as `datasets` publishes them, with the sound inside and numbered labels."""
    features = datasets.Features(
        {
            "audio": datasets.Audio(),
            "emotion": datasets.ClassLabel(names=NAMES),
            "speaker_id": datasets.Value("int32"),
            "votes": datasets.Sequence(datasets.ClassLabel(names=NAMES)),
        }
    )

    def make(names: list[str]) -> Any:
        found = [
            {
                "audio": {
                    "bytes": (clips / "wav" / f"{name}.wav").read_bytes(),
                    "path": f"{name}.wav",
                },
                "emotion": CLIPS[name][0],
                "speaker_id": int(CLIPS[name][1][1:]),
                "votes": [CLIPS[name][0], "sadness"],
            }
            for name in names
        ]
        return datasets.Dataset.from_list(found, features=features)

    return make


@pytest.mark.parametrize("form", ["parquet", "disk"])
def test_sound_and_labels_inside_the_table(
    tabled: Any, dataset: Any, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "hub"
    for split, names in {"train": ["a1", "a2", "c1"], "validation": ["b1"], "test": ["b2"]}.items():
        if form == "parquet":
            (folder / "data").mkdir(parents=True, exist_ok=True)
            dataset(names).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
        else:
            dataset(names).save_to_disk(folder / split)
    result = tabled(folder)
    found = {one.label_raw: one for one in result.utterances}
    assert found["happiness"].split == "dev"
    assert found["boredom"].label == "other"
    assert {one.speaker for one in result.utterances} == {"mine/1", "mine/2", "mine/3"}
    assert [vote.primary for vote in found["happiness"].votes] == ["happy", "sad"]
    root = Path(result.card["audio_root"])
    assert all((root / str(one.audio)).is_file() for one in result.utterances)
    assert len(result.utterances) == len(CLIPS)


@pytest.mark.parametrize("form", ["parquet", "disk"])
def test_the_parts_of_one_table_are_read_as_one(
    tabled: Any, convert: Any, dataset: Any, tmp_path: Path, form: str
) -> None:
    folder = tmp_path / "hub"
    if form == "disk":
        dataset(list(CLIPS)).save_to_disk(folder, num_shards=3)
    else:
        folder.mkdir()
        for number, names in enumerate((["a1", "a2"], ["b1", "b2"], ["c1"])):
            part = folder / f"set-of-mine-{number:05}-of-00003-0f{number}.parquet"
            dataset(names).to_parquet(part)
    result = tabled(folder)
    assert len(result.utterances) == len(CLIPS)
    assert {one.split for one in result.utterances} == {"train", "dev", "test"}, "by speakers"
    lost = next(path for path in folder.iterdir() if "-00001-of-" in path.name)
    lost.unlink()
    outcome = convert("table", folder, tmp_path / "out")
    assert outcome.status == 1
    first = "data" if form == "disk" else "set-of-mine"
    said = f"{folder}: lacks 1 of the 3 files of one table, the first: {first}-00001-of-00003. Down"
    assert said in outcome.err


def test_a_part_of_a_split_is_missed(convert: Any, dataset: Any, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / "hub/data").mkdir(parents=True, exist_ok=True)
        path = tmp_path / f"hub/data/{split}-00000-of-00002.parquet"
        dataset(["a1", "a2"]).to_parquet(path)
    dataset(["b1"]).to_parquet(tmp_path / "hub/data/train-00001-of-00002.parquet")
    outcome = convert("table", tmp_path / "hub", tmp_path / "out")
    assert "lacks 1 of the 2 files of one table, the first: test-00001-of-00002." in outcome.err


def test_a_table_that_is_cut_short_is_named(convert: Any, dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "half.parquet"
    dataset(["a1", "a2"]).to_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    outcome = convert("table", path, tmp_path / "out")
    assert outcome.status == 1
    assert f"{path}: is not a readable Parquet or Arrow file" in outcome.err


def test_names_of_sound_inside_lead_nowhere(tabled: Any, clips: Path, tmp_path: Path) -> None:
    """The bytes go to the output folder, whatever path a stranger has stored with them."""
    data = (clips / "wav" / "a1.wav").read_bytes()
    found = [
        {"audio": {"bytes": data, "path": "../../../etc/x y.wav"}, "label": "sad"},
        {"audio": {"bytes": data[:-2] + b"\1\1", "path": "/tmp/x y.wav"}, "label": "sad"},
    ]
    path = tmp_path / "hostile.parquet"
    datasets.Dataset.from_list(found).to_parquet(path)
    result = tabled(path)
    root = Path(result.card["audio_root"]).resolve()
    assert [(root / str(one.audio)).resolve().parent for one in result.utterances] == [root] * 2
    assert len({one.id for one in result.utterances}) == 2
