"""Whether the emotion of words or voice comes from a system that got something else, or is scored.

A system always follows its own answers, so a score against them says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from whyser.io.errors import InputError
from whyser_eval.scoring.emotions import Side
from whyser_eval.scoring.systems import System

#: Controls under which a system may have got only the words, or heard the utterance's own voice.
_SAYING: Mapping[Side, Collection[str]] = {
    "words": {"none", "transcript"},
    "voice": {"none", "paraphrased", "reordered", "noise", "codec", "gain"},
}

_CURES: Mapping[Side, str] = {
    "words": "Give answers to the control transcript, of any model.",
    "voice": "Give answers of a system that gets only the sound, such as whyser-baseline cues.",
}


def own_answers(side: Side, source: System, file: Path, scored: Sequence[System]) -> Iterator[str]:
    """Warnings about a system whose answers say the emotion of one side.

    Raises: `InputError` for answers to a control that says nothing of that side, and for those of a
        scored system where nothing else is scored, or where it had more than the words.
    """
    name = source.name
    if name.control not in _SAYING[side]:
        raise InputError(
            f"has only answers of {name}, which say nothing of the {side} alone",
            file=file,
            cure=_CURES[side],
        )
    same = [one.name for one in _same(source, scored)]
    others = any(one.name.control == "none" and one.name not in same for one in scored)
    may_hear = side == "words" and name.control != "transcript"
    if same and (may_hear or not others):
        raise InputError(
            f"has the answers of {same[0]} itself, which is scored: a system follows its own "
            "answers, whatever it hears",
            file=file,
            cure=_CURES[side],
        )
    for one in same:
        yield (
            f"{one} is scored against its own answers, which are the emotion of the {side}, and "
            "follows them whatever it hears. Only the scores of other systems say something."
        )
    if may_hear:
        yield (
            f"nothing shows that {name}, whose answers are the emotion of the words, got only the "
            "words. If it heard the sound, accuracy and words_rate say nothing. If it did not, "
            'write the control "transcript" into its predictions.'
        )


def _same(source: System, scored: Sequence[System]) -> Iterator[System]:
    """The same model with the same kind of input, and a system with the same answers."""
    texts = {answer.id: answer.text for answer in source.answers}
    reads = source.name.control == "transcript"
    for one in scored:
        if (one.name.control == "transcript") == reads and (
            one.name.model == source.name.model or _has_answers(one, texts)
        ):
            yield one


def _has_answers(one: System, texts: Mapping[str, str]) -> bool:
    """Whether all its answers are these; two systems that only ever say one word are not one."""
    if any(texts.get(answer.id) != answer.text for answer in one.answers):
        return False
    return len({answer.text for answer in one.answers}) > 1
