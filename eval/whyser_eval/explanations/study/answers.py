"""A rater's file: what the page downloads, and how a changed one is found.

`script/answers.js` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from whyser_eval.explanations.study.material import Test
from whyser_eval.explanations.study.order import digest

FORMAT = "whyser-study-1"


class Given(BaseModel):
    """A choice: `place` counts the items of its test from 0 as the rater saw them, `swapped` says
    whether the second candidate stood first, `milliseconds` how long the item was on the screen,
    `plays` how often the sound was started."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    test: Test
    place: Annotated[int, Field(ge=0)]
    swapped: bool
    choice: str
    milliseconds: Annotated[int, Field(ge=0)]
    plays: Annotated[int, Field(ge=0)]


class RaterFile(BaseModel):
    """The answers of one rater, in the order in which they were shown: Test I, then Test II.

    `rater` is the code that the person was given or chose; `session` was drawn by the browser, so
    a copy under another name is found. `check` is the digest of all the rest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["whyser-study-1"]
    study: str
    rater: Annotated[str, Field(min_length=1, max_length=64)]
    session: str
    consented: str
    saved: str
    complete: bool
    answers: tuple[Given, ...]
    check: str

    @property
    def is_unchanged(self) -> bool:
        return self.check == digest(self._lines())

    def _lines(self) -> Iterator[str]:
        """All that the check covers, a line each, as the page joins it."""
        yield from (self.format, self.study, self.rater, self.session, self.consented, self.saved)
        yield "complete" if self.complete else "incomplete"
        for one in self.answers:
            side = "swapped" if one.swapped else "straight"
            numbers = f"{one.milliseconds}|{one.plays}"
            yield f"{one.item}|{one.test}|{one.place}|{side}|{one.choice}|{numbers}"
