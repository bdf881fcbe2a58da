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
