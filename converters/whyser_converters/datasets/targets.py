"""Decides the answer of a row: whose label it names, and the text around the label."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from whyser.evidence.cues import Cues, read_cues
from whyser.evidence.descriptors import TRAITS, Trait, describe
from whyser.io.errors import InputError
from whyser.labels.attributes import Scales, described
from whyser.labels.classes import OTHER, EmotionClass
from whyser.labels.votes import distribution, percentages
from whyser.prompting.answer import TARGETS, Target, render_answer
from whyser.records.utterance import Utterance
from whyser.teacher.rationale import Rationale, read_rationales

#: `sampled`: the label of one annotator, drawn by vote share.
Labels: TypeAlias = Literal["majority", "sampled"]

#: Whether utterances whose annotators did not agree are trained on.
NoAgreement: TypeAlias = Literal["drop", "train"]


#: Why an utterance is left out whose answer would begin with an empty transcript.
NO_TRANSCRIPT = "no transcript"


@dataclass(frozen=True)
class TargetSpec:
    """What the answers of a dataset hold; by default Eq. 1 with the majority label.

    `traits` are those that the descriptors name. `no_agreement` is of utterances without a majority
    label; a target without a label has them anyway, unless rationales choose its utterances.

    Raises: `InputError` for target `asr` without the transcript, for traits of a target that has no
        descriptors, for sampled labels of a target that has all of them, and for utterances without
        agreement in a target that needs a majority label or rationales.
    """

    target: Target = "reason"
    writes_transcript: bool = True
    labels: Labels = "majority"
    traits: tuple[Trait, ...] = TRAITS
    no_agreement: NoAgreement = "drop"

    def __post_init__(self) -> None:
        if self.traits != TRAITS and not self.needs_cues:
            raise InputError(
                f"target {self.target!r} names no traits of the voice",
                cure="Leave --traits out, or give --target descriptors.",
            )
        if self.target == "asr" and not self.writes_transcript:
            raise InputError(
                "without its <asr> block, target 'asr' writes nothing", cure="Leave --no-asr out."
            )
        if self.states_shares and self.labels == "sampled":
            raise InputError(
                "target 'distribution' states the shares of all votes, so none is drawn",
                cure="Leave --labels out, or give --target label.",
            )
        if self.no_agreement == "train" and self.needs_rationales:
            raise InputError(
                f"target {self.target!r} needs rationales, and utterances without agreement have "
                "none: whyser-teach explains only those with a majority label",
                cure="Use --target distribution or asr, or --target label --labels sampled.",
            )
        if self.no_agreement == "train" and self.needs_majority:
            raise InputError(
                f"target {self.target!r} names the majority label, which utterances without "
                "agreement do not have",
                cure="Use --target distribution or asr, or add --labels sampled.",
            )

    @property
    def needs_rationales(self) -> bool:
        return "reason" in TARGETS[self.target]

    @property
    def needs_cues(self) -> bool:
        return "descriptors" in TARGETS[self.target]

    @property
    def needs_attributes(self) -> bool:
        return "attributes" in TARGETS[self.target]

    @property
    def names_emotions(self) -> bool:
        return "answer" in TARGETS[self.target]

    @property
    def states_shares(self) -> bool:
        return self.target == "distribution"

    @property
    def needs_majority(self) -> bool:
        return self.names_emotions and self.labels == "majority" and not self.states_shares

    def label(self, utterance: Utterance, drawn: Callable[[str], bytes]) -> EmotionClass | None:
        """The label in the answer of the row; None for a target without one label."""
        if not self.names_emotions or self.states_shares:
            return None
        shares = distribution(utterance.primaries) if self.labels == "sampled" else {}
        if not shares:
            # Without votes the released label counts as the only vote.
            return utterance.emotion
        point = int.from_bytes(drawn("label")[:8]) / 2**64
        for label, share in shares.items():
            point -= share
            if point < 0:
                return label
        return label  # Rounding may leave the shares just below 1.


@dataclass
class TrainingInputs:
    """Rationales and cues by utterance, from the files that the user gave.

    If a label has several rationales, the first kept one is used.
    """

    rationales: dict[tuple[str, str | None], Rationale] = field(default_factory=dict)
    cues: dict[str, Cues] = field(default_factory=dict)
    has_rationales: bool = False

    @classmethod
    def read(cls, rationale_files: Sequence[Path], cue_files: Sequence[Path]) -> TrainingInputs:
        """Raises: `InputError` with file and line for a broken line."""
        found = cls(has_rationales=bool(rationale_files))
        for file in rationale_files:
            for rationale in read_rationales(file):
                key = (rationale.id, rationale.label)
                if key not in found.rationales or not found.rationales[key].kept:
                    found.rationales[key] = rationale
        for file in cue_files:
            found.cues.update((one.id, one) for one in read_cues(file))
        return found

    def require(self, who: str, *, rationales: bool, cues: bool, otherwise: str = "") -> None:
        """Raises: `InputError` when `who` needs rationales or cues and no file was given."""
        for is_missing, name, command in (
            (rationales and not self.has_rationales, "rationales", "whyser-teach"),
            (cues and not self.cues, "cues", "whyser-teach cues"),
        ):
            if is_missing:
                cure = f"Give --{name} FILE, which {command} writes{otherwise}."
                raise InputError(f"{who} {name}", cure=cure)

    def rationale(self, utterance: Utterance, label: EmotionClass | None) -> Rationale | None:
        """The rationale of the label; one without a label explains the majority label."""
        given = [self.rationales.get((utterance.id, label or utterance.label))]
        if label in {None, utterance.label}:
            given.append(self.rationales.get((utterance.id, None)))
        found = [one for one in given if one is not None]
        return next((one for one in found if one.kept), found[0] if found else None)


def why_left_out(utterance: Utterance, spec: TargetSpec, *, is_test: bool) -> str | None:
    """The reason why an utterance gives no row, whatever its label; None when there is none."""
    if spec.names_emotions and utterance.label is None:
        if spec.no_agreement == "drop":
            return "no agreement"
        if not utterance.annotator_labels():
            return "no agreement, and no vote for one of the eight classes"
    if spec.names_emotions and utterance.label == OTHER:
        return "none of the eight classes"
    if spec.needs_attributes and not utterance.attribute_means:
        return "no attributes"
    only_emotions_count = is_test and spec.names_emotions
    if spec.writes_transcript and not only_emotions_count and not utterance.transcript.strip():
        # An empty <asr> block would teach the model to hear nothing.
        return NO_TRANSCRIPT
    return None


def why_unexplained(
    utterance: Utterance,
    label: EmotionClass | None,
    inputs: TrainingInputs,
    no_agreement: NoAgreement = "drop",
) -> str | None:
    """The reason why no rationale explains the label; None when one does, or none were given.

    Without agreement there is none, so `no_agreement` decides.
    """
    if not inputs.has_rationales or (utterance.label is None and no_agreement == "train"):
        return None
    rationale = inputs.rationale(utterance, label)
    if rationale is None:
        if label in {None, utterance.label}:
            return "no rationale"
        return "no rationale for the label drawn (whyser-teach --labels annotators writes them)"
    if not rationale.kept:
        return f"rationale dropped: {', '.join(rationale.reasons)}"
    return None


def write_answer(
    utterance: Utterance,
    label: EmotionClass | None,
    spec: TargetSpec,
    inputs: TrainingInputs,
    scales: Scales,
) -> str:
    """The text of the assistant's turn.

    Args: `scales`, those of the attributes, which only a target with attributes needs.

    Raises: `InputError` when the descriptors need cues that the utterance has not, and for an
        attribute without a scale.
    """
    rationale = inputs.rationale(utterance, label) if spec.needs_rationales else None
    descriptors = None
    if spec.needs_cues:
        if utterance.id not in inputs.cues:
            cure = "Run whyser-teach cues on the same utterances."
            raise InputError(f"no cues for {utterance.id}", cure=cure)
        descriptors = describe(utterance.gender, inputs.cues[utterance.id], spec.traits)
    said = shares_of(utterance) if spec.states_shares else label
    return render_answer(
        said,
        transcript=(utterance.transcript or None) if spec.writes_transcript else None,
        rationale=rationale.text if rationale else None,
        descriptors=descriptors,
        attributes=_attributes(utterance, scales) if spec.needs_attributes else None,
        target=spec.target,
    )


def shares_of(utterance: Utterance) -> Mapping[EmotionClass, int]:
    """The shares of the primary votes in percent, without Other.

    Where no vote has a class, all of it is on the label, as in scores.
    """
    return percentages(utterance.primaries) or {utterance.emotion: 100}


def _attributes(utterance: Utterance, scales: Scales) -> str:
    means = utterance.attribute_means
    if missing := [name for name in means if name not in scales]:
        raise InputError(
            f"{utterance.id} has {missing[0]}, but corpus.json names no scale for it",
            cure="Convert the corpus again with this version.",
        )
    return described(means, scales)
