"""A small Qwen2-Audio becomes one with vLLM's window, and answers as before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whyser.io.errors import InputError
from whyser_converters.check.model import hearing_of
from whyser_converters.llamafactory import window
from whyser_converters.llamafactory.window import is_narrow, sinusoids, widen

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from safetensors.torch import load_file, save_file

from whyser.demo.model import write_model

NAME = "audio_tower.embed_positions.weight"


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short") / "model"
    write_model(folder, window=3)
    return folder


@pytest.fixture
def narrow(short: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(short, tmp_path / "narrow"))


def outcome(folder: Path, seconds: float) -> tuple[Any, Any]:
    """The ids of a prompt about this much noise, and the logits of what would follow."""
    processor = transformers.AutoProcessor.from_pretrained(folder)
    model = transformers.Qwen2AudioForConditionalGeneration.from_pretrained(folder)
    sound = np.random.default_rng(0).normal(0, 0.1, round(16_000 * seconds)).astype(np.float32)
    inputs = processor(
        text="<|audio_bos|><|AUDIO|><|audio_eos|>What?",
        audio=[sound],
        sampling_rate=16_000,
        return_tensors="pt",
    )
    with torch.inference_mode():
        return inputs["input_ids"], model(**inputs).logits


def test_a_clip_within_the_window_gets_the_same_tokens_and_answer(
    short: Path, narrow: Path
) -> None:
    assert {path.name for path in widen(narrow)} == {
        *("config.json", "model.safetensors", "preprocessor_config.json"),
    }
    (before, told), (after, tells) = outcome(short, 2.0), outcome(narrow, 2.0)
    assert after.equal(before)
    # The rounding of sums over more, masked, frames.
    torch.testing.assert_close(tells, told, atol=1e-4, rtol=1e-4)


def test_a_longer_clip_is_heard_to_its_end(short: Path, narrow: Path) -> None:
    widen(narrow)
    assert outcome(narrow, 8.0)[0].shape[1] - outcome(short, 8.0)[0].shape[1] == 200 - 75
    assert hearing_of(narrow).seconds == 30 and not is_narrow(narrow)


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_other_weights_stay_as_they_are(narrow: Path, kind: str) -> None:
    file = narrow / "model.safetensors"
    before = {key: value.to(getattr(torch, kind)) for key, value in load_file(file).items()}
    save_file(before, file, metadata={"format": "pt"})
    widen(narrow)
    after = load_file(file)
    assert after.keys() == before.keys()
    for key, value in before.items():
        assert after[key][: len(value)].equal(value), key
        assert after[key].dtype == value.dtype
    expected = torch.from_numpy(sinusoids(1500, 128)).to(getattr(torch, kind))
    assert after[NAME][150:].equal(expected[150:])


def test_a_second_call_writes_nothing_and_one_after_a_kill_goes_on(
    narrow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(window, "write_json", full)
        with pytest.raises(OSError, match="No space"):
            widen(narrow)
    assert is_narrow(narrow)
    assert {path.name for path in widen(narrow)} == {"config.json", "preprocessor_config.json"}
    assert outcome(narrow, 1.0)[1].isfinite().all()
    assert widen(narrow) == []


def test_settings_are_found_where_transformers_5_keeps_them(narrow: Path) -> None:
    own = narrow / "preprocessor_config.json"
    settings = {"processor_class": "x", "feature_extractor": json.loads(own.read_text("utf-8"))}
    own.unlink()
    (narrow / "processor_config.json").write_text(json.dumps(settings), encoding="utf-8")
    widen(narrow)
    found = json.loads((narrow / "processor_config.json").read_text("utf-8"))
    keys = ("chunk_length", "n_samples", "nb_max_frames")
    assert [found["feature_extractor"][key] for key in keys] == [30, 480_000, 3000]


def test_positions_that_were_learned_are_refused_untouched(narrow: Path) -> None:
    file = narrow / "model.safetensors"
    weights = load_file(file)
    weights[NAME] = weights[NAME] + 0.1
    save_file(weights, file, metadata={"format": "pt"})
    before = {path.name: path.read_bytes() for path in narrow.iterdir()}
    with pytest.raises(InputError, match="no sinusoids"):
        widen(narrow)
    assert {path.name: path.read_bytes() for path in narrow.iterdir()} == before


def test_weights_that_are_missing_are_named(narrow: Path) -> None:
    (narrow / "model.safetensors").unlink()
    with pytest.raises(InputError, match=f"no weights {NAME}.*Export the model again"):
        widen(narrow)


def test_servable_widens_what_was_trained(convert: Callable[..., Any], narrow: Path) -> None:
    (narrow / "trainer_state.json").write_text("{}", encoding="utf-8")
    done = convert("servable", narrow)
    assert done.status == 0, done.err
    assert hearing_of(narrow).seconds == 30
    again = convert("servable", narrow)
    assert (again.status, "wrote" in again.err) == (0, False)
