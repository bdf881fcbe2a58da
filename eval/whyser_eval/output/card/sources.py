"""Everything that the cards of a run say, read from its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from whyser.io.errors import InputError, did_you_mean
from whyser.io.files import read_record
from whyser.records.corpus import Corpus, CorpusCard
from whyser.teacher.rationale import read_rationales
from whyser_eval.output.card.places import Places
from whyser_eval.output.card.training import (
    TrainedRows,
    Training,
    all_rows,
    has_reasons,
    read_trainings,
)
from whyser_eval.output.report.results import Results, read_results, refuse_other_samples
from whyser_eval.scoring.scores import ANY
from whyser_eval.scoring.systems import SystemName

_DATA_CURE = (
    "Give --data, the folder with its corpora: CORPUS/corpus.json or utterances/CORPUS/corpus.json."
)


class Input(BaseModel):
    path: Path


class Provenance(BaseModel):
    """`provenance.json` of a scored run, as far as a card shows it; `parts` are CORPUS/SPLIT."""

    inputs: list[Input]
    parts: list[str]
    settings: dict[str, Any]
    warnings: list[str] = []
    notes: list[str] = []

    @property
    def scored(self) -> list[tuple[str, str]]:
        """The corpora and splits that were scored."""
        parts = (part.partition("/") for part in self.parts)
        return [(corpus, split) for corpus, _, split in parts]


class PlanFacts(BaseModel):
    """`data/RUN/run.json`, as far as a card shows it; a run without corpora is a demo."""

    data_run: str
    sources: dict[str, str]
    trains: tuple[str, ...] = ()
    parts: dict[str, str] = {}

    @property
    def is_demo(self) -> bool:
        return not self.sources

    @property
    def folders(self) -> list[str]:
        """Names of the folders of several trainings, in their order."""
        return [f"{Path(one).parent.name}_{Path(one).stem}" for one in self.trains]


_PLAN, _PROVENANCE = TypeAdapter(PlanFacts), TypeAdapter(Provenance)


@dataclass
class TaughtTally:
    """The rationales of one teacher under one prompt; `dropped` counts reasons, of which a
    rationale may have several."""

    teacher: str
    prompt: str
    kept: int = 0
    rejected: int = 0
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def written(self) -> int:
        return self.kept + self.rejected


@dataclass(frozen=True)
class Sources:
    """`cards` are those of all corpora that were trained on or scored, by name.

    `plan` is None for a training without `./run.sh`.
    """

    places: Places
    results: Results
    system: str
    trainings: Sequence[Training]
    cards: Mapping[str, CorpusCard]
    provenance: Provenance
    taught: Sequence[TaughtTally]
    plan: PlanFacts | None
    languages: Sequence[str]

    @cached_property
    def rows(self) -> list[TrainedRows]:
        return list(all_rows(self.trainings))

    @cached_property
    def trained(self) -> list[CorpusCard]:
        """The cards of the corpora that were trained on."""
        names = dict.fromkeys(name for rows in self.rows for name in rows.corpora)
        return [self.cards[name] for name in names]

    @property
    def is_demo(self) -> bool:
        return self.plan is not None and self.plan.is_demo

    @cached_property
    def has_reasons(self) -> bool:
        """Whether the answers that were trained on have rationales, or are pairs of them."""
        return any(not rows.blocks for rows in self.rows) or has_reasons(self.rows)

    @cached_property
    def own(self) -> list[SystemName]:
        """The system under every form of the question, without and with controls."""
        scores = self.results.scores
        return [name for name in scores if name.model == self.system and name.form != ANY]


def read_sources(
    results: Path,
    *,
    model: Path | None = None,
    data: Path | None = None,
    settings: Path | None = None,
    rationales: Sequence[Path] = (),
    system: str | None = None,
    languages: Sequence[str] = (),
) -> Sources:
    """Reads the files of a run; None finds those that `./run.sh` left.

    Raises: `InputError` for a file that is missing or broken, with the option that names it; for
    a system without scores, and for several systems if none is chosen.
    """
    places = Places(results)
    found = read_results(results, max_samples=1)
    refuse_other_samples(results, found)
    chosen = _system(found, system, results)
    provenance = read_record(results / "provenance.json", _PROVENANCE, cure="Score the run again.")
    data = data or places.data
    plan = _plan(data)
    order = plan.folders if plan else ()
    trainings = read_trainings(model or places.model, places, settings=settings, order=order)
    shared = data.parent / plan.data_run if plan else data
    rows = list(all_rows(trainings))
    trained = [name for each in rows for name in each.corpora]
    inputs = [places.at(one.path) for one in provenance.inputs]
    cards = _cards(dict.fromkeys([*trained, *dict(provenance.scored)]), data, shared, inputs)
    taught = _taught(rationales or list(_rationale_files(data, shared)), trained)
    if not taught and has_reasons(rows):
        raise InputError(
            "no rationales found, but the training rows have some",
            file=shared,
            cure="Give --rationales, the rationales.jsonl that the rows were written from.",
        )
    return Sources(
        places, found, chosen, trainings, cards, provenance, taught, plan, tuple(languages)
    )


def _system(results: Results, asked: str | None, folder: Path) -> str:
    """The asked system; or the one that the run trained; or the only one."""
    names = list(dict.fromkeys(name.model for name in results.scores if name.form != ANY))
    if asked is None and results.trained and results.trained.system in names:
        return results.trained.system
    if asked is None and len(names) == 1:
        return names[0]
    if asked in names:
        return asked
    what = f"has no scores of {asked!r}" if asked else "has scores of several systems"
    cure = did_you_mean(asked or "", names)
    raise InputError(what, file=folder, cure=cure if asked else f"Give --system. {cure}")


def _plan(data: Path) -> PlanFacts | None:
    path = data / "run.json"
    if not path.is_file():
        return None
    return read_record(path, _PLAN, cure="Give the command of that run again.")


def _cards(
    names: Iterable[str], data: Path, shared: Path, inputs: Iterable[Path]
) -> dict[str, CorpusCard]:
    """Raises: `InputError` for a corpus without a card, which also has its licence."""
    folders = [*data.glob("*"), *data.glob("utterances/*"), *shared.glob("utterances/*")]
    found: dict[str, CorpusCard] = {}
    for folder in dict.fromkeys([*sorted(folders), *(path.parent for path in inputs)]):
        if (folder / "corpus.json").is_file():
            card = Corpus(folder / "utterances.jsonl").card
            found.setdefault(card.corpus, card)
    for name in names:
        if name not in found:
            what = f"no corpus.json of {name!r}, so its licence is not known"
            raise InputError(what, file=data, cure=_DATA_CURE)
    return {name: found[name] for name in names}


def _rationale_files(data: Path, shared: Path) -> Iterator[Path]:
    """What the stages of a run write, or else the files of the same names in the folder of data."""
    folder = shared / "rationales"
    if folder.is_dir():
        yield from sorted(folder.glob("listening*.jsonl"))
        yield from sorted(folder.glob("*/rationales.jsonl"))
    else:
        yield from sorted(data.glob("rationales.jsonl"))


def _taught(paths: Iterable[Path], corpora: Iterable[str]) -> list[TaughtTally]:
    """The rationales of these corpora by teacher and prompt."""
    found: dict[tuple[str, str], TaughtTally] = {}
    known = set(corpora)
    for path in paths:
        # The ledger of a teacher that listens has a name of the same kind.
        if path.name.endswith(".ledger.jsonl"):
            continue
        for one in read_rationales(path):
            if one.id.partition("/")[0] in known:
                key = (one.teacher, one.prompt)
                taught = found.setdefault(key, TaughtTally(*key))
                taught.kept += one.kept
                taught.rejected += not one.kept
                taught.dropped.update(() if one.kept else one.reasons)
    return list(found.values())
