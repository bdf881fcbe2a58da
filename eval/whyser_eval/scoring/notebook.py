"""Scores in a notebook: labels in, a number or a pandas DataFrame out, no files.

Import these functions from `whyser_eval`. Their values are those of `whyser-eval score` and
`compare` on the subset `all`; intervals use other draws, so their last digits differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from whyser_eval.metrics.classification import by_class
from whyser_eval.metrics.data import Items, Subset
from whyser_eval.metrics.declaration import metrics_of
from whyser_eval.scoring.compare import COMPARED
from whyser_eval.statistics.bootstrap import Cells, ResamplingPlan, bootstrap, clusters_of, collapse
from whyser_eval.statistics.significance import differences, holm, pair

if TYPE_CHECKING:
    import pandas as pd

#: The predicted class of each utterance; None, NaN and undeclared classes are misses.
Predictions: TypeAlias = Iterable[str | None]

#: The labels that annotators chose, a collection for each utterance.
Annotators: TypeAlias = Iterable[Collection[str]]


class MetricValue(float):
    """The value of a metric, with that of each class.

    Attributes:
        per_class: the ratio of each declared class, by name; the value is their mean
    """

    per_class: dict[str, float]


def f1_majority(
    references: Iterable[str], predictions: Predictions, *, classes: Sequence[str]
) -> MetricValue:
    """Macro-F1 on the majority labels; the mean is over the declared classes.

    Args:
        references: n majority labels
        predictions: n predicted classes
        classes: the declared classes; one without references counts too, as 0

    Raises: `ValueError` for references outside `classes`, lengths or indices that differ.

    >>> found = f1_majority(["sad", "sad", "happy"], ["sad", "happy", None],
    ...     classes=["happy", "sad"])
    >>> found, found.per_class["sad"]
    (0.3333333333333333, 0.6666666666666666)
    """
    return _value("f1_majority", references, predictions, None, classes)


def f1_all_labels(
    references: Iterable[str],
    predictions: Predictions,
    annotators: Annotators,
    *,
    classes: Sequence[str],
) -> MetricValue:
    """Macro-F1 that accepts every label that some annotator chose (All-labels, D1).

    Args: as `f1_majority`; `annotators`, n collections of labels.

    Raises: as `f1_majority`; `ValueError` for a string among `annotators`.

    >>> f1_all_labels(["sad", "sad"], ["sad", "happy"], [{"sad"}, {"sad", "happy"}],
    ...     classes=["happy", "sad"])
    1.0
    """
    return _value("f1_all_labels", references, predictions, annotators, classes)


def _value(
    name: str,
    references: Iterable[str],
    predictions: Predictions,
    annotators: Annotators | None,
    classes: Sequence[str],
) -> MetricValue:
    found = metrics_of("classes")[name](_items(references, predictions, annotators, classes))
    value = MetricValue(found.value)
    value.per_class = dict(zip(classes, map(float, found.per_column), strict=True))
    return value


def score(
    references: Iterable[str],
    predictions: Predictions | pd.DataFrame | Mapping[str, Predictions],
    annotators: Annotators | None = None,
    *,
    classes: Sequence[str],
    speakers: Iterable[str | None] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Every metric of the predicted classes, with bootstrap intervals.

    Args:
        references, annotators, classes: as `f1_all_labels`; without annotators the majority label
            is the only one that they chose
        predictions: of one system, or a DataFrame or a mapping with a column for each system
        speakers: n names, to draw speakers with all of their utterances; None draws utterances
        draws: number of bootstrap draws; 0 gives values without intervals

    Returns: a row for each system and metric, in the columns `system`, `metric`, `value`, `low`,
        `high`, `n`.

    Raises: as `f1_all_labels`.
    """
    import pandas as pd

    asked = metrics_of("classes") | by_class(classes)
    rows = []
    for name, one in _systems(predictions).items():
        items = _items(references, one, annotators, classes)
        everything = {"all": Subset(np.ones(len(items), dtype=np.bool_))}
        if speakers is None:
            plan = ResamplingPlan.of(collapse(items, everything), asked)
        else:
            cells = Cells(items, np.ones(len(items), dtype=np.int64), everything)
            plan = ResamplingPlan.of(cells, asked).by_cluster(clusters_of(list(speakers)))
        found = bootstrap(plan, draws=draws, seed=seed)
        rows += [{"system": name, **asdict(estimate)} for estimate in found]
    return pd.DataFrame(rows).drop(columns="subset")


def compare(
    references: Iterable[str],
    predictions: pd.DataFrame | Mapping[str, Predictions],
    annotators: Annotators | None = None,
    *,
    against: str,
    classes: Sequence[str],
    metrics: Sequence[str] = COMPARED,
    speakers: Iterable[str | None] | None = None,
    draws: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compares every system with one of them, on the same utterances.

    Args: as `score`; `against`, the name of one system.

    Returns: a row for each other system and metric, in the columns `system`, `against`, `metric`,
        `value` (the system's less the other's), `low`, `high`, `p` (approximate randomisation),
        `p_holm` (adjusted for all rows), `p_bootstrap`, `smallest` (the minimum detectable
        difference) and `n`.

    Raises: as `score`; `ValueError` for an unknown system or metric, or a single system.
    """
    import pandas as pd

    systems = _systems(predictions)
    if against not in systems or len(systems) < 2:
        raise ValueError(f"expected {against!r} and another system, found {list(systems)}")
    known = metrics_of("classes")
    if unknown := [name for name in metrics if name not in known]:
        raise ValueError(f"unknown metrics {unknown}, expected some of {list(known)}")
    items = {name: _items(references, one, annotators, classes) for name, one in systems.items()}
    everything = {"all": Subset(np.ones(len(items[against]), dtype=np.bool_))}
    asked = {name: known[name] for name in metrics}
    clusters = None if speakers is None else list(speakers)
    rows = []
    for name, one in items.items():
        if name != against:
            pairing = pair(one, items[against], everything, asked, clusters)
            rows += [
                {"system": name, "against": against, **asdict(found)}
                for found in differences(pairing, draws=draws, seed=seed)
            ]
    table = pd.DataFrame(rows).drop(columns="subset")
    table.insert(list(table).index("p") + 1, "p_holm", holm(list(table["p"])))
    return table


def _systems(predictions: Any) -> dict[str, Predictions]:
    """Each system's predictions by its name; an unnamed system is called `system`."""
    if isinstance(predictions, Mapping):
        return dict(predictions)
    if hasattr(predictions, "columns"):
        return {str(name): predictions[name] for name in predictions.columns}
    return {"system": predictions}


def _items(
    references: Iterable[str],
    predictions: Predictions,
    annotators: Annotators | None,
    classes: Sequence[str],
) -> Items:
    given: tuple[Any, ...] = (references, predictions, annotators)
    indices = [one.index for one in given if hasattr(one, "iloc")]
    if any(not indices[0].equals(one) for one in indices):
        raise ValueError("the indices of references, predictions and annotators differ")
    chosen = None if annotators is None else list(annotators)
    for place, one in enumerate(chosen or []):
        if isinstance(one, str):
            raise ValueError(f"annotators[{place}] is the string {one!r}, expected {{{one!r}}}")
    predicted = [one if isinstance(one, str) else None for one in predictions]
    return Items.from_names(list(references), predicted, chosen, classes=classes)
