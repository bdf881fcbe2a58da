"""`predictions.jsonl`: one answer of a model to one utterance, under its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from whyser.errors import did_you_mean
from whyser.files import read_lines, write_jsonl
from whyser.utterance import input_error

Control: TypeAlias = Literal["none", "shuffled", "silence", "transcript"]


class Prediction(BaseModel):
    """One answer (design: "What flows").

    `form` is that of the question, `prompt` the hash of its text. `control` says what stood in
    for the utterance's own sound, or `none`. `text` is the answer as the model gave it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    form: Literal["open", "closed"]
    prompt: str
    model: Annotated[str, Field(min_length=1)]
    control: Control = "none"
    text: str


def read_predictions(path: Path) -> Iterator[tuple[int, Prediction]]:
    """Predictions with their line numbers, validated and streamed.

    Raises: `InputError` with file and line for a broken line, a missing or an unknown key.
    """
    for number, line in read_lines(path):
        try:
            yield number, Prediction.model_validate_json(line)
        except ValidationError as error:
            problem = input_error(error).at(path, number)
            if error.errors()[0]["type"] in {"missing", "extra_forbidden"}:
                problem.cure = did_you_mean(str(error.errors()[0]["loc"][-1]), _KEYS)
            raise problem from None


_KEYS = list(Prediction.model_fields)


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> int:
    """Writes one JSON line an answer, atomically; returns how many."""
    return write_jsonl(path, (prediction.model_dump_json() for prediction in predictions))
