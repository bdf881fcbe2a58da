"""`training.json` in a run's results: what the model of the run was trained from."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from whyser.io.files import read_record, write_json
from whyser.records.utterance import FrozenRecord

FILE = "training.json"


class TrainingFacts(FrozenRecord):
    """A system's training: its start checkpoint, its rows, and who wrote the rationales.

    Only utterances with a rationale become rows, also rows that are trained on the label alone.

    `rows` has the number of rows of each dataset that it was trained on.
    """

    system: str
    checkpoint: str
    rows: dict[str, int]
    teacher: str

    def __str__(self) -> str:
        rows = " and ".join(f"{count:,} rows of {name}" for name, count in self.rows.items())
        return (
            f"{self.system} was trained from {self.checkpoint} on {rows}. Teacher: {self.teacher}."
        )


_FORM = TypeAdapter(TrainingFacts)


def write_training(folder: Path, facts: TrainingFacts) -> None:
    write_json(folder / FILE, facts.model_dump())


def read_training(folder: Path) -> TrainingFacts | None:
    """None in a folder of results whose training is not known.

    Raises: `InputError` for a broken file.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    return read_record(path, _FORM, cure="Run ./run.sh --from predict again.")
