"""What raters are shown, and the key that tells what it was.

The material holds nothing that tells a system or whether it was right; the key holds that, and
lies in another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from whyser.io.files import read_record, short_hash
from whyser.labels.classes import EmotionClass, Label

#: Test I accepts or rejects one explanation, Test II prefers one of two (paper, 3.4).
Test: TypeAlias = Literal["accept", "prefer"]

#: What a rater may choose in each; `first` and `second` are those of the material, not of the eye.
CHOICES: dict[Test, tuple[str, str]] = {
    "accept": ("accept", "reject"),
    "prefer": ("first", "second"),
}

Condition: TypeAlias = Literal["match", "mismatch"]


class Shown(BaseModel):
    """An explanation as it is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: EmotionClass
    text: str


class Item(BaseModel):
    """One thing to judge; `item` names it and tells nothing, `audio` is relative to the page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: Annotated[str, Field(pattern=r"^[0-9a-z]+$")]
    test: Test
    audio: str
    candidates: Annotated[tuple[Shown, ...], Field(min_length=1, max_length=2)]


class Material(BaseModel):
    """All that the page shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    consent: str
    instructions: dict[Test, str]
    items: tuple[Item, ...]

    @property
    def study(self) -> str:
        """Its name: another text, another sound or another item is another study."""
        return short_hash(self.model_dump_json())


class Answer(BaseModel):
    """The truth about one item: an entry of the key.

    `id` is the utterance, `condition` whether the system's label is the consensus, `systems` who
    wrote the candidates in the material's order. An attention check has `expected`, the choice
    that it asks for, and is no part of any figure. `duration` is that of the sound in seconds,
    where it is known: who answers sooner has not heard it out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    test: Test
    id: str
    gold: Label | None
    prediction: EmotionClass
    condition: Condition
    systems: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)]
    expected: str | None = None
    duration: float | None = None


class Key(BaseModel):
    """The key of one study.

    `system` is whose explanations are judged, `reference` who wrote the gold-referenced ones of
    Test II; None where there is no Test II.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    study: str
    system: str
    reference: str | None
    seed: int
    answers: tuple[Answer, ...]
    provenance: dict[str, Any]

    def of(self, test: Test) -> Sequence[Answer]:
        """The items of one test that figures are told of."""
        return [one for one in self.answers if one.test == test and one.expected is None]


def read_key(path: Path) -> Key:
    """Raises: `InputError` for a missing or a broken file."""
    return read_record(
        path,
        TypeAdapter(Key),
        cure="Give the key that whyser-eval study make wrote beside the page.",
    )
