"""One rationale: its text, who wrote it, and whether it may be trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError

from whyser.errors import InputError
from whyser.files import read_lines, write_jsonl
from whyser.utterance import input_error, without_reserved_marks


class Rationale(BaseModel):
    """A line of `rationales.jsonl`.

    `reasons` says why a rationale is not kept; `attempts` how often the teacher was asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    text: Annotated[str, AfterValidator(without_reserved_marks)]
    teacher: str
    prompt: str
    kept: bool
    reasons: tuple[str, ...] = ()
    attempts: int = 1


def read_rationales(path: Path) -> Iterator[Rationale]:
    """Raises: `InputError` with file and line for a broken line or a repeated id."""
    seen: set[str] = set()
    for number, line in read_lines(path):
        try:
            rationale = Rationale.model_validate_json(line)
        except ValidationError as error:
            raise input_error(error).at(path, number) from None
        if rationale.id in seen:
            raise InputError(f"id {rationale.id!r} stands twice", file=path, line=number)
        seen.add(rationale.id)
        yield rationale


def write_rationales(path: Path, rationales: Iterable[Rationale]) -> int:
    """Writes one JSON line a rationale, atomically; returns how many."""
    return write_jsonl(path, (rationale.model_dump_json() for rationale in rationales))
