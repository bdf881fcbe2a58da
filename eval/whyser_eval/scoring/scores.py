"""`scores.json`: a tidy list with one object for each value, and its schema.

`python -m whyser_eval.scoring.scores` writes `scores.schema.json` from `ScoreRow`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, Field, FiniteFloat, TypeAdapter, ValidationError, with_config

from whyser.io.errors import InputError, Problems
from whyser.io.files import read_text, write_json
from whyser.prompting.prompts import Form
from whyser.records.predictions import Control
from whyser_eval.metrics.declaration import METRICS

SCHEMA = Path(__file__).with_name("scores.schema.json")

#: The form of a baseline, which reads no question.
ANY = "any"


def _words(
    description: str, pattern: str | None = None, *, examples: list[Any] | None = None
) -> Any:
    return Field(description=description, min_length=1, pattern=pattern, examples=examples)


def _one_of(*names: str) -> str:
    return f"^({'|'.join(names)})$"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class ScoreRow:
    """One score of one system (docs/design.md, "What flows"; docs/scores.md, "Metrics")."""

    system: Annotated[
        str, _words("Name of the system; `constant:CLASS` and `prior` are the baselines.")
    ]
    form: Annotated[
        str,
        _words(
            "Form of the question; `any` for a baseline, which has none.",
            _one_of(*get_args(Form), ANY),
        ),
    ]
    control: Annotated[
        str,
        _words(
            "What replaces or degrades the utterance's own sound, or replaces the question's own "
            "words, or `none`. "
            "Under `paraphrased` and `reordered`, `value` is the mean over the variants of the "
            "question, `low` and `high` are the lowest and the highest variant.",
            _one_of(*get_args(Control)),
        ),
    ]
    subset: Annotated[
        str,
        _words(
            "The utterances: `all`, `strict` (one label has more than half of the votes), "
            "`all_inclusive` (those without agreement too), or a subset of `all` such as "
            "`corpus:meld`, `gender:female` and a band of `agreement:` or `entropy:`.",
            r"^[a-z_]+(:.+)?$",
        ),
    ]
    metric: Annotated[
        str,
        _words(
            "Name of the metric; `f1:sad` is the F1 of one class.",
            r"^[a-z][a-z0-9_]*(:[a-z]+)?$",
            examples=list(METRICS),
        ),
    ]
    value: Annotated[
        FiniteFloat | None,
        Field(description="The value, not as a percentage; null without utterances."),
    ]
    low: Annotated[
        FiniteFloat | None,
        Field(description="Lower end of the 95 % interval; null without one."),
    ]
    high: Annotated[
        FiniteFloat | None,
        Field(description="Upper end of the 95 % interval; null without one."),
    ]
    n: Annotated[int, Field(ge=0, description="Number of utterances behind the value.")]
    signature: Annotated[
        str,
        _words(
            "What another lab must match before two values can be compared: the metric, then "
            "`name:value` pairs, separated by `|`.",
            r"^[^|]+(\|[^|:]+:[^|]*)*\|refs:[0-9a-f]{8}(\|[^|:]+:[^|]*)*$",
        ),
    ]

    @property
    def signed(self) -> dict[str, str]:
        """The signature's pairs by name."""
        pairs = (pair.partition(":") for pair in self.signature.split("|")[1:])
        return {name: value for name, _, value in pairs}


_ROWS = TypeAdapter(list[ScoreRow])

_CURE = "Write it again with this version of whyser-eval score."


def read_scores(path: Path) -> tuple[ScoreRow, ...]:
    """The validated rows of a `scores.json`.

    Raises: `InputError` for a missing, broken or empty file, `BadInput` with every row that breaks
    the schema or is a duplicate.
    """
    try:
        rows = _ROWS.validate_json(read_text(path), strict=True)
    except ValidationError as error:
        problems = Problems(path)
        for fault in error.errors(include_url=False):
            problems.add(InputError(_described(fault), file=path, cure=_CURE))
        problems.raise_any()
        raise
    if not rows:
        raise InputError("holds no scores", file=path, cure=_CURE)
    _check_unique(rows, path)
    return tuple(rows)


def _described(fault: Any) -> str:
    """The text of a pydantic error, with rows counted from 1.

    >>> _described({"loc": (1, "n"), "msg": "Field required", "type": "missing", "input": {}})
    'row 2: n: Field required'
    """
    index, *fields = fault["loc"] or ("",)
    row = f"row {index + 1}" if isinstance(index, int) else "the file"
    place = ": ".join([row, *map(str, fields)])
    value = fault["input"]
    shown = f", not {value!r:.60}" if isinstance(value, str | int | float) else ""
    return f"{place}: {fault['msg']}{shown}"


def _check_unique(rows: Sequence[ScoreRow], path: Path) -> None:
    first: dict[tuple[str, ...], int] = {}
    problems = Problems(path)
    for number, row in enumerate(rows, start=1):
        key = (row.system, row.form, row.control, row.subset, row.metric)
        if key in first:
            what = f"rows {first[key]} and {number} have the same key: {', '.join(key)}"
            problems.add(InputError(what, file=path, cure=_CURE))
        first.setdefault(key, number)
    problems.raise_any()


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of `scores.json`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "scores.json of whyser-eval score",
        **_ROWS.json_schema(),
    }


if __name__ == "__main__":
    write_json(SCHEMA, schema())
