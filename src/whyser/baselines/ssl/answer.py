"""A trained classifier answers the test clips of any corpus."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from whyser.baselines.predictions import NAME, write_answers
from whyser.baselines.ssl import saved
from whyser.baselines.ssl.arguments import quiet, to_answer
from whyser.baselines.ssl.frozen import kept_sounds
from whyser.baselines.ssl.network import Classifier
from whyser.baselines.ssl.recipe import Precision
from whyser.baselines.ssl.sounds import HEARD_S, Ear, Probed, Sounds, probe_all
from whyser.baselines.ssl.trainer import ClassifierTrainer, probabilities
from whyser.io.console import say
from whyser.io.files import atomic_set, write_json
from whyser.records.corpus import Clip
from whyser.records.provenance import provenance

_PACKAGES = ("torch", "transformers", "accelerate")


def answer(
    model: Path,
    clips: Sequence[Clip],
    utterances: Sequence[Path],
    output: Path,
    *,
    states: Path,
    split: str,
    system: str | None = None,
    batch_size: int = 32,
    precision: Precision = "auto",
    workers: int | None = None,
    seed: int = 0,
) -> None:
    """Classifies the clips with `model`, and writes the answers.

    Args: `states`, the folder that keeps states for features relative to the speaker.

    Raises: `InputError` for a folder without a classifier, and for clips that cannot be read.
    """
    quiet()
    card, network, pretrained = saved.read(model)
    given = to_answer(output, batch_size=batch_size, precision=precision, workers=workers)
    probed, ear = probe_all(clips), Ear.of(pretrained)
    trained: Classifier = network
    sounds = sounds_of(probed, ear)
    if card.reference == "speaker":
        kept = kept_sounds([sounds], states, pretrained, card.pooling, given, card.reference)
        trained = card.classifier(pretrained.encoder)
        sounds = kept[0] if kept else sounds
        trained.load_state_dict(network.state_dict(), strict=False)
    trainer = ClassifierTrainer(trained, given)
    answers = probabilities(trainer, sounds)
    if not trainer.is_world_process_zero():
        return
    note_long(probed, ear)
    name = system or card.system
    told = {
        "system": name,
        "split": split,
        "model": {"path": str(model), "sha256": pretrained.identity, **card.model_dump()},
        "settings": {"batch_size": batch_size, "precision": precision, "seed": seed},
    }
    path = output / NAME
    with atomic_set(path) as files:
        write_answers(
            files(path),
            clips,
            answers,
            card.classes,
            system=name,
            reference=card.reference,
            seed=seed,
        )
        write_json(files(output / "provenance.json"), versioned(utterances) | told)
    say(f"{len(clips):,} answers of {name} -> {path}")


def sounds_of(probed: Sequence[Probed], ear: Ear) -> Sounds:
    """The sounds of clips to answer, without their labels."""
    return Sounds(probed, ear, ear.fitting(HEARD_S))


def note_long(probed: Sequence[Probed], ear: Ear) -> None:
    """Reports how many clips are cropped."""
    limit = ear.fitting(HEARD_S)
    if long := sum(one.frames > limit for one in probed):
        seconds = limit / ear.extractor.sampling_rate
        say(f"note: {long:,} test clips are longer than {seconds:g} s; only their middle is used")


def versioned(utterances: Sequence[Path]) -> dict[str, Any]:
    written = provenance(utterances)
    return written | {"versions": written["versions"] | {one: version(one) for one in _PACKAGES}}
