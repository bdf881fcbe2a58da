"""The model card: what its template shows of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from whyser import __version__
from whyser.prompting.answer import SENTENCE
from whyser.prompting.prompts import Form
from whyser.records.predictions import REPEATED
from whyser_eval.metrics import METRICS
from whyser_eval.output.card.licence import Licence, in_words, kind_of
from whyser_eval.output.card.markdown import Markdown, code, figure, link, render, table
from whyser_eval.output.card.metadata import model_metadata
from whyser_eval.output.card.sources import Sources
from whyser_eval.output.card.training import Training
from whyser_eval.output.report.grounding import OUTCOMES, GroundingView, grounding_views
from whyser_eval.output.report.scores import ScoredSystem, scores_view
from whyser_eval.scoring.scores import ANY, ScoreRow
from whyser_eval.scoring.systems import SystemName

#: Control -> what the system got.
CONTROLS: Mapping[str, str] = {
    "shuffled": "the sound of another utterance",
    "noise": "the sound with noise",
    "codec": "the sound by telephone",
    "gain": "the sound 20 dB quieter",
    "silence": "silence",
    "transcript": "the words as text, without sound",
    "paraphrased": "the question in other words",
    "reordered": "the options in another order",
}

#: Block of an answer -> what it holds.
_BLOCKS = {
    "asr": "the words that it heard",
    "descriptors": "descriptions of the voice",
    "attributes": "arousal, valence and dominance",
    "answer": "the emotion",
    "reason": "the rationale",
}

#: Material of a metric -> why a run has no score of it.
_WITHOUT = {
    "conflict": "the emotions of words and voice were not compared (`--words`)",
    "genders": "speakers of both genders are not known",
    "attributes": "the answers, or the references, have no attributes",
    "probabilities": "the answers have no probabilities of labels",
    "transcripts": "transcripts were not scored (`--wer`), or the answers have none",
    "claims": "claims were not compared with measured cues (`--cues`), or there were none",
    "shuffled claims": "claims were not compared with measured cues (`--cues`), or there were none",
}

#: The baseline that guesses by the shares of the labels.
_CHANCE = SystemName("prior", ANY, "none")

_TITLES = {
    "f1_majority": "Macro-F1, majority labels",
    "f1_all_labels": "Macro-F1, All-labels",
    "hit_rate": "hit rate",
}


def model_card(sources: Sources, licence: Licence) -> str:
    results = sources.results
    main = [name for name in sources.own if name.control == "none"]
    grounding = [
        view
        for view in grounding_views(results)
        if view.name in main and view.score and view.score.value is not None
    ]
    return render(
        "model.md.jinja",
        model_metadata(sources, licence),
        sources=sources,
        licence=licence,
        link=link,
        kind_of=kind_of,
        version=__version__,
        answers=answer_forms(sources),
        blocks=_blocks(sources),
        trainings=[(_start(one), one, _rows(sources, one), _settings(one))
                   for one in sources.trainings],
        scores=_scores(sources),
        controls=_controls(sources),
        verdicts=list(_verdicts(sources)),
        weak=[name for name in main if _is_above_chance(sources, name) is False],
        is_range=any(name.control in REPEATED for name in sources.own),
        grounding=_grounding(grounding),
        families=[(view.name, _families(view)) for view in grounding if view.families],
        classes=_classes(sources, main),
        absent=list(_absent(sources, main)),
        signatures=[code(results.scores[name]["all", "f1_majority"].signature) for name in main],
    )  # fmt: skip


# How it answers and was trained


def answer_forms(sources: Sources) -> list[tuple[Markdown, int]]:
    """The forms of the answers that were trained on, with their number of rows."""
    found: Counter[tuple[str, ...]] = Counter()
    for rows in sources.rows:
        found.update(rows.blocks)
    inside = {"answer": f"{SENTENCE}…"}
    return [
        (code("".join(f"<{tag}>{inside.get(tag, '…')}</{tag}>" for tag in blocks)), n)
        for blocks, n in found.most_common()
    ]


def _blocks(sources: Sources) -> Markdown:
    """What the blocks of the answers hold, as one sentence."""
    used = {tag for rows in sources.rows for tags in rows.blocks for tag in tags}
    found = [f"{code(tag)} holds {words}" for tag, words in _BLOCKS.items() if tag in used]
    return Markdown(f"Here {in_words(found)}." if found else "")


def _start(training: Training) -> Markdown:
    """The start model; a folder of this machine by its last part only.

    The whole path would tell strangers how the machine is arranged.
    """
    path = Path(training.start)
    is_outside = path.is_absolute() or path.parts[:1] in {("..",), ("~",)}
    return code(path.name if is_outside else training.start)


def _rows(sources: Sources, training: Training) -> str:
    lines = [
        (code(rows.name), sources.cards[corpus].title, code(split), n)
        for rows in training.rows
        for (corpus, split), n in rows.parts.items()
    ]
    return table(["dataset", "corpus", "split", "rows"], lines, text=3)


def _settings(training: Training) -> str:
    lines = [(code(key), code(value)) for key, value in training.shown]
    return table(["setting", "value"], lines, text=2)


# Scores


def _scores(sources: Sources) -> str:
    """The system under every form, then what a reader compares it with."""
    view = scores_view(sources.results)
    own = [one for one in view.systems if one.name in sources.own]
    others = [one for one in view.systems if one.name not in sources.own and one.kind != "control"]
    headings = [
        f"{_TITLES[column.metric]}{', strict' if column.subset == 'strict' else ''} "
        f"(n = {column.n:,})"
        for column in view.columns
    ]
    return table(["system", *headings, "unread"], map(_score_line, [*own, *others]))


def _score_line(system: ScoredSystem) -> list[object]:
    name = f"{system.name.model} (chance)" if system.kind == "baseline" else str(system.name)
    unread = "-" if system.unread is None else system.unread
    return [name, *map(figure, system.cells), unread]


def _controls(sources: Sources) -> str | None:
    """The system's own score, that under each control, and that of guessing by the shares."""
    lines = []
    for name in sources.own:
        if name.control != "none":
            own = _headline(sources, replace(name, control="none"))
            values = map(figure, (own, _headline(sources, name), _headline(sources, _CHANCE)))
            lines.append((code(name.control), CONTROLS[name.control], name.form, *values))
    headings = ["control", "what it got", "question", "own", "under the control", "chance"]
    return table(headings, lines, text=3) if lines else None


def _verdicts(sources: Sources) -> Iterator[str]:
    """Whether the score is above chance without the own sound."""
    for name in sources.own:
        if name.control in {"shuffled", "silence"}:
            is_above = _is_above_chance(sources, name)
            if is_above is not None:
                found = (
                    "above chance, so something other than its own sound gives labels away"
                    if is_above
                    else "not above chance, as it should be"
                )
                yield f"Under {name.control} ({name.form}) the score is {found}."


def _is_above_chance(sources: Sources, name: SystemName) -> bool | None:
    """Whether the whole interval is above that of chance; None without intervals."""
    row, chance = _headline(sources, name), _headline(sources, _CHANCE)
    if row is None or chance is None or row.low is None or chance.high is None:
        return None
    return row.low > chance.high


def _headline(sources: Sources, name: SystemName) -> ScoreRow | None:
    return sources.results.scores.get(name, {}).get(("all", "f1_majority"))


def _grounding(views: Sequence[GroundingView]) -> str | None:
    headings = ["system", "groundedness", "the same claims, other utterances' sound", "answers"]
    lines = [
        (str(view.name), figure(view.score), figure(view.shuffled), view.score.n)
        for view in views
        if view.score
    ]
    return table(headings, lines) if lines else None


def _families(view: GroundingView) -> str:
    outcomes = [words for name, (_, words) in OUTCOMES.items() if name != "unchecked"]
    lines = [(family.name.replace("_", " "), *family.counts) for family in view.families]
    return table(["claims about", *outcomes], lines)


def _classes(sources: Sources, main: Sequence[SystemName]) -> str:
    results = sources.results
    counts = results.tallies[main[0]].count("label") if main else Counter()
    scores = [(name, metric) for name in main for metric in ("f1", "recall")]
    lines = [
        (
            label,
            counts[label],
            *(figure(results.scores[name].get(("all", f"{metric}:{label}")))
              for name, metric in scores),
        )
        for label in results.classes
    ]  # fmt: skip
    words = {"f1": "F1", "recall": "recall"}
    headings = [f"{words[metric]} ({name.form})" for name, metric in scores]
    return table(["class", "utterances", *headings], lines)


# What was not run


def _absent(sources: Sources, main: Sequence[SystemName]) -> Iterator[str]:
    results = sources.results
    if missing := [form for form in get_args(Form) if form not in {name.form for name in main}]:
        yield Markdown(f"Question forms: {_codes(missing)}.")
    run = {name.control for name in sources.own}
    if missing := [name for name in CONTROLS if name not in run]:
        yield Markdown(f"Controls: {_codes(missing)}.")
    scores = [row for name in main for row in results.scores[name].values()]
    scored = {row.metric for row in scores if row.value is not None}
    for why in dict.fromkeys(_WITHOUT.values()):
        missing = [
            one.name
            for one in METRICS.values()
            if _WITHOUT.get(one.material) == why and one.name not in scored
        ]
        if missing:
            yield Markdown(f"Metrics: {_codes(missing)}; {why}.")
    tested = {corpus for corpus, _ in sources.provenance.scored}
    if untested := [card.title for card in sources.trained if card.corpus not in tested]:
        yield f"Tests on {in_words(untested)}, which it was trained on too."
    if not sources.provenance.settings.get("draws"):
        yield "Intervals of the scores."
    if not results.comparisons:
        yield Markdown("Significance tests against another system (`whyser-eval compare`).")
    if results.judged is None:
        yield Markdown("A judge model's comparison of rationales (`whyser-eval judge`).")
    if results.studied is None:
        yield Markdown("A human study of the rationales (`whyser-eval study`).")
    yield "Trainings with other seeds: the scores are of one model."


def _codes(names: Sequence[str]) -> str:
    return ", ".join(map(code, names))
