"""From scored runs to a study: the sample, its clips, and the folder for the raters."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import atomic_path, write_json, write_text
from whyser.io.visible import visible
from whyser.prompting.prompts import Form
from whyser.records.provenance import provenance
from whyser_eval.explanations.pairs import ExplanationPair, drawn, paired, write_pairs
from whyser_eval.explanations.scored import SAMPLES, Explanation, read_explanations
from whyser_eval.explanations.study.material import (
    StudyItem,
    StudyKey,
    StudyMaterial,
    Test,
    read_key,
)
from whyser_eval.explanations.study.page import (
    StudyClip,
    StudyQuestion,
    accepting,
    checks,
    named,
    preferring,
    render,
)
from whyser_eval.explanations.study.sample import (
    ExplanationPool,
    PreferenceSample,
    ReferenceRationales,
    StudySample,
    commands,
    draw_accept,
    pool,
    read_references,
)
from whyser_eval.page.sound import EncodedSound, encoded


@dataclass(frozen=True)
class StudyPlan:
    """The settings of a study: items and attention checks of each test, texts, and the seed.

    In the consent, `{items}` is replaced by the number of items.
    """

    system: str
    form: Form
    accept: int
    prefer: int
    checks: int
    seed: int
    title: str
    consent: str
    instructions: dict[Test, str]


@dataclass(frozen=True)
class MadeStudy:
    """The study that was written; `notes` report where it differs from the request."""

    study: str
    items: dict[Test, int]
    notes: tuple[str, ...]
    folder: StudyFolder


def make_study(
    runs: Sequence[Path],
    plan: StudyPlan,
    output: Path,
    *,
    references: Sequence[Path] = (),
    force: bool = False,
) -> MadeStudy:
    """Writes the study of one system.

    Raises: `InputError` if there is nothing to ask about, if Test II lacks references (the wanted
    ones are then listed in a file next to the output), and if the folder has another study.
    """
    if not plan.accept and not plan.prefer:
        cure = "Give --accept or --prefer a number above 0."
        raise InputError("the study has no items", cure=cure)
    folder = StudyFolder(output)
    explainer = read_explanations(runs, [plan.system], form=plan.form)[plan.system]
    found, told = pool(explainer), read_references(references)
    first = draw_accept(found, plan.accept, plan.seed)
    taken = frozenset(one.id for one in first.chosen)
    preferred = PreferenceSample(found.mismatches, taken, told, plan.prefer, plan.seed)
    if preferred.missing:
        raise _lacking(preferred, folder, runs)
    second = preferred.draw
    pairs = tuple(_pair(one, told) for one in second.chosen)
    asked = _asked(found, first, second, pairs, plan)

    clips = _StudyClips()
    both = [one for test, items in asked.items() for one in named(test, items, clips.of, plan.seed)]
    material = _material(plan, [item for item, _ in both])
    key = StudyKey(
        study=material.study,
        system=plan.system,
        reference=pairs[0].second.system if pairs else None,
        seed=plan.seed,
        answers=tuple(answer for _, answer in both),
        provenance=provenance([*(run / SAMPLES for run in runs), *references]),
    )
    folder.holds(key, force=force)
    folder.write(render(material), clips.sounds, key, pairs)
    return MadeStudy(
        material.study,
        {test: len(items) for test, items in asked.items()},
        tuple(_notes(found, first, second, plan.checks)),
        folder,
    )


def _lacking(preferred: PreferenceSample, folder: StudyFolder, runs: Sequence[Path]) -> InputError:
    wanted = preferred.wanted()
    write_text(folder.wanted, "".join(f"{one}\n" for one in wanted))
    lines = "\n".join(f"  {one}" for one in commands(wanted, folder.wanted, folder.path, runs))
    return InputError(
        f"Test II lacks {preferred.missing:,} gold-referenced rationales",
        file=folder.wanted,
        cure=f"The file lists {len(wanted):,} utterances, including spare ones. Let a teacher "
        f"explain them, given the majority label:\n{lines}\n"
        "Then run this command again with --references and the file from that command. "
        "--prefer 0 leaves Test II out.",
    )


def _pair(one: Explanation, references: ReferenceRationales) -> ExplanationPair:
    """The system's own rationale is first; the judge sees both orders, a rater one random order."""
    reference = references.candidate(one)
    return paired(one, reference, reference.label)


def _asked(
    found: ExplanationPool,
    first: StudySample,
    second: StudySample,
    pairs: Sequence[ExplanationPair],
    plan: StudyPlan,
) -> dict[Test, list[StudyQuestion]]:
    """The questions of each test that is not left out, with its attention checks."""
    asked: dict[Test, list[StudyQuestion]] = {
        "accept": list(accepting(first.chosen)),
        "prefer": list(preferring(zip(second.chosen, pairs, strict=True), plan.seed)),
    }
    used = {one.id for one in (*first.chosen, *second.chosen)}
    others = drawn(
        [*found.matches, *found.mismatches], plan.seed, None, key=lambda one: f"check/{one.id}"
    )
    others.sort(key=lambda one: one.id in used)
    for test, items in asked.items():
        if items:
            items += checks(test, others[: plan.checks])
            others = others[plan.checks :] + others[: plan.checks]
    return {test: items for test, items in asked.items() if items}


@dataclass
class _StudyClips:
    """Each audio file, encoded once; `sounds` maps the path in the page to the audio."""

    sounds: dict[str, EncodedSound] = field(default_factory=dict)
    _known: dict[str, StudyClip] = field(default_factory=dict)

    def of(self, one: Explanation) -> StudyClip:
        audio = one.audio or ""
        if audio not in self._known:
            if (sound := encoded(Path(audio))) is None:
                cure = "Restore the audio file."
                raise InputError("cannot be read as audio", file=audio, cure=cure)
            clip = StudyClip(clip_name(sound), sound.duration)
            self.sounds[clip.path], self._known[audio] = sound, clip
        return self._known[audio]


def _material(plan: StudyPlan, items: Sequence[StudyItem]) -> StudyMaterial:
    return StudyMaterial(
        title=visible(plan.title),
        consent=visible(plan.consent.replace("{items}", f"{len(items):,} items")),
        instructions={
            test: visible(text)
            for test, text in plan.instructions.items()
            if any(item.test == test for item in items)
        },
        items=tuple(items),
    )


def _notes(
    found: ExplanationPool, first: StudySample, second: StudySample, wanted: int
) -> Iterable[str]:
    yield from first.notes
    yield from second.notes
    if (there := len(found.matches) + len(found.mismatches)) < wanted:
        yield (
            f"attention checks: only {there:,} of {wanted:,} per test, because each needs its own "
            "utterance"
        )
    yield from (f"not used: {count:,} {why}" for why, count in found.left_out.items())


# ---- folder ------------------------------------------------------------------------------------


_PAGE, _AUDIO = "index.html", "audio"
_OURS = re.compile(r"\.?[0-9a-f]{16}\.\S+")


def clip_name(sound: EncodedSound) -> str:
    """The path of a clip: a hash, because the name of the source may reveal the emotion."""
    return f"{_AUDIO}/{hashlib.sha256(sound.content).hexdigest()[:16]}{sound.suffix}"


@dataclass(frozen=True)
class StudyFolder:
    """`path` is for raters; the key and the pairs of Test II are next to it, never inside."""

    path: Path

    @property
    def key(self) -> Path:
        return self._beside("key.json")

    @property
    def pairs(self) -> Path:
        return self._beside("pairs.jsonl")

    @property
    def wanted(self) -> Path:
        return self._beside("wanted.txt")

    def _beside(self, suffix: str) -> Path:
        # `.` and `..` have no name.
        path = self.path.resolve() if self.path.name in {"", ".."} else self.path
        return path.with_name(f"{path.name}.{suffix}")

    def holds(self, key: StudyKey, *, force: bool) -> bool:
        """Whether the folder already has this study.

        Raises: `InputError` for other files and, without `force`, for another study.
        """
        there = sorted(one.name for one in self.path.iterdir()) if self.path.is_dir() else []
        if self.path.is_file() or (other := [n for n in there if n not in (_PAGE, _AUDIO)]):
            what = f"contains {other[0]!r}, which is not part of a study" if there else "is a file"
            raise InputError(what, file=self.path, cure="Give an empty folder as --output.")
        if _PAGE not in there:
            return False
        if self.key.is_file():
            earlier = read_key(self.key)
            if earlier.model_copy(update={"provenance": key.provenance}) == key:
                return True
        if not force:
            raise InputError(
                "contains another study, which raters may have begun",
                file=self.path,
                cure="Give another --output, or --force to overwrite it and its key.",
            )
        return False

    def write(
        self,
        page: str,
        sounds: Mapping[str, EncodedSound],
        key: StudyKey,
        pairs: tuple[ExplanationPair, ...],
    ) -> None:
        """Writes the page last: a folder without it is incomplete.

        If the study is the same, its key stays, with the time of its creation.
        """
        is_same = self.holds(key, force=True)
        if not is_same:
            (self.path / _PAGE).unlink(missing_ok=True)
        for name, sound in sounds.items():
            with atomic_path(self.path / name) as temporary:
                temporary.write_bytes(sound.content)
        self._remove_others(set(sounds))
        if not is_same:
            write_json(self.key, key.model_dump(mode="json"))
        if pairs:
            write_pairs(self.pairs, pairs)
        else:
            self.pairs.unlink(missing_ok=True)
        write_text(self.path / _PAGE, page)

    def _remove_others(self, kept: set[str]) -> None:
        """Removes clips of an earlier study and of an interrupted run."""
        for path in (self.path / _AUDIO).iterdir():
            if _OURS.fullmatch(path.name) and f"{_AUDIO}/{path.name}" not in kept:
                path.unlink()
