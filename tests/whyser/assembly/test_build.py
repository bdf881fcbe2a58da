from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from whyser.assembly.build import RECORD, build, parts_of
from whyser.assembly.recipes import Changes, recipe_of
from whyser.baselines.ssl.network import Network
from whyser.baselines.ssl.pretrained import load
from whyser.baselines.ssl.saved import Card, save
from whyser.io.errors import InputError

SMALL: dict[str, Any] = {"width": 16, "depth": 2, "heads": 2}


@pytest.fixture
def assemble(part: Callable[[str], Path], tmp_path: Path) -> Callable[..., Any]:
    """Builds a recipe into a folder; parts are names, or folders of the test's own."""

    def make(
        name: str, *, adds_tokens: bool = False, seed: int = 0, output: Path | None = None,
        changes: dict[str, Any] | None = None, **parts: str | Path,
    ) -> Any:  # fmt: skip
        folders = {
            kind: str(one) if isinstance(one, Path) else str(part(one))
            for kind, one in parts.items()
        }
        recipe = recipe_of(name, Changes(**SMALL | (changes or {})))
        return build(
            recipe, folders, output or tmp_path / "built", adds_tokens=adds_tokens, seed=seed
        )

    return make


@pytest.fixture
def changed(part: Callable[[str], Path], tmp_path: Path) -> Callable[..., Path]:
    """A copy of a part, a JSON file of it with other values."""

    def copy(name: str, file: str | None = None, **values: Any) -> Path:
        folder = tmp_path / f"changed_{name}"
        shutil.copytree(part(name), folder)
        if file:
            path = folder / file
            path.write_text(json.dumps(json.loads(path.read_text()) | values))
        return folder

    return copy


def _refused(make: Callable[[], Any], told: str, tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError) as found:
        make()
    assert re.search(told, str(found.value), re.DOTALL), found.value
    assert sorted(path.name for path in tmp_path.iterdir()) == before


# ---- parts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("speech", ["whisper", "qwen2_audio"])
@pytest.mark.parametrize("emotion", ["wavlm", "hubert", "wav2vec2"])
def test_encoders_of_all_families_are_taken_with_their_weights(
    speech: str, emotion: str, assemble: Any, part: Any
) -> None:
    model = assemble("dual_encoder", speech=speech, emotion=emotion, llm="qwen2_audio")
    for kind, name in (("speech", speech), ("emotion", emotion)):
        own = load(str(part(name))).encoder.state_dict()
        found = getattr(model, f"{kind}_encoder").state_dict()
        assert found.keys() == own.keys()
        assert all(found[key].equal(own[key]) for key in own)


@pytest.mark.parametrize("name", ["qwen2_audio", "qwen2", "llama", "bfloat16"])
def test_language_models_are_taken_with_their_weights_and_precision(
    name: str, assemble: Any, part: Any
) -> None:
    adds = name == "llama"
    model = assemble("semollm", emotion="hubert", llm=name, adds_tokens=adds)
    whole = transformers.AutoModel if name == "qwen2_audio" else transformers.AutoModelForCausalLM
    if name == "qwen2_audio":
        whole = transformers.Qwen2AudioForConditionalGeneration
    own = whole.from_pretrained(part(name), dtype="auto")
    own = getattr(own, "language_model", own).state_dict()
    found = model.language_model.state_dict()
    assert found.keys() == own.keys()
    for key, weights in own.items():
        assert found[key][: len(weights)].equal(weights)
    precision = torch.bfloat16 if name == "bfloat16" else torch.float32
    assert {weights.dtype for weights in model.parameters()} == {precision}


def test_a_trained_baseline_gives_its_encoder(assemble: Any, part: Any, tmp_path: Path) -> None:
    pretrained = load(str(part("wavlm")))
    card = Card(system="x", classes=("sad", "happy"), pooling="mean", hidden=4, dropout=0.0)
    network = Network(pretrained.encoder, 2, pooling="mean", hidden=4, dropout=0.0)
    with torch.no_grad():
        for weights in network.encoder.parameters():
            weights.add_(0.01)
    save(tmp_path / "baseline", card, network, pretrained.extractor)
    model = assemble("semollm", emotion=tmp_path / "baseline", llm="qwen2")
    trained = network.encoder.state_dict()
    found = model.emotion_encoder.state_dict()
    assert all(found[key].equal(trained[key]) for key in trained)


def test_connectors_begin_by_the_seed_alone(assemble: Any, tmp_path: Path) -> None:
    def connector(seed: int, folder: str) -> torch.Tensor:
        model = assemble(
            "semollm", seed=seed, output=tmp_path / folder, emotion="hubert", llm="qwen2"
        )
        return model.emotion_connector.compression.up.weight.detach()

    torch.manual_seed(1)
    first = connector(0, "a")
    torch.manual_seed(2)
    assert connector(0, "b").equal(first)
    assert not connector(1, "c").equal(first)


def test_a_token_begins_as_large_as_a_word(assemble: Any) -> None:
    model = assemble("semollm", emotion="hubert", llm="qwen2")
    size = model.get_input_embeddings().weight.square().mean().sqrt().item()
    assert model.emotion_connector.scale.mean().item() == pytest.approx(size, rel=1e-4)


def test_parts_add_up_to_the_model(assemble: Any) -> None:
    model = assemble("semollm", emotion="hubert", llm="llama", adds_tokens=True)
    found = {part.name: part for part in parts_of(model)}
    assert sum(part.parameters for part in found.values()) == model.num_parameters()
    assert {name: part.trains for name, part in found.items()} == {
        "emotion_encoder": "never",
        "emotion_connector": "in every stage",
        "alignment_head": "in the first stage",
        "language_model": "by LoRA, after the connectors",
    }


def test_it_answers_greedily_and_stops_at_the_turn_s_end(assemble: Any, part: Any) -> None:
    model = assemble("semollm", emotion="hubert", llm="llama", adds_tokens=True)
    settings = model.generation_config
    tokenizer = transformers.AutoTokenizer.from_pretrained(part("llama"))
    # The model's own end, and the template's.
    assert settings.eos_token_id == [tokenizer.eos_token_id, len(tokenizer) + 1]
    assert settings.pad_token_id == len(tokenizer) + 1
    assert settings.do_sample is False


# ---- parts that do not fit -----------------------------------------------------------------------


def test_missing_and_superfluous_parts_are_refused(assemble: Any, tmp_path: Path) -> None:
    for given, told in (
        ({"llm": "qwen2"}, "dual_encoder needs a part: emotion.*Give --emotion"),
        ({"llm": "qwen2", "emotion": "hubert"}, "needs a part: speech.*Give --speech"),
    ):
        _refused(lambda given=given: assemble("dual_encoder", **given), told, tmp_path)
    parts = {"llm": "qwen2", "emotion": "hubert", "speech": "whisper"}
    told = "semollm has no speech encoder.*Leave --speech out"
    _refused(lambda: assemble("semollm", **parts), told, tmp_path)


def test_a_tokenizer_without_sound_is_refused_until_it_is_added(
    assemble: Any, tmp_path: Path
) -> None:
    parts = {"emotion": "hubert", "llm": "llama"}
    told = r"lacks the qwen2_audio template's token <\|im_start\|>.*<\|AUDIO\|>.*--add-tokens"
    _refused(lambda: assemble("semollm", **parts), told, tmp_path)
    assemble("semollm", adds_tokens=True, **parts)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "built")
    assert len(tokenizer.encode("<|audio_bos|><|AUDIO|><|audio_eos|>")) == 3
    assert tokenizer.pad_token == "<|im_end|>"


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"llm": "whisper"}, "'whisper', no decoder-only language model.*Give one"),
        ({"llm": "hubert"}, "'hubert', no decoder-only language model.*Give one"),
        ({"emotion": "qwen2"}, "'qwen2', no speech encoder.*Give one of type"),
    ],
)
def test_a_model_of_another_kind_is_refused(
    parts: dict[str, str], told: str, assemble: Any, tmp_path: Path
) -> None:
    parts = {"emotion": "hubert", "llm": "qwen2"} | parts
    _refused(lambda: assemble("semollm", **parts), told, tmp_path)


def test_another_sampling_rate_is_refused(assemble: Any, changed: Any, tmp_path: Path) -> None:
    folder = changed("hubert", "preprocessor_config.json", sampling_rate=8000)
    told = "sampling_rate 8000, the encoder takes 16000.*Copy preprocessor_config.json"
    _refused(lambda: assemble("semollm", emotion=folder, llm="qwen2"), told, tmp_path)


def test_another_spectrogram_is_refused(assemble: Any, changed: Any, tmp_path: Path) -> None:
    folder = changed("whisper", "preprocessor_config.json", feature_size=80)
    parts = {"speech": folder, "emotion": "hubert", "llm": "qwen2"}
    told = "feature_size 80, the encoder takes 16.*Copy preprocessor_config.json"
    _refused(lambda: assemble("dual_encoder", **parts), told, tmp_path)


def test_two_encoders_that_prepare_one_sound_differently_are_refused(
    assemble: Any, changed: Any, tmp_path: Path
) -> None:
    folder = changed("hubert", "preprocessor_config.json", do_normalize=False)
    parts = {"speech": folder, "emotion": "wavlm", "llm": "qwen2"}
    told = "both encoders take a waveform, but with different settings.*Combine one"
    _refused(lambda: assemble("dual_encoder", **parts), told, tmp_path)


@pytest.mark.parametrize(
    ("recipe", "changes", "told"),
    [
        ("vib_hubert", {"fusion": "feature"}, r"\[10, 100\] tokens: give both the same number"),
        ("semollm", {"width": 15}, "width 15 cannot have 2 heads.*multiple of the heads"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    recipe: str, changes: dict[str, Any], told: str, assemble: Any, tmp_path: Path
) -> None:
    parts = {"emotion": "hubert", "llm": "qwen2"}
    _refused(lambda: assemble(recipe, changes=changes, **parts), told, tmp_path)


@pytest.mark.parametrize(("kind", "name"), [("emotion", "hubert"), ("llm", "qwen2")])
def test_pickled_weights_are_refused(
    kind: str, name: str, assemble: Any, changed: Any, tmp_path: Path
) -> None:
    folder = changed(name)
    (folder / "model.safetensors").unlink()
    mark = tmp_path / "opened"

    class Opens:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(mark),)

    torch.save(Opens(), folder / "pytorch_model.bin")
    parts = {"emotion": "hubert", "llm": "qwen2"} | {kind: folder}
    _refused(lambda: assemble("semollm", **parts), "its weights are a pickle", tmp_path)
    assert not mark.exists()


def test_weights_of_another_model_are_refused(assemble: Any, changed: Any, tmp_path: Path) -> None:
    folder = changed("llama", "config.json", num_hidden_layers=3)
    told = "its weights lack .*layers.2.*download both again"
    parts = {"emotion": "hubert", "llm": folder}
    _refused(lambda: assemble("semollm", adds_tokens=True, **parts), told, tmp_path)


# ---- the folder ----------------------------------------------------------------------------------


def test_a_foreign_output_is_refused_and_left_alone(assemble: Any, tmp_path: Path) -> None:
    parts = {"emotion": "hubert", "llm": "qwen2"}
    folder, file = tmp_path / "mine", tmp_path / "file"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    file.write_text("mine")
    for output in (folder, file):
        told = "files that this command did not write.*Give another --output"
        _refused(lambda output=output: assemble("semollm", output=output, **parts), told, tmp_path)
    assert (folder / "notes.txt").read_text() == file.read_text() == "mine"


def test_its_own_output_is_replaced(assemble: Any, tmp_path: Path) -> None:
    parts = {"emotion": "hubert", "llm": "qwen2"}
    assemble("semollm", **parts)
    (tmp_path / "built" / "stale").write_text("x")
    assemble("semollm", **parts)
    assert not (tmp_path / "built" / "stale").exists()
    assert json.loads((tmp_path / "built" / RECORD).read_text())["recipe"] == "semollm"
    assert [path.name for path in tmp_path.iterdir()] == ["built"]


def test_a_build_that_fails_leaves_the_one_before(
    assemble: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = {"emotion": "hubert", "llm": "qwen2"}
    assemble("semollm", **parts)
    before = {path.name: path.read_bytes() for path in (tmp_path / "built").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr("whyser.assembly.build.write_json", _full)
        with pytest.raises(OSError, match="No space"):
            assemble("semollm", seed=1, **parts)
    after = {path.name: path.read_bytes() for path in (tmp_path / "built").iterdir()}
    assert after == before
    assemble("semollm", seed=1, **parts)
    assert [path.name for path in tmp_path.iterdir()] == ["built"]


def _full(*_: Any) -> None:
    raise OSError("No space left on device")


#: The command, ended at once by the system when the weights are written and the rest is not.
_KILLED = """
import os, signal
import transformers
from whyser.assembly.cli import main

def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

transformers.ProcessorMixin.save_pretrained = killed
main()
"""


@pytest.mark.slow
def test_a_build_that_was_killed_leaves_no_half_of_a_checkpoint(
    assemble: Any, part: Any, tmp_path: Path
) -> None:
    output = tmp_path / "built"
    given = ["--emotion", part("hubert"), "--llm", part("qwen2"), "--output", output]
    small = ["--width", 16, "--depth", 2, "--heads", 2]
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, "build", "semollm", *map(str, [*given, *small])],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not output.exists()
    left = list(tmp_path.glob(".built*/model.safetensors"))
    assert len(left) == 1
    assemble("semollm", emotion="hubert", llm="qwen2")
    assert [path.name for path in tmp_path.iterdir()] == ["built"]
