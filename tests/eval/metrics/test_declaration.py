"""One declaration is enough for scoring, signatures and tables to know a metric."""

import numpy as np
import pytest

from whyser_eval.metrics.data import Items, Statistics, Subset
from whyser_eval.metrics.declaration import METRICS, markdown, metric, metrics_of
from whyser_eval.output.table.model import Column
from whyser_eval.scoring.signature import Signature
from whyser_eval.statistics.bootstrap import ResamplingPlan, bootstrap, collapse


@pytest.fixture
def found_rate():
    """A metric that a test declares, and that is forgotten afterwards."""

    @metric("classes", macro=True, needs_majority=False, heading="Found")
    def found_rate(items: Items) -> Statistics:
        """Share of each class | by hand.

        Formula: #[p = c]
        / n.

        Source: nobody.
        """
        return Statistics(items.predicted * 1.0, np.ones(items.annotators.shape))

    yield found_rate
    del METRICS["found_rate"]


def test_a_declared_metric_is_scored_signed_and_shown(found_rate):
    items = Items.from_names(["sad"] * 4, ["sad", "sad", "happy", None], classes=["happy", "sad"])
    everyone = np.ones(4, dtype=bool)
    subsets = {
        "all_inclusive": Subset(everyone, has_majority=False),
        "corpus:a": Subset(everyone, classes=np.array([False, True])),
    }
    plan = ResamplingPlan.of(collapse(items, subsets), metrics_of("classes"))
    scores = {(one.subset, one.metric): one.value for one in bootstrap(plan, draws=0, seed=0)}
    assert scores["all_inclusive", "found_rate"] == (2 / 4 + 1 / 4) / 2
    assert scores["corpus:a", "found_rate"] == 2 / 4
    assert ("all_inclusive", "f1_majority") not in scores

    nothing = frozenset[str]()
    signature = Signature(nothing, nothing, "open", "none", "rules", "0" * 8, nothing)
    assert "avg:macro" in signature.render("found_rate", subset="all", n=4, labels=2, unread=1)
    assert Column("open", "all", "found_rate").headings[2] == "Found"
    assert markdown().endswith(
        "| `found_rate` | Share of each class \\| by hand. | #[p = c] / n. | nobody. |\n"
    )


def test_a_name_is_declared_once(found_rate):
    with pytest.raises(ValueError, match="'found_rate' has two declarations"):
        metric("classes")(found_rate)
