"""How well predicted attributes agree with the means of the annotators' values.

Values are places on the scale of their corpus, from 0 to 1, so that corpora with other scales can
be scored together; on one corpus the concordance is that of the values themselves. An answer
without a value counts as the middle of the scale: it says nothing about the utterance, and to leave
it out would reward a system that answers only where it is sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whyser.labels.attributes import Attribute
from whyser_eval.metrics.data import BoolArray, FloatArray, Statistics, ratios
from whyser_eval.metrics.declaration import metric

#: What an answer without a value counts as: the middle of the scale.
UNREAD = 0.5

#: Sums that each attribute needs above, besides the number of utterances below.
_SUMS = 4

#: Variance that is nothing but rounding, as a share of the sum of squares.
_NO_VARIANCE = 1e-12


@dataclass(frozen=True)
class AttributePairs:
    """References and predictions of n utterances and K attributes, as places from 0 to 1.

    Attributes:
        names: the K attributes
        references: float[n, K], NaN where the annotators did not rate the attribute
        predictions: float[n, K], NaN where an answer has no value that can be read
    """

    names: tuple[Attribute, ...]
    references: FloatArray
    predictions: FloatArray

    def of(self, name: str) -> AttributePairs:
        """One attribute by itself."""
        place = [str(one) for one in self.names].index(name)
        column = slice(place, place + 1)
        return AttributePairs(
            self.names[column], self.references[:, column], self.predictions[:, column]
        )

    @property
    def unread(self) -> BoolArray:
        """bool[n], whether some attribute that was rated has no value in the answer."""
        missing = np.isnan(self.predictions) & ~np.isnan(self.references)
        unread: BoolArray = np.any(missing, axis=1)
        return unread


@metric("attributes", needs_majority=False, heading="CCC", of_column="ccc")
def ccc(pairs: AttributePairs) -> Statistics:
    """Concordance of predicted attributes and the annotators' means: -1 to 1.

    Formula: mean over attributes of 2 cov(x, y) / (var(x) + var(y) + (mean(x) - mean(y))^2), x the
    means of the votes, y the predictions, with variances that divide by n; 0 where all x and y are
    alike. An answer without a value is the middle of the scale.

    Returns: statistics with sums of x, y, xy and (x - y)^2 above, and of utterances below.

    Source: Lin, A Concordance Correlation Coefficient to Evaluate Reproducibility (1989).

    >>> given = np.array([[0.0], [0.5], [1.0]])
    >>> ccc(AttributePairs(("arousal",), given, given)).value
    1.0
    >>> round(ccc(AttributePairs(("arousal",), given, given / 2)).value, 3)
    0.615
    """
    rated = ~np.isnan(pairs.references)
    answered = np.where(np.isnan(pairs.predictions), UNREAD, pairs.predictions)
    # Any centre gives the same value, and one in the middle of the data the fewest rounding errors.
    centre = ratios(np.where(rated, pairs.references, 0.0).sum(axis=0), rated.sum(axis=0) * 1.0)
    x = np.where(rated, pairs.references - centre, 0.0)
    y = np.where(rated, answered - centre, 0.0)
    return Statistics(np.hstack([x, y, x * y, (x - y) ** 2]), rated * 1.0, _mean_concordance)


def _mean_concordance(above: FloatArray, below: FloatArray) -> FloatArray:
    """float[...], the mean over the attributes with utterances; 0 without any.

    Args: `above`, float[..., 4 K], sums of x, y, xy and (x - y)^2; `below`, float[..., K], n.
    """
    x, y, xy, squares = np.split(above, _SUMS, axis=-1)
    # n^2 times the covariance twice, and n^2 times all that is below it.
    shared = 2 * (below * xy - x * y)
    spread = below * squares + shared
    is_spread = spread > _NO_VARIANCE * below * (squares + 2 * np.abs(xy))
    found = ratios(shared, np.where(is_spread, spread, 0.0))
    return ratios(np.where(below > 0, found, 0.0).sum(axis=-1), (below > 0).sum(axis=-1) * 1.0)
