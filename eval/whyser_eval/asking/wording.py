"""What was measured, in words and figures for people."""

from __future__ import annotations

import re
from collections.abc import Mapping

from whyser.evidence.cues import SCALES, Measure
from whyser_eval.asking.references import Compared

#: Why a cue is missing.
_REASONS: Mapping[str, str] = {
    "background noise": "noise, music or other voices in the background",
    "hardly voiced": "hardly any of it is voiced",
    "octave jumps": "creaky voice leaves the octave open",
    "clipping": "the recording is overdriven",
    "no words": "the words are not known",
}
#: Why no figures about people in general help.
_NO_REFERENCE: Mapping[Measure, str] = {
    "pauses": "depend on the text, so they need other clips of the speaker",
}
_MICROPHONE = "depends on the microphone, so it needs other clips of the speaker"

_SHORT = {"semitones": "st", "syllables/s": "syl/s"}
#: The unit of a deviation, where it is not that of the value.
_DEVIATION: Mapping[Measure, str] = {"pitch": "st"}
_MORE: Mapping[Measure, tuple[str, str]] = {
    "pitch": ("higher", "lower"), "loudness": ("louder", "quieter"), "rate": ("faster", "slower"),
}  # fmt: skip


def title(name: str) -> str:
    return name.replace("_", " ")


def value(one: Compared) -> str:
    """The value and its unit."""
    return _amount(one.measure, one.cue.value, SCALES[one.measure].unit)


def deviation(one: Compared) -> str:
    """How far the cue is from the usual value, and in which direction."""
    more, less = _MORE.get(one.measure, ("more", "less"))
    unit = _DEVIATION.get(one.measure, SCALES[one.measure].unit)
    amount = _amount(one.measure, abs(one.cue.deviation), unit)
    if not re.search("[1-9]", amount):
        return "as usual"
    return f"{amount} {more if one.cue.deviation >= 0 else less}"


def _amount(name: Measure, size: float, unit: str) -> str:
    if unit.startswith("share"):
        return f"{size:.0%}" if name == "pauses" else f"{size:.1%}"
    return f"{size:.0f} {unit}" if size >= 100 else f"{size:.1f} {_SHORT.get(unit, unit)}"


def reason(name: Measure, why: str) -> str:
    """Why a cue is missing.

    >>> reason("loudness", "no reference")
    'depends on the microphone, so it needs other clips of the speaker'
    """
    if why == "no reference":
        return _NO_REFERENCE.get(name, _MICROPHONE)
    return _REASONS.get(why, why)
