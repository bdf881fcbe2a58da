"""A whole run: it trains, keeps the best epoch, and answers the test clips."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerState, set_seed

from whyser.baselines.clips import Task
from whyser.baselines.predictions import NAME, write_answers
from whyser.baselines.ssl import saved
from whyser.baselines.ssl.answer import note_long, sounds_of, versioned
from whyser.baselines.ssl.arguments import Report, quiet, to_train
from whyser.baselines.ssl.epochs import epochs_of, is_exhausted
from whyser.baselines.ssl.frozen import KeptSounds, kept_sounds
from whyser.baselines.ssl.logistic import best_of, fit
from whyser.baselines.ssl.losses import Criterion, class_weights, targets
from whyser.baselines.ssl.network import Classifier
from whyser.baselines.ssl.pretrained import Pretrained, load
from whyser.baselines.ssl.recipe import TrainingRecipe
from whyser.baselines.ssl.sounds import HEARD_S, Ear, Probed, Sounds, probe_all
from whyser.baselines.ssl.state import State
from whyser.baselines.ssl.trainer import ClassifierTrainer, probabilities
from whyser.io.console import say
from whyser.io.errors import InputError
from whyser.io.files import atomic_set, short_hash, write_json
from whyser.records.provenance import file_hash

MODEL = "model"


@dataclass(frozen=True)
class BaselineRun:
    """A run that trains the classifier `system` on an encoder, in the folder `output`.

    Args: `states`, the folder that keeps those of a frozen encoder; `window`, as in
        `pretrained.load`.
    """

    task: Task
    recipe: TrainingRecipe
    encoder: str
    system: str
    utterances: Sequence[Path]
    output: Path
    states: Path
    window: int | None = None
    workers: int | None = None
    report: Report = "none"

    def __call__(self, *, restarts: bool = False) -> None:
        """Trains and answers, or resumes an earlier call.

        Raises: `WhyserError` for wrong input, if possible before training, and for a loss that is
        NaN or infinite.
        """
        quiet()
        given = to_train(
            self.recipe,
            self.output.resolve() / "checkpoints",
            workers=self.workers,
            report=self.report,
        )
        train, dev, test = self._probed()
        pretrained = load(self.encoder, window=self.window)
        state = State(self.output, self._asked([*train, *dev, *test], pretrained))
        with given.main_process_first(local=False):
            if given.process_index == 0:
                state.begin(restarts=restarts)
        if state.is_finished:
            self._require_answers()
            say(f"{self.output} is finished already; --restart repeats the run")
            return
        if given.process_index == 0:
            note_long(test, Ear.of(pretrained))
            if unused := self.recipe.unused:
                told = ", ".join(unused)
                say(f"note: --pooling statistics is fitted at once and does not use {told}")
        began = time.monotonic()
        heard = self._heard(train, dev, test, pretrained, given)
        trainer, progress = self._trained(heard[0], heard[1], pretrained, given, state)
        answers = probabilities(trainer, heard[2])
        if trainer.is_world_process_zero():
            self._write(trainer, pretrained, answers, progress, time.monotonic() - began)
            state.finish()

    def _require_answers(self) -> None:
        if not (path := self.output / NAME).is_file():
            cure = (
                f"Write it with whyser-baseline answer --model {self.output / MODEL}, or --restart."
            )
            raise InputError("is missing, though the run finished", file=path, cure=cure)

    def _probed(self) -> Iterator[list[Probed]]:
        """Train, dev and test, probed together to report all problems at once."""
        task = self.task
        probed = iter(probe_all([*task.train, *task.dev, *task.test]))
        for part in (task.train, task.dev, task.test):
            yield list(islice(probed, len(part)))

    def _asked(self, probed: Sequence[Probed], pretrained: Pretrained) -> dict[str, Any]:
        sound = "\n".join(f"{one.clip.id} {one.frames}" for one in probed)
        return {
            "system": self.system,
            "encoder": pretrained.identity,
            "classes": list(self.task.classes),
            "split": self.task.split,
            **asdict(self.recipe),
            "utterances": [file_hash(path) for path in self.utterances],
            "sound": short_hash(sound),
        }

    # ---- training -------------------------------------------------------------------------------

    def _heard(
        self,
        train: Sequence[Probed],
        dev: Sequence[Probed],
        test: Sequence[Probed],
        pretrained: Pretrained,
        given: Any,
    ) -> Sequence[Sounds]:
        """The sounds of each split, or what is kept of a frozen encoder's states of them."""
        parts = [
            self._taught(train, pretrained, seed=self.recipe.seed),
            self._taught(sorted(dev, key=lambda one: -one.frames), pretrained),
            sounds_of(test, Ear.of(pretrained)),
        ]
        if self.recipe.tuned != "nothing":
            return parts
        pooling, reference = self.recipe.pooling, self.recipe.reference
        try:
            kept = kept_sounds(parts, self.states, pretrained, pooling, given, reference)
        except InputError as error:
            raise _from_reader(error) from None
        return kept or parts

    def _trained(
        self, train: Sounds, dev: Sounds, pretrained: Pretrained, given: Any, state: State
    ) -> tuple[ClassifierTrainer, dict[str, Any]]:
        """A trainer with the trained classifier, and what provenance says of the training."""
        recipe = self.recipe
        set_seed(recipe.seed)
        classifier = self._untrained(train, pretrained)
        learnt = [*self.task.train, *(self.task.dev if recipe.fits_at_once else ())]
        weights = class_weights(learnt, self.task.classes)
        criterion = Criterion(recipe.criterion, weights, recipe.gamma)
        fits: list[dict[str, float]] = []
        if isinstance(train, KeptSounds) and isinstance(dev, KeptSounds) and recipe.fits_at_once:
            fits = fit(classifier, train, dev, criterion)
        trainer = ClassifierTrainer(
            classifier,
            given,
            floor=pretrained.encoder.floor,
            criterion=criterion,
            train=train,
            dev=dev,
            patience=recipe.patience,
        )
        if fits:
            return trainer, {"best_fit": best_of(fits), "fits": fits}
        self._train(trainer, state)
        epochs = epochs_of(trainer.state.log_history)
        best = max(epochs, key=lambda row: row["dev_f1_macro"])
        return trainer, {"best_epoch": best["epoch"], "epochs": epochs}

    def _untrained(self, train: Sounds, pretrained: Pretrained) -> Classifier:
        card = self._card(pretrained)
        if isinstance(train, KeptSounds):
            return card.classifier(pretrained.encoder)
        network = card.network(pretrained.encoder)
        network.freeze(self.recipe.tuned)
        return network

    def _card(self, pretrained: Pretrained) -> saved.Card:
        return saved.Card(
            system=self.system,
            classes=self.task.classes,
            pooling=self.recipe.pooling,
            hidden=self.recipe.hidden or pretrained.encoder.width,
            dropout=self.recipe.dropout,
            reference=self.recipe.reference,
        )

    def _taught(
        self, probed: Sequence[Probed], pretrained: Pretrained, *, seed: int | None = None
    ) -> Sounds:
        clips = [one.clip for one in probed]
        ear = Ear.of(pretrained)
        return Sounds(
            probed,
            ear,
            ear.fitting(HEARD_S if seed is None else self.recipe.longest),
            seed,
            targets(clips, self.task.classes, self.recipe.target),
            np.array([self.task.classes.index(clip.utterance.emotion) for clip in clips]),
        )

    def _train(self, trainer: ClassifierTrainer, state: State) -> None:
        """Trains, and loads the weights of the best epoch."""
        checkpoint = state.last_checkpoint()
        if trainer.is_world_process_zero() and checkpoint:
            say(f"resuming from {checkpoint}")
        earlier: Any = None
        if checkpoint:
            earlier = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        if earlier and is_exhausted(earlier.log_history, self.recipe.patience):
            trainer.state = earlier
        else:
            try:
                trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
            except InputError as error:
                raise _from_reader(error) from None
        # Trainer's state has the best checkpoint's path, but the folder may have been moved.
        best = state.checkpoints / f"checkpoint-{trainer.state.best_global_step}"
        network: Any = trainer.model
        saved.fill(network, best / "model.safetensors")

    # ---- answers --------------------------------------------------------------------------------

    def _write(
        self,
        trainer: ClassifierTrainer,
        pretrained: Pretrained,
        answers: Any,
        progress: dict[str, Any],
        seconds: float,
    ) -> None:
        card = self._card(pretrained)
        network = saved.whole(card, trainer.model, pretrained.encoder)
        network.freeze(self.recipe.tuned)
        saved.save(self.output / MODEL, card, network, pretrained.extractor)
        told = {
            "system": self.system,
            "split": self.task.split,
            "encoder": {"name": self.encoder, "identity": pretrained.identity},
            "settings": asdict(self.recipe)
            | {"loss": self.recipe.criterion, "lr": self.recipe.learning_rate},
            "parameters": saved.parameters(network),
            "clips": {"train": len(self.task.train), "dev": len(self.task.dev)},
            "processes": trainer.args.world_size,
            "device": str(trainer.args.device),
            "seconds": round(seconds, 1),
            **progress,
        }
        path, task, seed = self.output / NAME, self.task, self.recipe.seed
        with atomic_set(path) as files:
            write_answers(
                files(path),
                task.test,
                answers,
                task.classes,
                system=self.system,
                reference=self.recipe.reference,
                seed=seed,
            )
            write_json(files(self.output / "provenance.json"), versioned(self.utterances) | told)
        say(
            f"{len(task.test):,} answers of {self.system}, trained on "
            f"{len(task.train):,} utterances of {len(task.classes)} classes in "
            f"{seconds:.0f} s, {_best(progress)} -> {path}"
        )


def _best(progress: dict[str, Any]) -> str:
    if fitted := progress.get("best_fit"):
        score = fitted["dev_f1_macro"]
        return f"then on dev, C {fitted['strength']:g} (dev Macro-F1 before it {score:.4f})"
    best = progress["best_epoch"]
    return f"best in epoch {best} (dev Macro-F1 {progress['epochs'][best - 1]['dev_f1_macro']:.4f})"


def _from_reader(error: InputError) -> InputError:
    """The error without the traceback that a data loader's worker adds to its message."""
    told = str(error).strip().splitlines()[-1]
    return InputError(told.removeprefix(f"{InputError.__module__}.{InputError.__name__}: "))
