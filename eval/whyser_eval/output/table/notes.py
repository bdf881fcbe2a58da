"""Notes that a reader needs to compare figures of a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whyser_eval.output.table.model import Column, Group
from whyser_eval.output.table.runs import SIGNIFICANT, ReferenceGroup, Stars

#: Parts of a signature that may differ within a group.
_ALIKE = {"parser": "were read by different readers", "whyser": "come from different versions"}


def notes(
    scored: Sequence[ReferenceGroup],
    columns: Sequence[Column],
    groups: Sequence[Group],
    stars: Stars,
) -> Iterator[str]:
    """One or two sentences per note, in the order of the table."""
    yield "Figures are percentages."
    metrics = {column.metric for column in columns}
    if "words_rate" in metrics:
        yield (
            "Congruent: accuracy where words and voice name one emotion. Voice, Words: where they "
            "conflict, the shares of answers that follow each; what is left follows neither."
        )
    if "gender_gap" in metrics:
        yield (
            "Gap: Macro-F1 of female speakers less that of male speakers; p: that chance makes a "
            "gap as large. The genders' utterances may differ in their classes too."
        )
    if metrics & {"f1_majority", "f1_all_labels"}:
        yield (
            "MV: Macro-F1 on the majority labels. All: Macro-F1 on All-labels in the reading D1, "
            "where a prediction that some annotator chose replaces the majority label."
        )
    if any(column.subset == "strict" for column in columns):
        yield "Strict: one label has more than half of an utterance's votes."
    if metrics & {"f1_multilabel", "f1_relaxed", "hit_rate", "hit_rate_macro"}:
        yield (
            "D2: Macro-F1 with every annotator's label a reference. D3: as D2, but a hit misses "
            "nothing. D4: share of predictions that some annotator chose. D5: the same, averaged "
            "over classes."
        )
    if "ccc" in metrics:
        yield (
            "CCC: concordance of the predicted attributes and the annotators' means, times 100; "
            "the first column is the mean over the attributes."
        )
    for group in scored:
        yield from _of_references(group, columns)
    if len(scored) > 1:
        yield (
            "Rows of different references do not compare: the best figure and the marks are of "
            "one group each."
        )
    for mark, against in stars.baselines.items():
        yield f"{mark} differs from {against}: p <= {SIGNIFICANT} after Holm."
    if any(line.kind == "system" and any(cell and cell.is_best for cell in line.cells)
           for group in groups for line in group.lines):  # fmt: skip
        yield "Bold: the highest of a group's systems."
    yield from _of_published(groups)


def _of_references(scored: ReferenceGroup, columns: Sequence[Column]) -> Iterator[str]:
    sizes = ", ".join(f"{subset} n = {n:,}" for subset, n in scored.sizes(columns).items())
    yield (
        f"References {scored.references}: {scored.signed['corpus']}, {scored.signed['split']}, "
        f"{scored.signed['labels']} classes; {sizes}."
    )
    yield from map(str, scored.trained)
    for name, words in _ALIKE.items():
        found = {row.signed.get(name) for row in scored.all_rows()} - {None, "none"}
        if len(found) > 1:
            yield f"Rows of {scored.references} {words}: {', '.join(sorted(map(str, found)))}."


def _of_published(groups: Sequence[Group]) -> Iterator[str]:
    published = [group for group in groups if group.references is None]
    if published:
        releases = ", ".join(f"{group.corpus} {group.release} {group.split}" for group in published)
        yield (
            f"Published rows ({releases}) are printed as their authors gave them: another release, "
            "split, or reading of answers and of All-labels does not compare like for like. None "
            "is tested against ours, for that needs their answers."
        )
