"""An encoder that cannot be loaded is named, with a cure."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from safetensors.torch import load_file, save_file

from whyser.baselines.ssl.pretrained import load, untrained
from whyser.io.errors import InputError
from whyser.speechlm.encoders import KINDS


@pytest.fixture
def copied(encoder: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    def of(family: str) -> Path:
        shutil.copytree(encoder(family), tmp_path / "copy")
        return tmp_path / "copy"

    return of


def refused(folder: Path | str) -> str:
    with pytest.raises(InputError) as caught:
        load(str(folder))
    assert caught.value.cure
    return str(caught.value)


def test_a_folder_without_weights(copied: Callable[[str], Path]) -> None:
    folder = copied("wavlm")
    (folder / "model.safetensors").unlink()
    assert refused(folder).startswith(f"{folder}: no weights (model.safetensors)")


def test_a_folder_without_configuration(tmp_path: Path) -> None:
    assert "no config.json" in refused(tmp_path)


class Code:
    """What runs where a pickle of it is read without care."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("ran"),)


def test_a_pickle_that_would_run_code(
    copied: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied("wavlm")
    monkeypatch.chdir(folder)
    weights = load_file("model.safetensors")
    Path("model.safetensors").unlink()
    torch.save(weights | {"more": Code()}, "pytorch_model.bin")
    assert "its weights are a pickle that would run code" in refused(folder)
    assert not Path("ran").exists()


def test_weights_cut_short(copied: Callable[[str], Path]) -> None:
    path = copied("wavlm") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be" in refused(path.parent)


def test_weights_of_another_model(
    copied: Callable[[str], Path], encoder: Callable[[str], Path]
) -> None:
    folder = copied("wavlm")
    shutil.copy(encoder("whisper") / "model.safetensors", folder)
    assert "its weights lack" in refused(folder)


def test_a_model_that_is_no_speech_encoder(tmp_path: Path) -> None:
    from transformers import BertConfig

    BertConfig().save_pretrained(tmp_path)
    text = refused(tmp_path)
    assert "'bert', no speech encoder" in text
    assert "wavlm, wav2vec2, hubert" in text


def test_code_of_a_checkpoint_is_not_run(copied: Callable[[str], Path]) -> None:
    folder = copied("wavlm")
    trace = folder / "ran"
    (folder / "code.py").write_text(f"open({str(trace)!r}, 'w')\n", encoding="utf-8")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "code.Own", "AutoModel": "code.Own"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    refused(folder)
    assert not trace.exists()


@pytest.mark.parametrize(
    "config",
    [[], "wavlm", {"hidden_size": "wide"}, {"hidden_size": None}, {"conv_kernel": [10]}],
    ids=str,
)
def test_a_configuration_that_describes_nothing(config: Any, copied: Callable[[str], Path]) -> None:
    path = copied("wavlm") / "config.json"
    if isinstance(config, dict):
        config = json.loads(path.read_text(encoding="utf-8")) | config
    path.write_text(json.dumps(config), encoding="utf-8")
    assert "cannot be loaded" in refused(path.parent)
    with pytest.raises(InputError, match="cannot be loaded"):
        untrained(path.parent)


def test_weights_that_are_no_numbers(copied: Callable[[str], Path]) -> None:
    path = copied("hubert") / "model.safetensors"
    weights = load_file(path)
    weights["encoder.layer_norm.weight"][0] = torch.nan
    save_file(weights, path, metadata={"format": "pt"})
    assert "its weights encoder.layer_norm.weight are NaN or infinite" in refused(path.parent)


@pytest.mark.slow
def test_a_hub_that_has_a_pickle_alone(
    encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As it lies in the cache where there is no network.
    cached = tmp_path / "models--microsoft--wavlm"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("abc", encoding="utf-8")
    (cached / "snapshots" / "abc").mkdir(parents=True)
    shutil.copy(encoder("wavlm") / "config.json", cached / "snapshots" / "abc")
    torch.save({"more": Code()}, cached / "snapshots" / "abc" / "pytorch_model.bin")
    done = subprocess.run(
        [sys.executable, "-c", "from whyser.baselines.ssl.pretrained import load\n"
         "load('microsoft/wavlm')"],
        env=os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert "microsoft/wavlm: its weights are a pickle that would run code" in done.stderr
    assert "save it as safetensors with save_pretrained" in done.stderr


@pytest.mark.parametrize("text", ["[]", "{", '{"feature_extractor_type": "Nobodys"}'])
def test_a_feature_extractor_that_is_broken(text: str, copied: Callable[[str], Path]) -> None:
    folder = copied("wavlm")
    (folder / "preprocessor_config.json").write_text(text, encoding="utf-8")
    assert "preprocessor_config.json: cannot be read" in refused(folder)


def test_a_feature_extractor_of_another_family(copied: Callable[[str], Path]) -> None:
    from transformers import WhisperFeatureExtractor

    folder = copied("wavlm")
    WhisperFeatureExtractor().save_pretrained(folder)
    assert "has feature_size 80, the encoder takes 1" in refused(folder)


def test_without_a_feature_extractor_it_is_told(
    copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    folder = copied("wavlm")
    load(str(folder))
    assert (
        "has no preprocessor_config.json; the default of wavlm is used" in capsys.readouterr().err
    )
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    load(str(folder))
    assert not capsys.readouterr().err


def test_a_feature_extractor_is_found_where_transformers_5_keeps_it(
    copied: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    folder = copied("wavlm")
    file = folder / "processor_config.json"
    file.write_text("{}", encoding="utf-8")
    load(str(folder))
    assert "has no preprocessor_config.json" in capsys.readouterr().err
    own = {"feature_extractor": Wav2Vec2FeatureExtractor(do_normalize=False).to_dict()}
    file.write_text(json.dumps(own), encoding="utf-8")
    assert load(str(folder)).extractor.do_normalize is False
    assert not capsys.readouterr().err


def test_a_name_that_no_hub_has(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both read the environment when they are imported (transformers 5 asks the first).
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("transformers.utils.hub._is_offline_mode", True, raising=False)
    assert "without network" in refused("nobody/no-such-encoder")


def test_a_feature_extractor_of_another_rate(copied: Callable[[str], Path]) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    folder = copied("wavlm")
    Wav2Vec2FeatureExtractor(sampling_rate=8000).save_pretrained(folder)
    assert "sampling_rate 8000, the encoder takes 16000" in refused(folder)


def test_a_checkpoint_says_whether_sound_is_normalised(copied: Callable[[str], Path]) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    folder = copied("wavlm")
    assert load(str(folder)).extractor.do_normalize, "the family's default"
    before = load(str(folder)).identity
    Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    assert not load(str(folder)).extractor.do_normalize
    assert load(str(folder)).identity != before


@pytest.mark.parametrize("family", KINDS)
def test_the_same_weights_are_the_same_encoder(family: str, encoder: Callable[[str], Path]) -> None:
    first, second = load(str(encoder(family))), load(str(encoder(family)))
    assert first.identity == second.identity
    assert first.encoder.state_dict().keys() == second.encoder.state_dict().keys()
