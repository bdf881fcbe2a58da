"""A frozen encoder hears each clip once; later epochs and runs read what was kept."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from whyser.baselines.ssl import frozen
from whyser.baselines.ssl.frozen import KeptSounds, StateStore, kept_sounds
from whyser.baselines.ssl.network import Classifier, Network
from whyser.baselines.ssl.pretrained import Pretrained, load
from whyser.baselines.ssl.recipe import TrainingRecipe
from whyser.baselines.ssl.sounds import Collator, Ear, Sounds, probe_all
from whyser.io.errors import InputError
from whyser.records.corpus import Clip, Corpus
from whyser.speechlm.encoders import KINDS

Command = Callable[..., tuple[int, str]]
FROZEN = ("--tune", "nothing", "--batch-size", "8")


@pytest.fixture
def given(tmp_path: Path) -> Any:
    from whyser.baselines.ssl.arguments import to_answer

    return to_answer(tmp_path / "out", batch_size=5, precision="fp32")


@pytest.fixture
def heard(
    corpus: Path, encoder: Callable[[str], Path]
) -> Callable[[str], tuple[Pretrained, Sounds]]:
    """A family's encoder, and ten clips for it, cut to 0.6 s."""

    def of(family: str) -> tuple[Pretrained, Sounds]:
        pretrained = load(str(encoder(family)))
        clips = [Clip(Corpus(corpus), one) for one in Corpus(corpus).utterances()][:10]
        return pretrained, Sounds(probe_all(clips), Ear.of(pretrained), 9_600)

    return of


def logits(network: Classifier, sounds: Sounds) -> torch.Tensor:
    rows = [sounds[number] for number in range(len(sounds))]
    batch = Collator()(rows)
    with torch.no_grad():
        return network(batch["sound"], batch["lengths"])


@pytest.mark.parametrize("pooling", ["mean", "attentive", "statistics"])
@pytest.mark.parametrize("family", KINDS)
def test_what_is_kept_is_classified_as_the_sound(
    family: str, pooling: Any, heard: Any, given: Any, tmp_path: Path
) -> None:
    pretrained, sounds = heard(family)
    torch.manual_seed(0)
    network = Network(pretrained.encoder, 3, pooling=pooling, hidden=8, dropout=0.5).eval()
    for weights in network.head.parameters():
        torch.nn.init.normal_(weights)
    above = Classifier(
        pretrained.encoder.states,
        pretrained.encoder.width,
        3,
        pooling=pooling,
        hidden=8,
        dropout=0.5,
    ).eval()
    above.load_state_dict(network.state_dict(), strict=False)
    kept = kept_sounds([sounds], tmp_path, pretrained, pooling, given)
    assert kept is not None
    expected = logits(network, sounds)
    # States are kept in half precision.
    assert torch.allclose(logits(above, kept[0]), expected, atol=2e-2 * float(expected.std()))
    assert expected.std(0).min() > 1e-4


def test_each_clip_is_computed_once(
    heard: Any, given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained, sounds = heard("whisper")
    asked: list[int] = []
    forward = type(pretrained.encoder).forward

    def counted(self: Any, sound: torch.Tensor, lengths: torch.Tensor) -> Any:
        asked.append(len(lengths))
        return forward(self, sound, lengths)

    monkeypatch.setattr(type(pretrained.encoder), "forward", counted)
    few = Sounds(sounds.probed[:4], sounds.ear, sounds.longest)
    kept_sounds([few], tmp_path, pretrained, "statistics", given)
    assert sum(asked) == 4
    kept_sounds([few, sounds], tmp_path, pretrained, "statistics", given)
    assert sum(asked) == 10
    # The mean of all frames is among the statistics.
    kept_sounds([sounds], tmp_path, pretrained, "mean", given)
    assert sum(asked) == 10
    # Another part of a clip, another file, another form, and another window are not the same.
    clip = max(sounds.probed, key=lambda one: one.frames)
    kept_sounds([Sounds([clip], sounds.ear, 3_200)], tmp_path, pretrained, "mean", given)
    assert sum(asked) == 11
    os.utime(clip.path, ns=(1, 1))
    kept_sounds([Sounds([clip], sounds.ear, 3_200)], tmp_path, pretrained, "mean", given)
    assert sum(asked) == 12
    kept_sounds([few], tmp_path, pretrained, "attentive", given)
    assert sum(asked) == 16
    other = Pretrained(pretrained.encoder, pretrained.extractor, "other weights")
    kept_sounds([few], tmp_path, other, "mean", given)
    assert sum(asked) == 20


def test_a_computation_that_stops_goes_on(
    heard: Any, given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretrained, sounds = heard("whisper")
    monkeypatch.setattr(frozen, "_FILE_BYTES", 0)
    write = StateStore.write

    def full(self: StateStore, states: Any) -> None:
        if len([*self.folder.glob("*.safetensors")]) == 3:
            raise OSError(28, "No space left on device")
        write(self, states)

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "write", full)
        with pytest.raises(OSError, match="No space"):
            kept_sounds([sounds], tmp_path, pretrained, "statistics", given)
    (folder,) = tmp_path.glob("*/about.json")
    before = {path: path.stat().st_mtime_ns for path in folder.parent.glob("*.safetensors")}
    assert len(before) == 3
    kept = kept_sounds([sounds], tmp_path, pretrained, "statistics", given)
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    assert kept is not None and len(kept[0][9]["sound"]) == pretrained.encoder.states
    about = json.loads(folder.read_text(encoding="utf-8"))
    assert about == {"encoder": pretrained.identity, "form": "statistics", "precision": "fp32"}


def test_a_broken_file_is_named(heard: Any, given: Any, tmp_path: Path) -> None:
    pretrained, sounds = heard("whisper")
    kept_sounds([sounds], tmp_path, pretrained, "statistics", given)
    (path,) = tmp_path.glob("*/*.safetensors")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"cannot be read.*Delete it") as caught:
        kept_sounds([sounds], tmp_path, pretrained, "statistics", given)
    assert str(path) in str(caught.value)


def test_more_files_than_may_be_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "_OPEN", 2)
    store = StateStore(tmp_path)
    for number in range(5):
        store.write({f"clip {number}": torch.full((2, 2), float(number))})
    found = StateStore(tmp_path)
    for number in (0, 4, 2, 0, 1, 3):
        assert found[f"clip {number}"].tolist() == [[number] * 2] * 2
    assert len(found._open) <= 2


def test_where_the_disk_has_no_room_states_are_not_kept(
    heard: Any,
    given: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pretrained, sounds = heard("whisper")
    monkeypatch.setattr(frozen, "_MOST", 0)
    assert kept_sounds([sounds], tmp_path, pretrained, "attentive", given) is None
    assert "they are computed in every epoch" in capsys.readouterr().err
    # Statistics are small.
    assert kept_sounds([sounds], tmp_path, pretrained, "statistics", given)


def test_states_that_half_precision_cannot_hold() -> None:
    large = torch.tensor([1.0, 1e6])
    assert frozen._halved(large).tolist() == [1.0, 1e6]
    assert frozen._halved(large[:1]).dtype == torch.float16


# ---- the command ---------------------------------------------------------------------------------


def asked(corpus: Path, encoder: Path, output: Path, *more: str) -> Sequence[object]:
    return ("ssl", corpus, "--encoder", encoder, "--output", output, *FROZEN, *more)


def answers(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["control"] == "none"]


def right(corpus: Path, folder: Path) -> int:
    labels = {
        row["id"]: row["label"]
        for row in map(json.loads, corpus.read_text(encoding="utf-8").splitlines())
    }
    return sum(row["text"] == labels[row["id"]] for row in answers(folder))


@pytest.mark.parametrize("reference", ["none", "speaker"])
def test_statistics_learn_from_few_clips_and_answer_again(
    reference: str, corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    how = ("--pooling", "statistics", "--window", "1", "--reference", reference)
    status, said = baseline(*asked(corpus, encoder("whisper"), output, *how))
    assert status == 0, said
    assert "computing the states of 40 clips" in said and "then on dev, C " in said
    assert right(corpus, output) >= 7, said
    (own,) = {row["model"] for row in answers(output)}
    assert own == ("whisper by speaker" if reference == "speaker" else "whisper")
    adapted = {row.get("adapted") for row in answers(output)}
    assert adapted == ({"speaker"} if reference == "speaker" else {None})
    told = json.loads((output / "provenance.json").read_text(encoding="utf-8"))
    assert told["settings"]["loss"] == "balanced" and len(told["fits"]) == 5
    assert told["settings"]["reference"] == reference
    assert told["best_fit"] in told["fits"]

    # The states lie where the next run looks, and the model is whole.
    status, said = baseline(*asked(corpus, encoder("whisper"), tmp_path / "next", *how))
    assert status == 0 and "computing the states" not in said
    again = tmp_path / "again"
    assert baseline("answer", corpus, "--model", output / "model", "--output", again)[0] == 0
    for first, second, third in zip(
        answers(output), answers(tmp_path / "next"), answers(again), strict=True
    ):
        assert first == second
        assert first["probabilities"] == pytest.approx(third["probabilities"], abs=1e-4)
        assert first.get("adapted") == third.get("adapted")


@pytest.mark.parametrize("pooling", ["mean", "attentive"])
def test_epochs_on_what_was_kept(
    pooling: str, corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    how = ("--pooling", pooling, "--epochs", "3", "--states", str(tmp_path / "kept"))
    status, said = baseline(*asked(corpus, encoder("wavlm"), output, *how))
    assert status == 0, said
    assert "epoch 3 of 3" in said and [*(tmp_path / "kept").glob("*/*.safetensors")]
    told = json.loads((output / "provenance.json").read_text(encoding="utf-8"))
    assert told["settings"]["lr"] == 1e-3
    assert told["parameters"]["trained"] < told["parameters"]["all"]
    again = tmp_path / "again"
    assert baseline("answer", corpus, "--model", output / "model", "--output", again)[0] == 0
    for first, second in zip(answers(output), answers(again), strict=True):
        assert first["probabilities"] == pytest.approx(second["probabilities"], abs=1e-2)


@pytest.mark.slow
def test_killed_on_kept_states_it_ends_in_the_same_weights(
    corpus: Path,
    encoder: Callable[[str], Path],
    baseline: Command,
    killed_after: Callable[..., None],
    tmp_path: Path,
) -> None:
    how = ("--epochs", "2", "--name", "frozen")
    words = asked(corpus, encoder("wavlm"), tmp_path / "whole", *how)
    assert baseline(*words)[0] == 0
    words = asked(corpus, encoder("wavlm"), tmp_path / "stopped", *how)
    killed_after(4, *words)
    status, said = baseline(*words)
    assert status == 0 and "resuming from" in said
    for name in ("model/model.safetensors", "predictions.jsonl"):
        one, other = (tmp_path / run / name for run in ("whole", "stopped"))
        assert one.read_bytes() == other.read_bytes(), name


def test_options_that_a_fit_does_not_have_are_named(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    how = ("--pooling", "statistics", "--epochs", "3", "--lr", "1e-3")
    status, said = baseline(*asked(corpus, encoder("whisper"), tmp_path / "run", *how))
    assert status == 0
    assert "is fitted at once and does not use --epochs, --lr" in said


def test_a_window_that_is_shorter_than_the_clips_is_told_before_training(
    corpus: Path, encoder: Callable[[str], Path], baseline: Command, tmp_path: Path
) -> None:
    # Those of the corpus last up to 0.9 s.
    own = Path(shutil.copytree(corpus.parent, tmp_path / "corpus")) / corpus.name
    long = np.zeros(24_000, np.float32)
    soundfile.write(own.parent / "sound" / "test1_0.wav", long, 16_000)
    how = ("--pooling", "statistics", "--window", "1")
    status, said = baseline(*asked(own, encoder("whisper"), tmp_path / "run", *how))
    assert status == 0
    told = "note: 1 test clips are longer than 1 s; only their middle is used"
    assert said.index(told) < said.index("computing the states")


def test_settings_that_do_not_fit() -> None:
    with pytest.raises(InputError, match=r"statistics needs a frozen encoder.*--tune nothing"):
        TrainingRecipe(pooling="statistics")
    with pytest.raises(InputError, match="--reference speaker needs the statistics"):
        TrainingRecipe(tuned="nothing", reference="speaker")


def test_the_rate_and_the_loss_follow_what_is_trained() -> None:
    assert TrainingRecipe().learning_rate == 1e-5
    assert TrainingRecipe(tuned="nothing").learning_rate == 1e-3
    assert TrainingRecipe(tuned="nothing", lr=0.5).learning_rate == 0.5
    assert TrainingRecipe().criterion == "focal"
    statistics = {"tuned": "nothing", "pooling": "statistics"}
    assert TrainingRecipe(**statistics).criterion == "balanced"  # type: ignore[arg-type]
    assert TrainingRecipe(**statistics, target="votes").criterion == "cross-entropy"  # type: ignore[arg-type]


def test_kept_sounds_need_a_store(heard: Any) -> None:
    _, sounds = heard("whisper")
    with pytest.raises(RuntimeError, match="need a store"):
        KeptSounds(**vars(sounds))[0]
