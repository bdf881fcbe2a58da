"""From scored runs to a study: what is drawn of them, its clips, the page and the key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.files import write_text
from whyser.io.visible import visible
from whyser.prompting.prompts import Form
from whyser.records.provenance import provenance
from whyser_eval.explanations.pairs import Candidate, Pair, drawn
from whyser_eval.explanations.scored import SAMPLES, Explanation, read_explanations
from whyser_eval.explanations.study.folder import Folder, clip_name
from whyser_eval.explanations.study.items import Asked, Clip, accepting, checks, named, preferring
from whyser_eval.explanations.study.material import Answer, Item, Key, Material, Test
from whyser_eval.explanations.study.page import render
from whyser_eval.explanations.study.preferred import Preferred
from whyser_eval.explanations.study.references import References, commands, read_references
from whyser_eval.explanations.study.sample import Draw, Pool, draw_accept, pool
from whyser_eval.page.sound import Encoded, encoded


@dataclass(frozen=True)
class Plan:
    """What a person may choose about a study: items of each test, and attention checks in each.

    `consent` and `instructions` are texts; in the consent `{items}` stands for their number.
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
class Made:
    """What was written; `notes` tell what came out otherwise than asked for."""

    study: str
    items: dict[Test, int]
    notes: tuple[str, ...]
    folder: Folder


def make_study(
    runs: Sequence[Path],
    plan: Plan,
    output: Path,
    *,
    references: Sequence[Path] = (),
    force: bool = False,
) -> Made:
    """Writes the study of one system.

    Raises: `InputError` where nothing is or can be asked about, where Test II lacks references
    (those wanted are then listed beside the output), and where another study lies there.
    """
    if not plan.accept and not plan.prefer:
        raise InputError("a study without items", cure="Give --accept or --prefer a number.")
    folder = Folder(output)
    explainer = read_explanations(runs, [plan.system], form=plan.form)[plan.system]
    found, told = pool(explainer), read_references(references)
    first = draw_accept(found, plan.accept, plan.seed)
    taken = frozenset(one.id for one in first.chosen)
    preferred = Preferred(found.mismatches, taken, told, plan.prefer, plan.seed)
    if preferred.missing:
        raise _lacking(preferred, folder, runs)
    second = preferred.draw
    pairs = tuple(_pair(one, told) for one in second.chosen)
    asked = _asked(found, first, second, pairs, plan)

    clips = _Clips()
    both = [one for test, items in asked.items() for one in named(test, items, clips.of, plan.seed)]
    material = _material(plan, [item for item, _ in both])
    inputs = [*(run / SAMPLES for run in runs), *references]
    key = _key(plan, material, [answer for _, answer in both], pairs, inputs)
    folder.holds(key, force=force)
    folder.write(render(material), clips.sounds, key, pairs)
    return Made(
        material.study,
        {test: len(items) for test, items in asked.items()},
        tuple(_notes(found, first, second, plan.checks)),
        folder,
    )


def _lacking(preferred: Preferred, folder: Folder, runs: Sequence[Path]) -> InputError:
    wanted = preferred.wanted()
    write_text(folder.wanted, "".join(f"{one}\n" for one in wanted))
    lines = "\n".join(f"  {one}" for one in commands(wanted, folder.wanted, folder.path, runs))
    return InputError(
        f"Test II lacks {preferred.missing:,} gold-referenced rationales",
        file=folder.wanted,
        cure=f"It lists {len(wanted):,} utterances, spare ones among them. Have them explained "
        f"(a teacher at an endpoint, which is told the reference's label):\n{lines}\n"
        "and run this command again with --references and what that wrote. "
        "--prefer 0 leaves Test II out.",
    )


def _pair(one: Explanation, references: References) -> Pair:
    """The system's own explanation first; the judge asks both orders, and the page draws one."""
    reference = references.candidate(one)
    return Pair(
        id=one.id,
        emotion=reference.label,
        gold=one.gold,
        audio=one.audio,
        transcript=one.transcript,
        first=Candidate(system=one.system, label=one.label, text=one.text),
        second=reference,
    )


def _asked(
    found: Pool, first: Draw, second: Draw, pairs: Sequence[Pair], plan: Plan
) -> dict[Test, list[Asked]]:
    """The questions of each test that is not left out, with its attention checks."""
    asked: dict[Test, list[Asked]] = {
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
class _Clips:
    """Each sound encoded once; `sounds` by the path that the page knows it by."""

    sounds: dict[str, Encoded] = field(default_factory=dict)
    _known: dict[str, Clip] = field(default_factory=dict)

    def of(self, one: Explanation) -> Clip:
        audio = one.audio or ""
        if audio not in self._known:
            sound = encoded(Path(audio))
            if sound is None:
                raise InputError("cannot be read as sound", file=audio, cure="Fetch it again.")
            clip = Clip(clip_name(sound), sound.duration)
            self.sounds[clip.path], self._known[audio] = sound, clip
        return self._known[audio]


def _material(plan: Plan, items: Sequence[Item]) -> Material:
    return Material(
        title=visible(plan.title),
        consent=visible(plan.consent.replace("{items}", f"{len(items):,} items")),
        instructions={
            test: visible(text)
            for test, text in plan.instructions.items()
            if any(item.test == test for item in items)
        },
        items=tuple(items),
    )


def _key(
    plan: Plan,
    material: Material,
    answers: Sequence[Answer],
    pairs: Sequence[Pair],
    inputs: Iterable[Path],
) -> Key:
    return Key(
        study=material.study,
        system=plan.system,
        reference=pairs[0].second.system if pairs else None,
        seed=plan.seed,
        answers=tuple(answers),
        provenance=provenance(inputs),
    )


def _notes(found: Pool, first: Draw, second: Draw, wanted: int) -> Iterable[str]:
    yield from first.notes
    yield from second.notes
    if (there := len(found.matches) + len(found.mismatches)) < wanted:
        yield f"attention checks: only {there:,} of {wanted:,} a test, each about its own utterance"
    yield from (f"{count:,} {why}: not asked about" for why, count in found.left_out.items())
