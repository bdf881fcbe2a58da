"""A classifier of measured cues: a simple baseline that a listening system has to beat.

Its features are five cues (pitch, pitch range, loudness, rate, pauses) and any other measures, and
no words. A scikit-learn pipeline imputes missing values by the training median, with a missingness
indicator, standardises, and classifies.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from whyser.baselines.clips import Task
from whyser.baselines.predictions import Floats
from whyser.evidence.cues import MEASURES, SCALES, Cues, Measure, read_cues
from whyser.io.errors import InputError
from whyser.io.files import atomic_path
from whyser.records.corpus import Clip

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

#: Measures relative to the speaker's own voice, raw measures, or both.
Reference: TypeAlias = Literal["speaker", "none", "both"]
Kind: TypeAlias = Literal["logistic", "boosting"]


def read_all_cues(files: Sequence[Path], clips: Sequence[Clip]) -> dict[str, Cues]:
    """The cues of every clip by id.

    Raises: `InputError` if a clip has none.
    """
    found = {one.id: one for file in files for one in read_cues(file)}
    if missing := [clip.id for clip in clips if clip.id not in found]:
        raise InputError(
            f"no cues for {missing[0]}" + (f" and {len(missing) - 1:,} more" * (len(missing) > 1)),
            file=files[0],
            cure="Write them with whyser-teach cues, for every corpus.",
        )
    return found


def feature_names(measures: Sequence[Measure], reference: Reference) -> list[str]:
    """
    >>> feature_names(["pitch"], "both")
    ['pitch against the speaker', 'pitch']
    """
    own = [f"{name} against the speaker" for name in measures] if reference != "none" else []
    return [*own, *(measures if reference != "speaker" else ())]


def measured_in(cues: Mapping[str, Cues]) -> list[Measure]:
    """The measures that at least one clip has."""
    return [name for name in MEASURES if any(getattr(one, name) for one in cues.values())]


def features(
    clips: Sequence[Clip],
    cues: Mapping[str, Cues],
    measures: Sequence[Measure],
    reference: Reference,
) -> Floats:
    """float[n, f]; NaN where a measure is missing.

    Relative to the speaker, a measure is its deviation from the speaker's median in that speaker's
    robust standard deviations; a raw measure is on its perceptual scale.
    """
    rows = [list(_row(cues[clip.id], measures, reference)) for clip in clips]
    return np.array(rows, dtype=np.float64).reshape(len(clips), -1)


def _row(cues: Cues, measures: Sequence[Measure], reference: Reference) -> Iterator[float]:
    found = [getattr(cues, name) for name in measures]
    if reference != "none":
        yield from (one.strength if one else np.nan for one in found)
    if reference != "speaker":
        for name, one in zip(measures, found, strict=True):
            yield SCALES[name].transform(one.value) if one else np.nan


def pipeline(kind: Kind, seed: int) -> Pipeline:
    """The untrained pipeline; both kinds weight classes by inverse frequency."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    classifiers = {
        "logistic": LogisticRegression(class_weight="balanced", max_iter=2000),
        "boosting": HistGradientBoostingClassifier(class_weight="balanced", random_state=seed),
    }
    return make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), classifiers[kind]
    )


def classify(
    task: Task, cues: Mapping[str, Cues], *, reference: Reference, kind: Kind, seed: int
) -> tuple[Floats, Pipeline, list[str]]:
    """Trains on train and dev, since nothing stops early here, and classifies the test clips.

    Returns: float[n, C] in the task's order of classes, the trained pipeline, and its features.
    Raises: `InputError` if no training clip has a cue.
    """
    train = [*task.train, *task.dev]
    # A measure that only test clips have cannot be learnt.
    measures = measured_in({clip.id: cues[clip.id] for clip in train})
    if not measures:
        cure = "Listen to some of these clips, and run whyser-teach cues again."
        raise InputError(f"none of {len(train):,} training clips has a measured cue", cure=cure)
    model = pipeline(kind, seed)
    model.fit(features(train, cues, measures, reference), [clip.utterance.label for clip in train])
    given = model.predict_proba(features(task.test, cues, measures, reference))
    order = [list(model.classes_).index(label) for label in task.classes]
    return given[:, order], model, feature_names(measures, reference)


def write_weights(path: Path, model: Pipeline, names: Sequence[str]) -> None:
    """Writes a logistic pipeline's weights, a row a feature and a column a class: the change of the
    class's log-odds per standard deviation."""
    classifier = model[-1]
    told = model[0].get_feature_names_out(list(names))
    # For two classes scikit-learn has one row: the second against the first.
    given = classifier.coef_
    rows = np.vstack([-given, given]) if len(given) == 1 else given
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["feature", *classifier.classes_])
        for name, row in zip(told, rows.T, strict=True):
            writer.writerow([name, *(f"{value:.4f}" for value in row)])
