"""Every prompt text, versioned and hashed; a score's signature carries the hash."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from whyser.files import short_hash
from whyser.labels import CLASSES, OTHER


@dataclass(frozen=True)
class Prompt:
    """A text under a name and version; change the text, raise the version."""

    name: str
    version: int
    text: str

    @cached_property
    def hash(self) -> str:
        return short_hash(self.text)


def lettered_options() -> dict[str, str]:
    """Letter -> label of the closed-form prompt: A to H are the classes, I is other."""
    return dict(zip("ABCDEFGHI", [*CLASSES, OTHER], strict=True))


_QUESTION = "What emotion do you think the audio expresses?"

#: Paper, 3.1: the output space is not limited.
OPEN = Prompt("open", 1, _QUESTION)

#: Paper, 3.1: nine lettered options. (The paper prints "nA." where a line break was lost.)
CLOSED = Prompt(
    "closed",
    1,
    "\n".join(
        [
            f"{_QUESTION} Choose one from the following options:",
            *(f"{letter}. {label.capitalize()}" for letter, label in lettered_options().items()),
        ]
    ),
)

QUESTIONS = {prompt.name: prompt for prompt in (OPEN, CLOSED)}
