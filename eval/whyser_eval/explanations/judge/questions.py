"""The questions to a judge: every pair in both orders, and every rationale once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from whyser.chat import Request, audio_part
from whyser.options.endpoint import AudioForm
from whyser.prompting.prompts import Prompt
from whyser_eval.explanations.judge.prompts import (
    CHOICE_SCHEMA,
    RATING_SCHEMA,
    pairwise_prompt,
    rubric_prompt,
)
from whyser_eval.explanations.pairs import Candidate, ExplanationPair
from whyser_eval.reading.structured import as_data, response_format, shortened


@dataclass(frozen=True)
class PairQuestion:
    """Which of two rationales is better; `swapped` shows the pair's second candidate as A."""

    pair: ExplanationPair
    swapped: bool

    @property
    def shown(self) -> tuple[Candidate, Candidate]:
        one, two = self.pair.first, self.pair.second
        return (two, one) if self.swapped else (one, two)

    @property
    def label(self) -> str:
        return f"{self.pair.id}: {self.shown[0].system}, {self.shown[1].system}"


@dataclass(frozen=True)
class RubricQuestion:
    """How good one rationale is; `pair` is the first pair that contains it."""

    pair: ExplanationPair
    candidate: Candidate

    @property
    def label(self) -> str:
        return f"{self.pair.id}: {self.candidate.system}"


Question: TypeAlias = PairQuestion | RubricQuestion


def questions(pairs: Iterable[ExplanationPair], *, rubric: bool) -> list[Question]:
    """All questions; a rationale that is part of several pairs is rated once."""
    pairs = list(pairs)
    found: list[Question] = [PairQuestion(pair, side) for pair in pairs for side in (False, True)]
    return [*found, *_explanations(pairs)] if rubric else found


def _explanations(pairs: Iterable[ExplanationPair]) -> Iterator[RubricQuestion]:
    seen = set()
    for pair in pairs:
        for one in (pair.first, pair.second):
            if (pair.id, one) not in seen:
                seen.add((pair.id, one))
                yield RubricQuestion(pair, one)


@dataclass(frozen=True)
class JudgeConfig:
    """Settings of the requests to a judge.

    Args:
        audio: How the audio is sent; `none` for a judge that only reads.
        max_tokens: Maximum tokens of a reply, including thinking.
        schema: Whether the endpoint must enforce a JSON schema.
    """

    audio: AudioForm
    max_tokens: int
    schema: bool = True

    @property
    def hears(self) -> bool:
        return self.audio != "none"

    @property
    def pairwise(self) -> Prompt:
        return pairwise_prompt(hears=self.hears)

    @property
    def rubric(self) -> Prompt:
        return rubric_prompt(hears=self.hears)

    def prompt(self, question: Question) -> Prompt:
        return self.pairwise if isinstance(question, PairQuestion) else self.rubric

    def request(self, question: Question) -> Request:
        """Raises: `InputError` for unreadable audio."""
        if isinstance(question, PairQuestion):
            one, two = map(_told, question.shown)
            data, schema = {"A": one, "B": two}, CHOICE_SCHEMA
        else:
            data, schema = _told(question.candidate), RATING_SCHEMA
        prompt = self.prompt(question)
        text = f"{prompt.text}\n{_line({'words': question.pair.transcript, **data})}"
        return Request(
            [{"role": "user", "content": self._content(question.pair, text)}],
            self._parameters(prompt, schema),
        )

    def _content(self, pair: ExplanationPair, text: str) -> str | Sequence[Mapping[str, Any]]:
        if self.audio == "none":
            return text
        sound = audio_part(Path(pair.audio or "no sound"), self.audio)
        return [sound, {"type": "text", "text": text}]

    def _parameters(self, prompt: Prompt, schema: Mapping[str, Any]) -> dict[str, Any]:
        held = {"response_format": response_format(prompt.name, schema)} if self.schema else {}
        return {"temperature": 0, "max_tokens": self.max_tokens, **held}


def _told(candidate: Candidate) -> dict[str, Any]:
    """A candidate without the name of its system."""
    return {"emotion": candidate.label, "explanation": shortened(candidate.text)}


def _line(data: Mapping[str, Any]) -> str:
    # Special tokens of chat templates and of audio begin with <; escaped, they are plain text.
    return as_data(data).replace("<", "\\u003c")
