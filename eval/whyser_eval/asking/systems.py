"""Whom `ask` asks: a checkpoint on this disk, or a model at an endpoint.

Both get the paper's question, decode greedily, and are asked a second time for the labels'
probabilities (`whyser_eval.answers.predict.probabilities`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from whyser.chat import Chat, ChatSettings, Reply, Request, audio_part
from whyser.io.audio import WINDOW_S
from whyser.io.errors import WhyserError
from whyser.labels.classes import Label
from whyser.local.model import LocalModel
from whyser.prompting.prompts import Form, Question, Template, emotion_question
from whyser.temporary import temporary_folder
from whyser_eval.answers.predict.probabilities import (
    ALTERNATIVES,
    STEPS,
    continuation,
    decision,
    label_probabilities,
)


@dataclass(frozen=True)
class RawAnswer:
    """What a model wrote, and its probabilities of the labels, None if it gives none."""

    text: str
    is_cut: bool
    probabilities: dict[Label, float] | None


class AskedSystem(Protocol):
    """A system to ask: its name, the question, and the seconds of a clip that it hears.

    `is_local`: no sound leaves this machine.
    """

    name: str
    is_local: bool
    question: Question
    window: float

    def ask(self, sound: Path) -> RawAnswer:
        """Raises: `WhyserError` if there is no answer."""
        ...

    def close(self) -> None: ...


class LocalSystem:
    """A checkpoint on this disk, which begins to load at once."""

    is_local = True

    def __init__(
        self, folder: Path, form: Form, max_tokens: int, template: Template | None
    ) -> None:
        self._model = LocalModel(folder, template)
        self._max_tokens = max_tokens
        self.name = folder.resolve().name
        self.question = emotion_question(form)
        self.window = self._model.window

    def ask(self, sound: Path) -> RawAnswer:
        text = self.question.text
        reply = self._model.answer(sound, text, max_tokens=self._max_tokens)
        decided = decision(reply.text, self.question)
        if decided is None:
            return RawAnswer(reply.text, reply.is_cut, None)
        weighed = self._model.answer(
            sound, text, begun=decided.before, max_tokens=STEPS, alternatives=ALTERNATIVES
        )
        shares = label_probabilities(weighed.tokens, decided, self.question)
        return RawAnswer(reply.text, reply.is_cut, shares)

    def close(self) -> None:
        self._model.close()


class EndpointSystem:
    """A model at an endpoint."""

    window = WINDOW_S
    is_local = False

    def __init__(self, settings: ChatSettings, form: Form, max_tokens: int) -> None:
        self._settings = settings
        self._decoding = {"temperature": 0.0, "max_tokens": max_tokens}
        self.name = settings.model
        self.question = emotion_question(form)

    def ask(self, sound: Path) -> RawAnswer:
        text = {"type": "text", "text": self.question.text}
        content = [audio_part(sound, "data"), text]
        request = Request([{"role": "user", "content": content}], self._decoding)
        with temporary_folder() as folder:
            reply, shares = asyncio.run(self._ask(request, folder / "ledger.jsonl"))
        return RawAnswer(reply.text, reply.is_cut, shares)

    async def _ask(self, request: Request, ledger: Path) -> tuple[Reply, dict[Label, float] | None]:
        async with Chat(self._settings, ledger) as chat:
            reply = await chat.ask(request, label=self._settings.address)
            # The ledger has the answer with its thinking, on which what follows depends.
            whole = chat.ledger.entry(chat.key(request)).text
            decided = decision(whole, self.question)
            if decided is None:
                return reply, None
            try:
                weighed = await chat.ask(continuation(request, decided))
            except WhyserError:
                # The answer is there; a server that cannot continue it gives no shares.
                return reply, None
            return reply, label_probabilities(weighed.tokens, decided, self.question)

    def close(self) -> None:
        pass
