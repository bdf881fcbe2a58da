"""A classifier of measured cues: the row that a system has to beat before it speaks of listening.

Five cues a clip (pitch, its range, loudness, rate, pauses) and whatever else was measured, in a
scikit-learn pipeline: what was not measured takes the training median, and that it was not is a
feature of its own; all are standardised; then a classifier. There are no words in it.
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

#: Each measure as heard against its own speaker, as it is, or both.
Reference: TypeAlias = Literal["speaker", "none", "both"]
Kind: TypeAlias = Literal["logistic", "boosting"]


def read_all_cues(files: Sequence[Path], clips: Sequence[Clip]) -> dict[str, Cues]:
    """The cues of every clip by id.

    Raises: `InputError` where a clip has none.
    """
    found = {one.id: one for file in files for one in read_cues(file)}
    missing = [clip.id for clip in clips if clip.id not in found]
    if missing:
        raise InputError(
            f"no cues for {missing[0]}" + (f" and {len(missing) - 1:,} more" * (len(missing) > 1)),
            file=files[0],
            cure="Write them with whyser-teach cues, for every corpus that is given.",
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
    """The measures that some clip has."""
    return [name for name in MEASURES if any(getattr(one, name) for one in cues.values())]


def features(
    clips: Sequence[Clip],
    cues: Mapping[str, Cues],
    measures: Sequence[Measure],
    reference: Reference,
) -> Floats:
    """float[n, f]; NaN where nothing was measured.

    Against the speaker: the deviation from the speaker's median in that speaker's robust standard
    deviations. Otherwise the measure itself, on the scale that it is heard on.
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
    """The untrained pipeline.

    `logistic` weighs every class alike (balanced), as Macro-F1 does; `boosting` grows trees on the
    same weights.
    """
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
    """Trains on train and dev, for nothing is stopped by dev here, and asks about the test clips.

    Returns: float[n, C] in the task's order of classes, the trained pipeline, and its features.
    Raises: `InputError` where no training clip has a cue.
    """
    train = [*task.train, *task.dev]
    # What only a test clip has, nothing can be learnt of.
    measures = measured_in({clip.id: cues[clip.id] for clip in train})
    if not measures:
        cure = "Write them again with whyser-teach cues, and hear some of these clips."
        raise InputError(f"no cue was measured in any of {len(train):,} training clips", cure=cure)
    model = pipeline(kind, seed)
    model.fit(features(train, cues, measures, reference), [clip.utterance.label for clip in train])
    given = model.predict_proba(features(task.test, cues, measures, reference))
    order = [list(model.classes_).index(label) for label in task.classes]
    return given[:, order], model, feature_names(measures, reference)


def write_weights(path: Path, model: Pipeline, names: Sequence[str]) -> None:
    """What a logistic pipeline makes of each cue, a column a class: the change of the class's
    log-odds by one standard deviation."""
    classifier = model[-1]
    told = model[0].get_feature_names_out(list(names))
    # Of two classes there is one row: the second against the first.
    given = classifier.coef_
    rows = np.vstack([-given, given]) if len(given) == 1 else given
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["feature", *classifier.classes_])
        for name, row in zip(told, rows.T, strict=True):
            writer.writerow([name, *(f"{value:.4f}" for value in row)])
