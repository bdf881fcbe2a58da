"""An encoder is read from every layout in which one is published, with its own weights."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from whyser.baselines.ssl.pretrained import load, load_extractor
from whyser.baselines.ssl.sounds import Ear
from whyser.io.errors import InputError
from whyser.speechlm.encoders import encoder_of

#: The classes that publish each family's encoder, below a head or beside a decoder.
PUBLISHED = {
    "whisper": ("WhisperForConditionalGeneration", "WhisperForAudioClassification"),
    "wavlm": ("WavLMForCTC", "WavLMForSequenceClassification", "WavLMForXVector"),
    "wav2vec2": (
        "Wav2Vec2ForPreTraining",
        "Wav2Vec2ForCTC",
        "Wav2Vec2ForSequenceClassification",
        "Wav2Vec2ForAudioFrameClassification",
    ),
    "hubert": ("HubertForCTC", "HubertForSequenceClassification"),
    "unispeech": ("UniSpeechForPreTraining", "UniSpeechForCTC"),
    "unispeech-sat": ("UniSpeechSatForPreTraining", "UniSpeechSatForSequenceClassification"),
}
_HEADS: dict[str, Any] = dict(
    vocab_size=64,
    codevector_dim=16,
    num_codevectors_per_group=4,
    proj_codevector_dim=8,
    classifier_proj_size=8,
    tdnn_dim=(8, 8),
    tdnn_kernel=(1, 1),
    tdnn_dilation=(1, 1),
)


@pytest.fixture
def published(encoder: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[Path, Any]]:
    """Writes a family's tiny model in the layout of a class; the folder, and the encoder in it."""

    def write(family: str, name: str, **settings: Any) -> tuple[Path, Any]:
        config = transformers.AutoConfig.from_pretrained(encoder(family))
        config.update(_HEADS)
        torch.manual_seed(1)
        model = getattr(transformers, name)(config).to(settings.pop("dtype", torch.float32))
        model.save_pretrained(tmp_path / name, **settings)
        # That of audio classification has no name for its base, and is its own.
        inside = model.base_model
        return tmp_path / name, inside.encoder if family == "whisper" else inside

    return write


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load(str(folder)).encoder.model.state_dict()


def same(found: dict[str, torch.Tensor], own: Any) -> bool:
    expected = own.state_dict()
    return found.keys() == expected.keys() and all(
        found[key].dtype == torch.float32 and torch.equal(found[key], value.float())
        for key, value in expected.items()
    )


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, names in PUBLISHED.items() for name in names]
)
@pytest.mark.parametrize("shard", ["5GB", "5KB"])
def test_every_class_that_publishes_an_encoder(
    family: str, name: str, shard: str, published: Callable[..., tuple[Path, Any]]
) -> None:
    folder, own = published(family, name, max_shard_size=shard)
    assert (folder / "model.safetensors.index.json").exists() is (shard == "5KB")
    assert same(weights_of(folder), own)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("family", ["whisper", "wavlm"])
def test_half_precision_is_read_as_single(
    family: str, dtype: torch.dtype, published: Callable[..., tuple[Path, Any]]
) -> None:
    folder, own = published(family, PUBLISHED[family][0], dtype=dtype)
    assert next(iter(load_file(folder / "model.safetensors").values())).dtype == dtype
    assert same(weights_of(folder), own)


def test_a_whisper_encoder_that_was_saved_bare(
    encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    model: Any = transformers.WhisperModel.from_pretrained(encoder("whisper"))
    assert isinstance(model.encoder, WhisperEncoder)
    model.encoder.save_pretrained(tmp_path)
    assert "conv1.weight" in load_file(tmp_path / "model.safetensors")
    assert same(weights_of(tmp_path), model.encoder)


def test_the_tower_of_a_qwen2_audio(encoder: Callable[[str], Path], tmp_path: Path) -> None:
    audio = transformers.AutoConfig.from_pretrained(encoder("qwen2_audio_encoder"))
    text = transformers.Qwen2Config(
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        vocab_size=64,
    )
    model = transformers.Qwen2AudioForConditionalGeneration(
        transformers.Qwen2AudioConfig(audio_config=audio, text_config=text)
    )
    model.save_pretrained(tmp_path)
    assert same(weights_of(tmp_path), model.audio_tower)


#: The names of a weight norm in torch 1, with which the older checkpoints were written.
_NEW = "parametrizations.weight.original"
_OLD = {f"{_NEW}0": "weight_g", f"{_NEW}1": "weight_v"}


@pytest.mark.parametrize("form", ["safetensors", "pickle"])
@pytest.mark.parametrize("family", ["wavlm", "wav2vec2", "hubert"])
def test_old_names_of_a_weight_norm(
    family: str, form: str, published: Callable[..., tuple[Path, Any]]
) -> None:
    folder, own = published(family, PUBLISHED[family][1])
    weights = load_file(folder / "model.safetensors")
    for new, old in _OLD.items():
        weights = {key.replace(new, old): value for key, value in weights.items()}
    assert any(key.endswith("conv.weight_g") for key in weights)
    (folder / "model.safetensors").unlink()
    if form == "pickle":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert same(weights_of(folder), own)


def test_a_pickle_in_shards(published: Callable[..., tuple[Path, Any]]) -> None:
    folder, own = published("whisper", "WhisperForConditionalGeneration")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(weights)
    index: dict[str, str] = {}
    for number, part in enumerate((names[::2], names[1::2]), start=1):
        file = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save({key: weights[key] for key in part}, folder / file)
        index |= dict.fromkeys(part, file)
    told = {"metadata": {"total_size": 1}, "weight_map": index}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(told), encoding="utf-8")
    before = load(str(folder)).identity
    assert same(weights_of(folder), own)
    # The identity is that of the weights, in whatever form.
    first = folder / "pytorch_model-00001-of-00002.bin"
    torch.save({key: weights[key] + 1 for key in names[::2]}, first)
    assert load(str(folder)).identity != before


def test_a_shard_that_is_missing(published: Callable[..., tuple[Path, Any]]) -> None:
    folder, _ = published("whisper", "WhisperForConditionalGeneration", max_shard_size="5KB")
    next(folder.glob("model-00002*")).unlink()
    with pytest.raises(InputError, match=r"cannot be loaded.*Download the checkpoint again"):
        load(str(folder))


def test_a_whisper_that_only_decodes(encoder: Callable[[str], Path], tmp_path: Path) -> None:
    config = transformers.AutoConfig.from_pretrained(encoder("whisper"))
    transformers.WhisperForCausalLM(config).save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"its weights lack conv1\.bias and \d+ more"):
        load(str(tmp_path))


#: d_model, layers, mel bands, of the sizes of Whisper.
SIZES = {"base": (512, 6, 80), "small": (768, 12, 80), "large-v3": (1280, 32, 128)}


@pytest.mark.parametrize("size", SIZES)
def test_the_sizes_of_whisper(size: str, tmp_path: Path) -> None:
    width, layers, mels = SIZES[size]
    config = transformers.WhisperConfig(
        d_model=width,
        encoder_layers=layers,
        encoder_attention_heads=width // 64,
        num_mel_bins=mels,
    )
    transformers.WhisperFeatureExtractor(feature_size=mels).save_pretrained(tmp_path)
    config.save_pretrained(tmp_path)
    extractor = load_extractor(str(tmp_path), config)
    with torch.device("meta"):
        encoder = encoder_of(config)
    assert (encoder.width, encoder.states, encoder.window) == (width, layers + 1, 30 * 16_000)
    ear = Ear(extractor, encoder.shortest, encoder.floor, encoder.window)
    assert ear.prepare(np.zeros(16_000, np.float32)).shape == (mels, 3000)


def test_mels_that_differ_are_named_before_weights_are_read(
    published: Callable[..., tuple[Path, Any]],
) -> None:
    folder, _ = published("whisper", "WhisperForConditionalGeneration")
    (folder / "model.safetensors").write_bytes(b"not read")
    transformers.WhisperFeatureExtractor(feature_size=128, chunk_length=2).save_pretrained(folder)
    with pytest.raises(InputError, match="has feature_size 128, the encoder takes 16"):
        load(str(folder))


def test_a_feature_extractor_without_its_type(published: Callable[..., tuple[Path, Any]]) -> None:
    # The first checkpoints of wav2vec 2.0 name none.
    folder, _ = published("wav2vec2", "Wav2Vec2ForCTC")
    told = {"do_normalize": False, "feature_size": 1, "padding_value": 0.0, "sampling_rate": 16000}
    (folder / "preprocessor_config.json").write_text(json.dumps(told), encoding="utf-8")
    assert load(str(folder)).extractor.do_normalize is False


# ---- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["whisper", "qwen2_audio_encoder"])
def test_a_window_is_cut(family: str, encoder: Callable[[str], Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder(family), tmp_path / "copy"))
    whole, cut = load(str(folder)), load(str(folder), window=1)
    assert (whole.encoder.window, cut.encoder.window) == (32_000, 16_000)
    assert cut.identity != whole.identity
    ear = Ear.of(cut)
    sound = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    mels = torch.from_numpy(ear.prepare(sound))[None]
    assert mels.shape == (1, 16, 100)
    states, frames = cut.encoder(mels, torch.tensor([16_000]))
    assert frames.all() and states[0].shape[1] == frames.shape[1]
    # The weights are those of the first second; a layer before any attention shows it.
    own = whole.encoder(
        torch.from_numpy(Ear.of(whole).prepare(sound))[None], torch.tensor([16_000])
    )
    if family == "whisper":
        assert torch.allclose(own[0][0][:, :49], states[0][:, :49], atol=1e-5)
    assert ear.extractor.to_dict()["chunk_length"] == 1


@pytest.mark.parametrize(
    ("family", "window", "told"),
    [
        ("whisper", 3, "its window is 2 s and cannot become 3 s"),
        ("whisper", 0, "cannot become 0 s"),
        ("wavlm", 1, "has no window: a wavlm takes clips of any length"),
    ],
)
def test_a_window_that_an_encoder_does_not_have(
    family: str, window: int, told: str, encoder: Callable[[str], Path]
) -> None:
    with pytest.raises(InputError, match=told):
        load(str(encoder(family)), window=window)
