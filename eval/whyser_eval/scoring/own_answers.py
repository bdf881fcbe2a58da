"""Whether the emotion of words or voice comes from a system that got something else, or is scored.

A system that is scored against its own answers follows them always, so such a score says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

from whyser.io.errors import InputError
from whyser_eval.scoring.emotions import Side
from whyser_eval.scoring.systems import System

#: Controls under which a system got neither only the words, nor the utterance's own voice.
_OTHERS: Mapping[Side, Collection[str]] = {
    "words": {"shuffled", "silence", "paraphrased", "reordered", "noise", "codec", "gain"},
    "voice": {"shuffled", "silence", "transcript"},
}

_CURES: Mapping[Side, str] = {
    "words": "Give answers to the control transcript, of any model.",
    "voice": "Give answers of a system that gets only the sound, such as whyser-baseline cues.",
}

#: What is certain of a system that is scored against itself.
_CIRCULAR: Mapping[Side, str] = {
    "words": "its words_rate is 1",
    "voice": "its congruent_accuracy and conflict_accuracy are 1",
}


def own_answers(side: Side, source: System, file: Path, scored: Iterable[System]) -> Iterator[str]:
    """Warnings about a system whose answers say the emotion of one side.

    Raises: `InputError` for answers to a control that says nothing of that side, and for those of a
        scored system where nothing else is scored, or where it had more than the words.
    """
    name = source.name
    if name.control in _OTHERS[side]:
        raise InputError(
            f"has only answers of {name}, which say nothing of the {side} alone",
            file=file,
            cure=_CURES[side],
        )
    systems = list(scored)
    same = [one for one in systems if _is_same(one, source)]
    others = [one for one in systems if one.name.control == "none" and one not in same]
    heard = side == "words" and name.control != "transcript"
    if same and (heard or not others):
        raise InputError(
            f"has the answers of {same[0].name} itself, which is scored: {_CIRCULAR[side]}, "
            "whatever it hears",
            file=file,
            cure=_CURES[side],
        )
    if same:
        yield (
            f"{same[0].name} is scored against its own answers, which are the emotion of the "
            f"{side}: {_CIRCULAR[side]}. Only the other systems' scores say something."
        )
    elif heard:
        yield (
            f"nothing shows that {name}, whose answers are the emotion of the words, got only the "
            "words. If it heard the sound, accuracy and words_rate say nothing. If it did not, "
            'write the control "transcript" into its predictions.'
        )


def _is_same(one: System, source: System) -> bool:
    """Whether it is the same model with the same input, or has the same answers by another name."""
    controls = {one.name.control, source.name.control}
    if "transcript" in controls and len(controls) > 1:
        return False
    if one.name.model == source.name.model:
        return True
    texts = {answer.id: answer.text for answer in source.answers}
    own = {answer.text for answer in one.answers}
    # Two systems that only ever say one word are not one.
    return len(own) > 1 and all(texts.get(answer.id) == answer.text for answer in one.answers)
