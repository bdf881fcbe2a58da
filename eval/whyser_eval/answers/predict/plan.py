"""What `predict` asks about an utterance: the words, the control and the decoding."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from whyser.chat import Request, audio_part, derived_seed
from whyser.io.errors import InputError
from whyser.options.endpoint import SoundForm
from whyser.prompting.prompts import (
    OPTIONS,
    POOLS,
    STEM,
    Form,
    Question,
    emotion_question,
    with_transcript,
)
from whyser.records.predictions import REPEATED, Control
from whyser.records.utterance import Utterance

#: docs/design.md, "Where the paper is silent", 16; several samples are drawn like the teacher's
#: (15).
MAX_TOKENS, SAMPLING_TEMPERATURE, SAMPLING_TOP_P = 512, 0.7, 0.9

#: Wordings, or orders of the options, that show how much these matter.
VARIANTS = 5


@dataclass(frozen=True)
class Decoding:
    """Greedy for one answer; several are sampled, each with its own seed.

    Raises: `InputError` for several answers at temperature 0, which would all be the same.
    """

    samples: int = 1
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = MAX_TOKENS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples > 1 and self.temperature == 0:
            raise InputError(
                f"{self.samples} samples at temperature 0 would be equal",
                cure="Give a temperature above 0, or one sample.",
            )

    @property
    def draws(self) -> bool:
        return self.samples > 1 or bool(self.temperature)

    def parameters(self, utterance_id: str, sample: int) -> dict[str, Any]:
        """For the request; a greedy one needs no seed."""
        if not self.draws:
            return {"temperature": 0.0, "max_tokens": self.max_tokens}
        return {
            "temperature": self.temperature or SAMPLING_TEMPERATURE,
            "top_p": SAMPLING_TOP_P if self.top_p is None else self.top_p,
            "max_tokens": self.max_tokens,
            "seed": derived_seed(self.seed, utterance_id, sample),
        }

    def as_json(self) -> dict[str, Any]:
        """For the record; each answer's seed is derived from the one here."""
        fixed = {name: value for name, value in self.parameters("", 0).items() if name != "seed"}
        return {"samples": self.samples, **fixed, "seed": self.seed}


@dataclass(frozen=True)
class Plan:
    """What all questions of a run share.

    Args:
        thinks: Ask for a chain of thought.
        variants: Wordings under `paraphrased`, orders of the options under `reordered`, the
            paper's first; None for 5.
        audio: How a sound is sent.

    Raises: `InputError` for an order of options in the open form, for more wordings than the pool
    has, and for variants of a question that is asked once.
    """

    form: Form
    thinks: bool = False
    control: Control = "none"
    variants: int | None = None
    audio: SoundForm = "data"
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        if self.control == "reordered" and self.form == "open":
            raise InputError("the open form has no options to reorder", cure="Use --form closed.")
        if self.variants is not None and self.control not in REPEATED:
            raise InputError(
                f"{self.variants} variants under control {self.control!r}",
                cure="Use --variants with --control paraphrased or reordered only.",
            )
        wordings = len(POOLS["stem"])
        if self.control == "paraphrased" and (self.variants or 1) > wordings:
            raise InputError(
                f"{self.variants} wordings, but the pool has {wordings}",
                cure=f"Give --variants up to {wordings}.",
            )

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """One for each variant; the first is the paper's, and mostly the only one."""
        count = (self.variants or VARIANTS) if self.control in REPEATED else 1
        stems = POOLS["stem"] if self.control == "paraphrased" else (STEM,) * count
        return tuple(
            emotion_question(
                self.form, thinks=self.thinks, stem=stems[variant], options=self._options(variant)
            )
            for variant in range(count)
        )

    def _options(self, variant: int) -> tuple[Any, ...]:
        options = list(OPTIONS)
        if self.control == "reordered" and variant:
            random.Random(f"{self.decoding.seed}:options:{variant}").shuffle(options)
        return tuple(options)

    def request(
        self, utterance: Utterance, sound: Path | None, variant: int = 0, sample: int = 0
    ) -> Request:
        """The question about one clip; further samples differ only in their seed.

        Raises: `InputError` for a sound that cannot be read.
        """
        text = self.questions[variant].text
        if sound is None:
            text = with_transcript(text, utterance.transcript)
        content = [] if sound is None else [audio_part(sound, self.audio)]
        content.append({"type": "text", "text": text})
        return Request(
            [{"role": "user", "content": content}], self.decoding.parameters(utterance.id, sample)
        )
