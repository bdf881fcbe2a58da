"""One clip, the model's answer, and what the measured voice says to its claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from whyser.evidence.acoustics import measure
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import FAMILIES, SCALES, Measure
from whyser.evidence.grounding import Verdict, ground
from whyser.io import audio
from whyser.io.extras import is_installed
from whyser.labels.classes import Label
from whyser.prompting.answer import parse_answer
from whyser.prompting.prompts import OPTIONS
from whyser.temporary import temporary_folder
from whyser_eval.asking import wording
from whyser_eval.asking.clips import HeardClip, read_clip
from whyser_eval.asking.references import ComparedVoice, Reference, compare
from whyser_eval.asking.systems import AskedSystem, RawAnswer
from whyser_eval.explanations.highlights import Piece, StatedClaim, pieces, stated_claims
from whyser_eval.metrics.groundedness import explanation
from whyser_eval.reading.rules import Reading, read_answer
from whyser_eval.reading.shares import stated_shares

_NO_PRAAT = "Nothing was measured: the extra 'acoustics' is not installed."
_NOISE = (
    "Speech hardly stands out: noise, music or other voices are nearly as loud as the loudest "
    "part. The answer may mean nothing."
)
_UNVOICED = (
    "Hardly any of it is voiced speech: a whisper, or no speech. The answer may mean little."
)
_CUT = "The answer was cut off at its maximum length."


@dataclass(frozen=True)
class ClipAnswer:
    """An answer about a clip; `said` are its words, if somebody gave them.

    `voice` is None where nothing can be measured.
    """

    clip: HeardClip
    system: str
    raw: RawAnswer
    reading: Reading
    said: str | None = None
    voice: ComparedVoice | None = None

    @property
    def label(self) -> Label | None:
        return self.reading.label

    @property
    def shares(self) -> dict[Label, float]:
        """The model's probabilities, or the shares that it states, the highest first; empty if it
        gives none."""
        found = self.raw.probabilities or stated_shares(self.raw.text)
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    @cached_property
    def transcript(self) -> str | None:
        """What the model heard."""
        return parse_answer(self.raw.text).transcript

    @cached_property
    def rationale(self) -> str:
        return explanation(self.raw.text).strip()

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """The claims of the rationale, each checked; empty if nothing could be measured."""
        if self.voice is None:
            return []
        words = self.said or self.transcript or ""
        return ground(read_claims(self.rationale, words), self.voice.as_cues("clip/asked"))

    @cached_property
    def claims(self) -> list[StatedClaim]:
        if self.voice is None:
            return stated_claims(self.rationale, self.said or self.transcript or "")
        return [
            StatedClaim(
                *verdict.claim.span,
                verdict.claim.family,
                verdict.claim.value,
                verdict.outcome,
                verdict.claim.negated,
            )
            for verdict in self.verdicts
        ]

    @property
    def pieces(self) -> list[Piece]:
        """The rationale, cut by what it refers to."""
        return pieces(
            self.rationale,
            self.claims,
            said=self.said or "",
            heard=self.transcript or "",
            prediction=self.label,
        )

    @property
    def grounded(self) -> float | None:
        """Share of the decided claims that the sound supports; None without a decided claim."""
        outcomes = [claim.outcome for claim in self.claims]
        supported, contradicted = outcomes.count("supported"), outcomes.count("contradicted")
        decided = supported + contradicted
        return supported / decided if decided else None

    @property
    def shown(self) -> list[Measure]:
        """The measures that a person is shown: those of the families of claims, and those of the
        voice's quality where a claim is about it."""
        found: list[Measure] = [*FAMILIES]
        if any(claim.family == "voice_quality" for claim in self.claims):
            found += ["hnr", "jitter", "shimmer", "tilt"]
        known = (self.voice.cues.keys() | self.voice.unmeasured.keys()) if self.voice else ()
        return [name for name in found if name in known]

    @property
    def compared(self) -> Iterator[str]:
        """With whom the voice is compared, a sentence for each kind of reference."""
        if self.voice is None:
            return
        for reference in self.voice.references:
            cues = {name: one for name, one in self.voice.cues.items() if name in self.shown}
            own = [name for name, one in cues.items() if one.kind == reference.kind]
            if len(own) == len(cues):
                yield f"compared with {reference.what}"
            elif own:
                yield f"{', '.join(map(wording.title, own))}: compared with {reference.what}"
        if "rate" in self.voice.cues and self.said is None:
            yield "rate: by the words that the model heard"

    @property
    def notes(self) -> list[str]:
        return [*self.clip.notes, *self._notes()]

    def _notes(self) -> Iterator[str]:
        if self.voice is None:
            yield _NO_PRAAT
        else:
            reasons = {self.voice.unmeasured.get(name) for name in ("pitch", "pauses")}
            if reasons == {"background noise"}:
                yield _NOISE
            elif "hardly voiced" in reasons:
                yield _UNVOICED
        if self.raw.is_cut:
            yield _CUT

    def as_json(self) -> dict[str, Any]:
        """As docs/ask.md describes it."""
        references = self.voice.references if self.voice else ()
        return {
            "clip": str(self.clip.path),
            "duration": round(self.clip.duration, 3),
            "heard": round(self.clip.heard, 3),
            "system": self.system,
            "label": self.label,
            "word": self.reading.word,
            "shares": {name: round(share, 4) for name, share in self.shares.items()} or None,
            "transcript": self.transcript,
            "rationale": self.rationale,
            "claims": list(self._claims()),
            "grounded": self.grounded,
            "cues": list(self._cues()),
            "references": {one.kind: one.what for one in references},
            "notes": self.notes,
            "answer": self.raw.text,
        }

    def _claims(self) -> Iterator[dict[str, Any]]:
        strengths = [verdict.strength for verdict in self.verdicts] or [None] * len(self.claims)
        for claim, strength in zip(self.claims, strengths, strict=True):
            yield {
                "words": self.rationale[claim.start : claim.end],
                "start": claim.start,
                "end": claim.end,
                "family": claim.family,
                "level": claim.level,
                "negated": claim.negated,
                "outcome": claim.outcome,
                "strength": None if strength is None else round(strength, 2),
            }

    def _cues(self) -> Iterator[dict[str, Any]]:
        if self.voice is None:
            return
        for name, one in self.voice.cues.items():
            yield {
                "cue": name,
                "value": round(one.cue.value, 4),
                "unit": SCALES[name].unit,
                "deviation": round(one.cue.deviation, 2),
                "strength": round(one.cue.strength, 2),
                "level": one.cue.level,
                "reference": one.kind,
            }
        for name, reason in self.voice.unmeasured.items():
            yield {"cue": name, "value": None, "reason": wording.reason(name, reason)}


@dataclass
class Asker:
    """Asks a system about clips, and compares each voice with the references, the best first."""

    system: AskedSystem
    references: Sequence[Reference]
    said: str | None = None
    #: Whether Praat is installed.
    measures: bool = field(default_factory=lambda: is_installed("parselmouth"))

    def ask(self, path: Path) -> ClipAnswer:
        """Raises: `InputError` for a clip that nobody could answer about, `WhyserError` if the
        system gives no answer."""
        clip = read_clip(path, self.system.window)
        with temporary_folder() as folder:
            # Every model gets the same samples, whatever the file is.
            sound = folder / "clip.wav"
            audio.write(sound, clip.samples)
            raw = self.system.ask(sound)
        question = self.system.question
        options = question.options or OPTIONS
        reading = read_answer(raw.text, form=question.form, options=options)
        answer = ClipAnswer(clip, self.system.name, raw, reading, self.said)
        if not self.measures:
            return answer
        return ClipAnswer(clip, self.system.name, raw, reading, self.said, self._voice(answer))

    def _voice(self, answer: ClipAnswer) -> ComparedVoice:
        # The rate is that of the words that the model heard, unless somebody knows better.
        words = self.said or answer.transcript or ""
        needs_quality = any("hnr" in one.usual for one in self.references)
        measured = measure(answer.clip.samples, words, voice_quality=needs_quality)
        return compare(measured, self.references)
