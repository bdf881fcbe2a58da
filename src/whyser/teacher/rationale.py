"""One rationale: its text, its teacher, and whether it may be used for training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator

from whyser.io.errors import InputError
from whyser.io.files import write_jsonl
from whyser.labels.classes import EmotionClass
from whyser.records.utterance import FrozenRecord, Utterance, read_records, without_reserved_marks

#: The labels to explain: the majority label only, or every annotator's label too.
Labels: TypeAlias = Literal["majority", "annotators"]


def explained(utterance: Utterance, labels: Labels) -> Iterator[Utterance]:
    """Yields the utterance once for each label to explain, the majority label first."""
    if not utterance.is_scored:
        return
    yield utterance
    if labels == "annotators":
        for label in sorted(utterance.annotator_labels() - {utterance.emotion}):
            yield utterance.model_copy(update={"label": label})


class Rationale(FrozenRecord):
    """A line of `rationales.jsonl`.

    It explains `label`, or the majority label if there is none. `reasons` says why it is not kept;
    `attempts` how often the teacher was asked.
    """

    id: str
    label: EmotionClass | None = None
    text: Annotated[str, AfterValidator(without_reserved_marks)]
    teacher: str
    prompt: str
    kept: bool
    reasons: tuple[str, ...] = ()
    attempts: int = 1


def read_rationales(path: Path) -> Iterator[Rationale]:
    """Raises: `InputError` with file and line for a broken line or a duplicate id and label."""
    seen: set[tuple[str, str | None]] = set()
    for number, rationale in read_records(path, Rationale):
        key = (rationale.id, rationale.label)
        if key in seen:
            label = f" with label {rationale.label!r}" if rationale.label else ""
            raise InputError(f"duplicate id {rationale.id!r}{label}", file=path, line=number)
        seen.add(key)
        yield rationale


def write_rationales(path: Path, rationales: Iterable[Rationale]) -> int:
    """Writes one JSON line per rationale, atomically; returns their number."""
    return write_jsonl(path, (rationale.model_dump_json() for rationale in rationales))
