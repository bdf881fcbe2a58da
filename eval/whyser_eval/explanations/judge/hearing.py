"""Whether a judge hears: as it was said, as its run began, or asked with a second of silence."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from whyser.chat import Chat, ChatError, ChatSettings, Request, Stopped, audio_part, ledger_of
from whyser.io.audio import silence
from whyser.io.console import say
from whyser.io.errors import InputError, WhyserError
from whyser.options.endpoint import AudioForm
from whyser_eval.explanations.judge.answers import Files
from whyser_eval.explanations.judge.material import check_sounds
from whyser_eval.explanations.judge.record import begun_with
from whyser_eval.explanations.pairs import Pair

AudioChoice: TypeAlias = Literal["auto", AudioForm]

#: The part that OpenAI's own protocol has for a sound: who hears at all takes it.
FORM: AudioForm = "input_audio"

#: Answers that say: not with a sound. Any other failure says nothing about hearing.
_CANNOT = {400, 415, 422, 501}


def choose_form(
    audio: AudioChoice, pairs: Sequence[Pair], files: Files, settings: ChatSettings
) -> AudioForm:
    """How the judge is given the sound, and a line that says so.

    A run that was begun goes on as it began, whatever the endpoint says today.

    Raises: `InputError` where it was begun the other way, `BadInput` for sounds that are not there,
    and what `find_form` raises.
    """
    chosen = assumed_form(audio, pairs, files, settings)
    if audio == "auto" and chosen != "none" and begun_with(files) is None:
        chosen = find_form(settings)
    if chosen == "none":
        say(f"{settings.model} judges by the text alone")
    else:
        check_sounds(pairs)
        say(f"{settings.model} is given the sound")
    return chosen


def assumed_form(
    audio: AudioChoice, pairs: Sequence[Pair], files: Files, settings: ChatSettings
) -> AudioForm:
    """The same without asking: 'auto' is taken for a judge that hears, if there is any sound."""
    begun = begun_with(files)
    if audio == "auto":
        return begun or (FORM if any(pair.audio for pair in pairs) else "none")
    if begun is not None and (begun == "none") != (audio == "none"):
        raise InputError(
            f"its replies were given {'without' if begun == 'none' else 'with'} the sound",
            file=ledger_of(files.base),
            cure="Leave --audio out to go on, or give another --output.",
        )
    return audio


def find_form(settings: ChatSettings) -> AudioForm:
    """How the endpoint takes a sound, `none` where it refuses one.

    Raises: `EndpointError` where there is none to ask, `WhyserError` where it is at fault.
    """
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_ask(replace(settings, attempts=2), Path(folder)))


async def _ask(settings: ChatSettings, folder: Path) -> AudioForm:
    content = [
        audio_part(silence(1.0, folder), "input_audio"),
        {"type": "text", "text": "Is anybody speaking in this clip? Answer with one word."},
    ]
    request = Request([{"role": "user", "content": content}], {"temperature": 0, "max_tokens": 16})
    async with Chat(settings, folder / "ledger.jsonl") as chat:
        try:
            await chat.ask(request, label="does it hear?")
        except Stopped as stopped:
            raise WhyserError(f"{stopped}, before it was known whether the judge hears") from None
        except ChatError as error:
            if error.is_empty:
                return FORM
            if error.status in _CANNOT:
                return "none"
            raise WhyserError(
                f"{error} Say --audio none for a judge that only reads, or how it is given sound."
            ) from None
    return FORM
