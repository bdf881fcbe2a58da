"""`predictions.jsonl`: a model's answers, one per utterance id and question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta
from pydantic import AfterValidator, Field, ValidationError

from whyser.io.errors import InputError
from whyser.io.files import read_jsonl, write_jsonl
from whyser.labels.classes import Label
from whyser.prompting.prompts import Form
from whyser.records.checked_struct import CheckedStruct
from whyser.records.utterance import input_error

#: What replaced or degraded the utterance's own sound, or replaced the question's own words.
Control: TypeAlias = Literal[
    "none", "shuffled", "silence", "transcript", "paraphrased", "reordered",
    "noise", "codec", "gain",
]  # fmt: skip

#: Controls with several variants: other words, or another order of the options.
REPEATED: frozenset[Control] = frozenset({"paraphrased", "reordered"})

#: Largest rounding error of a sum of nine printed probabilities.
_ROUNDED = 1e-4


def _at_most_one(probabilities: dict[Label, float] | None) -> dict[Label, float] | None:
    if probabilities is not None and sum(probabilities.values()) > 1 + _ROUNDED:
        raise ValueError("probabilities sum to more than 1; divide them by their sum")
    return probabilities


class Prediction(CheckedStruct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One answer (docs/design.md, "What flows").

    `form` is the question's form, `prompt` the hash of its text. `control` says what replaced or
    degraded the utterance's own sound, or replaced the question's own words, or `none`; for
    `paraphrased` and `reordered`, `variant` numbers the wordings or orders. `options` are those of
    a closed form in the order of their letters, empty for the paper's order; `numbered` if they
    have numbers instead. `adapted` is `speaker`
    if the system also used the speaker's other clips, without their labels. `text` is the model's
    answer, and `samples` are further answers to the same question. `probabilities` are the model's
    probabilities of labels; if their sum is less than 1, the rest belongs to words that are no
    label.
    """

    id: Annotated[str, Field(min_length=1), Meta(min_length=1)]
    form: Form
    prompt: str
    model: Annotated[str, Field(min_length=1), Meta(min_length=1)]
    control: Control = "none"
    variant: Annotated[int, Field(ge=0), Meta(ge=0)] = 0
    options: tuple[Label, ...] = ()
    numbered: bool = False
    adapted: Literal["", "speaker"] = ""
    text: str
    samples: tuple[str, ...] = ()
    probabilities: Annotated[
        dict[Label, Annotated[float, Field(ge=0, le=1), Meta(ge=0, le=1)]] | None,
        AfterValidator(_at_most_one),
    ] = None

    def __post_init__(self) -> None:
        _at_most_one(self.probabilities)
        # Scores have one row for all variants of a control; others would lose all but the first.
        if self.variant and self.control not in REPEATED:
            where = " and ".join(sorted(REPEATED))
            raise ValueError(
                f"variant {self.variant} of control {self.control!r}; only {where} have variants"
            )


def read_predictions(path: Path) -> Iterator[tuple[int, Prediction]]:
    """Validates and streams predictions with their line numbers.

    Raises: `InputError` with file and line for a broken line, or a missing or unknown key.
    """
    return read_jsonl(path, Prediction.model_validate_json, _problem)


def _problem(error: ValidationError) -> InputError:
    fault = error.errors(include_url=False)[0]
    if fault["type"] not in {"missing", "extra_forbidden"}:
        return input_error(error)
    cure = (
        f"A prediction has {', '.join(Prediction.__struct_fields__)}; whyser-eval join writes them."
    )
    return InputError(input_error(error).what, cure=cure)


def write_predictions(path: Path, predictions: Iterable[Prediction]) -> int:
    """Writes one JSON line per answer, atomically; returns their number."""
    return write_jsonl(path, map(prediction_line, predictions))


#: Omitted if empty.
_OPTIONAL = ("variant", "options", "numbered", "adapted", "samples", "probabilities")


def prediction_line(prediction: Prediction) -> str:
    """One answer as JSON, without the line end."""
    fields = msgspec.structs.asdict(prediction)
    written = {name: one for name, one in fields.items() if one or name not in _OPTIONAL}
    return msgspec.json.encode(written).decode()


def listed(ids: Sequence[str], *, named: int = 10) -> str:
    """Ids for an error message: the first ones, and the number of the others.

    >>> listed(["a/1", "a/2", "a/3"], named=2)
    'a/1, a/2 and 1 more'
    """
    shown = ", ".join(ids[:named])
    return f"{shown} and {len(ids) - named:,} more" if len(ids) > named else shown
