"""`predictions.jsonl`: one answer of a model to one utterance, under its id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from whyser.io.errors import InputError
from whyser.io.files import read_jsonl, write_jsonl
from whyser.labels.classes import Label
from whyser.prompting.prompts import Form
from whyser.records.utterance import input_error

#: What stood in for the utterance's own sound, or for the question's own words.
Control: TypeAlias = Literal[
    "none", "shuffled", "silence", "transcript", "paraphrased", "reordered"
]

#: Asked several times over, in other words or with the options in another order.
REPEATED: frozenset[Control] = frozenset({"paraphrased", "reordered"})

#: What a sum of nine printed probabilities may be off by.
_ROUNDED = 1e-4


_ONCE = f"variants belong to {' and '.join(sorted(REPEATED))}"


def _at_most_one(probabilities: dict[Label, float] | None) -> dict[Label, float] | None:
    if probabilities is not None and sum(probabilities.values()) > 1 + _ROUNDED:
        raise ValueError("probabilities sum to more than 1; divide them by their sum")
    return probabilities


class Prediction(BaseModel):
    """One answer (docs/design.md, "What flows").

    `form` is that of the question, `prompt` the hash of its text. `control` says what stood in
    for the utterance's own sound or the question's own words, or `none`; under `paraphrased` and
    `reordered`, `variant` tells the wordings and the orders apart. `options` are those of a closed
    form in the order of their letters, empty for the paper's order. `text` is the answer as the
    model gave it, and `samples` are further answers to the same question, where several were
    drawn. `probabilities` are the model's own, of the labels it weighed; what they lack to 1 fell
    to words that are no label.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    form: Form
    prompt: str
    model: Annotated[str, Field(min_length=1)]
    control: Control = "none"
    variant: Annotated[int, Field(ge=0)] = 0
    options: tuple[Label, ...] = ()
    text: str
    samples: tuple[str, ...] = ()
    probabilities: Annotated[
        dict[Label, Annotated[float, Field(ge=0, le=1)]] | None, AfterValidator(_at_most_one)
    ] = None

    @model_validator(mode="after")
    def _is_asked_once(self) -> Self:
        # Scores show one row for all variants: of another control all but the first would be lost.
        if self.variant and self.control not in REPEATED:
            raise ValueError(f"variant {self.variant} under control {self.control!r}; {_ONCE}")
        return self


def read_predictions(path: Path) -> Iterator[tuple[int, Prediction]]:
    """Predictions with their line numbers, validated and streamed.

    Raises: `InputError` with file and line for a broken line, a missing or an unknown key.
    """
    return read_jsonl(path, Prediction.model_validate_json, _problem)


def _problem(error: ValidationError) -> InputError:
    fault = error.errors(include_url=False)[0]
    if fault["type"] not in {"missing", "extra_forbidden"}:
        return input_error(error)
    cure = f"A prediction has {', '.join(Prediction.model_fields)}; whyser-eval join writes them."
    return InputError(input_error(error).what, cure=cure)


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> int:
    """Writes one JSON line an answer, atomically; returns how many."""
    return write_jsonl(path, map(prediction_line, predictions))


#: Not written where they say nothing.
_OPTIONAL = ("variant", "options", "samples", "probabilities")


def prediction_line(prediction: Prediction) -> str:
    """The JSON of one answer, without the line's end."""
    return prediction.model_dump_json(
        exclude={name for name in _OPTIONAL if not getattr(prediction, name)}
    )


def listed(ids: Sequence[str], *, named: int = 10) -> str:
    """Ids as an error prints them: the first few, the rest counted.

    >>> listed(["a/1", "a/2", "a/3"], named=2)
    'a/1, a/2 and 1 more'
    """
    shown = ", ".join(ids[:named])
    return f"{shown} and {len(ids) - named:,} more" if len(ids) > named else shown
