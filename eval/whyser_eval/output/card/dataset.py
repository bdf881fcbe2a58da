"""The dataset card: what its template shows of the rows that a model was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from whyser import __version__
from whyser.records.corpus import CorpusCard, VotesCard
from whyser_eval.output.card.licence import Licence, kind_of
from whyser_eval.output.card.markdown import Markdown, code, escaped, link, render, table
from whyser_eval.output.card.metadata import dataset_metadata
from whyser_eval.output.card.model import answer_forms
from whyser_eval.output.card.sources import Sources


def dataset_card(sources: Sources, licence: Licence) -> str:
    trained = sources.trained
    return render(
        "dataset.md.jinja",
        dataset_metadata(sources, licence),
        sources=sources,
        licence=licence,
        link=link,
        kind_of=kind_of,
        version=__version__,
        splits=_splits(trained),
        votes=_votes(trained),
        silent=[card.title for card in trained if card.votes is None],
        dropped=_dropped(trained),
        options=list(_options(trained)),
        rows=_rows(sources),
        labels=_labels(sources),
        answers=answer_forms(sources),
        taught=_taught(sources),
        rejected=_rejected(sources),
    )


# Corpora


def _splits(cards: list[CorpusCard]) -> str:
    lines = [
        (card.title, code(name), split.utterances, _hours(split.hours), split.speakers,
         split.labels.get("other", 0), split.labels.get("no_agreement", 0))
        for card in cards
        for name, split in card.splits.items()
    ]  # fmt: skip
    headings = ["corpus", "split", "utterances", "hours", "speakers", "other", "no agreement"]
    return table(headings, lines, text=2)


def _hours(hours: float | None) -> str:
    return "-" if hours is None else f"{hours:.2f}"


def _votes(cards: list[CorpusCard]) -> str | None:
    lines = [
        (card.title, votes.votes, _each(votes), votes.strict, votes.tied,
         "-" if votes.fleiss_kappa is None else f"{votes.fleiss_kappa:.3f}")
        for card in cards
        if (votes := card.votes)
    ]  # fmt: skip
    headings = ["corpus", "votes", "per utterance", "strict majority", "tied", "Fleiss' kappa"]
    return table(headings, lines) if lines else None


def _each(votes: VotesCard) -> str:
    fewest, most = min(votes.per_utterance, default=0), max(votes.per_utterance, default=0)
    return f"{fewest}" if fewest == most else f"{fewest} to {most}"


def _dropped(cards: list[CorpusCard]) -> str | None:
    lines = [
        (card.title, reason, n, card.read) for card in cards for reason, n in card.dropped.items()
    ]
    return table(["corpus", "reason", "dropped", "read"], lines, text=2) if lines else None


def _options(cards: list[CorpusCard]) -> Iterator[tuple[str, Markdown]]:
    """The options of each conversion, which decide labels and splits."""
    for card in cards:
        if card.options:
            words = ", ".join(f"{code(name)} {escaped(to)}" for name, to in card.options.items())
            yield card.title, Markdown(words)


# Rows and rationales


def _rows(sources: Sources) -> str:
    lines = [
        (code(rows.name), rows.n, rows.utterances, ", ".join(f"{form} {n:,}" for form, n in
         rows.forms.items()))
        for rows in sources.rows
    ]  # fmt: skip
    return table(["dataset", "rows", "utterances", "question forms"], lines)


def _labels(sources: Sources) -> str:
    found: Counter[str] = Counter()
    for rows in sources.rows:
        found.update(rows.labels)
    return table(["label", "rows"], found.most_common())


def _taught(sources: Sources) -> str | None:
    lines = [
        (code(one.teacher), code(one.prompt), one.written, one.kept, one.rejected)
        for one in sources.taught
    ]
    return table(["teacher", "prompt", "written", "kept", "dropped"], lines, text=2)


def _rejected(sources: Sources) -> str | None:
    found: Counter[str] = Counter()
    for one in sources.taught:
        found.update(one.dropped)
    return table(["reason", "rationales"], found.most_common()) if found else None
