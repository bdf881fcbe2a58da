"""The hub's metadata of both cards.

Names that the hub would take for one of its own models, data sets or languages are left out unless
they are known to be one: our corpora are files of the user's.

Source: the hub's specification of both cards, which `huggingface_hub.ModelCardData`,
`DatasetCardData` and `EvalResult` describe.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whyser_eval.metrics import METRICS
from whyser_eval.output.card.licence import Licence, in_words
from whyser_eval.output.card.sources import Sources
from whyser_eval.output.card.training import is_hub_id
from whyser_eval.scoring.scores import ScoreRow

#: The hub's task for a model that takes sound with a question and answers in words.
TASK = "audio-text-to-text"

_TAGS = ("speech-emotion-recognition", "audio", "explainability", "llama-factory", "whyser")

#: The hub's names of our metrics; others keep our name.
_METRIC_IDS = {"f1_majority": "f1", "ua": "recall", "wa": "accuracy"}

#: Bounds of a number of rows -> the hub's name of the size.
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def model_metadata(sources: Sources, licence: Licence) -> dict[str, Any]:
    bases = list(dict.fromkeys(_base_models(sources)))
    return {
        **({"language": list(sources.languages)} if sources.languages else {}),
        **licence.metadata,
        "library_name": "peft" if sources.trainings[-1].is_adapter else "transformers",
        "pipeline_tag": TASK,
        **({"base_model": bases if len(bases) > 1 else bases[0]} if bases else {}),
        "tags": list(_TAGS),
        "model-index": [{"name": sources.system, "results": list(_results(sources))}],
    }


def dataset_metadata(sources: Sources, licence: Licence) -> dict[str, Any]:
    n = sum(rows.n for rows in sources.rows)
    return {
        "pretty_name": f"Training rows of {sources.system}",
        **({"language": list(sources.languages)} if sources.languages else {}),
        **licence.metadata,
        "task_categories": ["audio-classification"],
        "size_categories": [next((name for most, name in _SIZES if n < most), "n>1M")],
        "tags": list(_TAGS),
    }


def _base_models(sources: Sources) -> Iterator[str]:
    """The start model, or the parts that the run built it from, if they are on the hub."""
    if sources.trainings[0].is_start_on_hub:
        yield sources.trainings[0].start
    for part in sources.plan.parts.values() if sources.plan else ():
        if is_hub_id(part) and not sources.places.at(Path(part)).is_dir():
            yield part


def _results(sources: Sources) -> Iterator[dict[str, Any]]:
    """The scores of the system itself on all utterances, a result for each question form."""
    corpora = list(dict.fromkeys(corpus for corpus, _ in sources.provenance.scored))
    splits = dict.fromkeys(split for _, split in sources.provenance.scored)
    for name in sources.own:
        metrics = list(_metrics(sources.results.scores[name])) if name.control == "none" else []
        if metrics:
            yield {
                "task": {"type": TASK, "name": "Speech emotion recognition"},
                "dataset": {
                    "type": "+".join(corpora),
                    "name": in_words(sources.cards[corpus].title for corpus in corpora),
                    "config": f"{name.form} question",
                    "split": "+".join(splits),
                },
                "metrics": metrics,
            }


def _metrics(scores: dict[tuple[str, str], ScoreRow]) -> Iterator[dict[str, Any]]:
    for metric, declared in METRICS.items():
        row = scores.get(("all", metric))
        if row is None or row.value is None or declared.material == "shuffled claims":
            continue
        summary = declared.summary.replace("`", "").rstrip(".")
        interval = [row.low, row.high]
        is_estimated = None not in interval
        yield {
            "type": _METRIC_IDS.get(metric, metric),
            "name": summary + (_interval(row) if is_estimated else ""),
            "value": round(row.value, 4),
            "args": {
                "metric": metric,
                **({"interval_95": [round(end, 4) for end in interval if end is not None]}
                   if is_estimated else {}),
                "n": row.n,
                "signature": row.signature,
            },
        }  # fmt: skip


def _interval(row: ScoreRow) -> str:
    return f" [95 % interval: {row.low:.3f} to {row.high:.3f}]"
