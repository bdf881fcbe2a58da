"""Scoring without a trainer: references and predictions in, a signed table out.

The functions in `__all__` are for notebooks: labels or a DataFrame in, a number or a DataFrame out.
`scoring.score.score_run` and `output.report.write_report` do the same for files. A function is
loaded when it is first used, so importing the package is cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whyser_eval.scoring.notebook import compare, f1_all_labels, f1_majority, score

__all__ = ["compare", "f1_all_labels", "f1_majority", "score"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from whyser_eval.scoring import notebook

        return getattr(notebook, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
