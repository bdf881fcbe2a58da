"""One run of a judge: either every question is answered, or no result is written."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from whyser.chat import (
    Chat,
    ChatError,
    ChatSettings,
    Request,
    Stopped,
    ask_all,
    audio_part,
    ledger_of,
)
from whyser.chat import print_estimate as print_requests
from whyser.io.audio import silence
from whyser.io.console import say
from whyser.io.errors import InputError, WhyserError
from whyser.options.endpoint import AudioForm
from whyser.temporary import temporary_folder
from whyser_eval.explanations.judge.files import (
    JudgeAnswer,
    JudgedPair,
    JudgeFiles,
    JudgeReply,
    RatedExplanation,
    audio_of_earlier_run,
    judged_pair,
    rated,
    refusals,
    write_answers,
    write_record,
)
from whyser_eval.explanations.judge.questions import (
    JudgeConfig,
    PairQuestion,
    Question,
    pairwise_prompt,
    questions,
    rubric_prompt,
)
from whyser_eval.explanations.judge.selection import PairSelection, check_sounds, keep
from whyser_eval.explanations.pairs import ExplanationPair, pairs_hash


@dataclass
class JudgeSession:
    """A judge, its pairs, and the settings of its requests.

    Args:
        rubric: Whether to rate every rationale too.
        seed: Seed of the pairs, for the record.
    """

    selection: PairSelection
    config: JudgeConfig
    files: JudgeFiles
    rubric: bool = True
    seed: int = 0

    def print_estimate(self, settings: ChatSettings) -> None:
        """Prints what the run would still ask; it sends no request.

        Raises: `BadInput` for missing audio files.
        """
        if self.config.hears:
            check_sounds(self.selection.pairs)
        print_requests(
            f"Dry run of {settings.model} as judge of {len(self.selection.pairs):,} pairs",
            map(self.config.request, self._questions),
            settings,
            self.files.base,
        )

    @property
    def _questions(self) -> list[Question]:
        return questions(self.selection.pairs, rubric=self.rubric)

    def run(self, settings: ChatSettings) -> None:
        """Asks all questions; writes pairs, verdicts, ratings and the record.

        Raises: `SystemExit` with 130 after Ctrl-C, `WhyserError` for any failure other than refused
        single questions, and as `run_all`.
        """
        pairs = keep(self.selection, self.files.folder)
        record = self._record(settings.model)
        write_record(self.files, record | {"finished": False}, settings, pairs)
        self._ask(settings)
        write_record(self.files, record | {"finished": True}, settings, pairs)

    def _record(self, judge: str) -> dict[str, Any]:
        config = self.config
        asked = [pairwise_prompt, rubric_prompt] if self.rubric else [pairwise_prompt]
        prompts = [prompt(hears=config.hears) for prompt in asked]
        return {
            "judge": judge,
            "hears": config.hears,
            "audio": config.audio,
            "prompts": [
                {"name": one.name, "version": one.version, "prompt": one.hash, "text": one.text}
                for one in prompts
            ],
            "decoding": {"temperature": 0, "max_tokens": config.max_tokens},
            "schema": config.schema,
            "rubric": self.rubric,
            "pairs": pairs_hash(self.selection.pairs),
            "seed": self.seed,
            "drawn": self.selection.as_json(),
        }

    def _ask(self, settings: ChatSettings) -> None:
        asked, ledger = self._questions, ledger_of(self.files.base)
        replies, tally = ask_all(
            asked,
            partial(self._reply, refusals(self.files)),
            settings,
            ledger,
            description="Judging",
            undone="questions were not answered",
        )
        self._report_refused(replies)
        self._write(asked, replies)
        say(
            f"{settings.model} was asked {tally.asked:,} times for {len(asked):,} judgements; "
            f"{tally.from_ledger:,} replies were in {ledger}"
        )

    async def _reply(
        self, refused: Mapping[str, JudgeAnswer], chat: Chat, question: Question
    ) -> JudgeReply:
        request = self.config.request(question)
        key = chat.key(request)
        if key in refused:
            return JudgeReply(refused[key])
        try:
            reply = await chat.ask(request, label=question.label)
        except ChatError as error:
            if not (error.is_refusal or error.is_empty):
                raise
            fault, now = f"refused: {error.what}", datetime.now(UTC).isoformat(timespec="seconds")
            model = chat.settings.model
            return JudgeReply(
                JudgeAnswer(reply=None, fault=fault, model=model, time=now, request=key)
            )
        kept = chat.ledger.entry(key)
        asked = JudgeAnswer(
            reply=kept.text, fault=None, model=reply.model, time=kept.time, request=key
        )
        return JudgeReply(asked, is_cut=reply.is_cut)

    def _report_refused(self, replies: Sequence[JudgeReply]) -> None:
        """Raises: `WhyserError` if the endpoint refused every question."""
        refused = [one.asked.fault for one in replies if one.asked.reply is None]
        if refused and len(refused) == len(replies):
            cure = " If it does not support JSON schemas, give --no-schema."
            cure = cure if self.config.schema else ""
            raise WhyserError(f"the judge answered no question; the first was {refused[0]}{cure}")
        if refused:
            say(f"note: {len(refused):,} questions count as unreadable; the first was {refused[0]}")

    def _write(self, asked: Sequence[Question], replies: Sequence[JudgeReply]) -> None:
        hears = self.config.hears
        verdicts: list[JudgedPair] = []
        ratings: list[RatedExplanation] = []
        for question, reply in zip(asked, replies, strict=True):
            prompt = self.config.prompt(question).hash
            if isinstance(question, PairQuestion):
                verdicts.append(judged_pair(question, reply, prompt, hears=hears))
            else:
                ratings.append(rated(question, reply, prompt, hears=hears))
        write_answers(self.files.verdicts, verdicts)
        if self.rubric:
            write_answers(self.files.ratings, ratings)


# ---- does the judge hear? ----------------------------------------------------------------------


AudioChoice: TypeAlias = Literal["auto", AudioForm]

#: The content part for audio in OpenAI's own protocol, which every model with audio input accepts.
FORM: AudioForm = "input_audio"

#: HTTP statuses that mean that audio is not accepted. Other failures say nothing about hearing.
_CANNOT = {400, 415, 422, 501}


def choose_form(
    audio: AudioChoice, pairs: Sequence[ExplanationPair], files: JudgeFiles, settings: ChatSettings
) -> AudioForm:
    """How the audio is sent to the judge; the choice is printed.

    A run that is resumed keeps its first choice, whatever the endpoint now accepts.

    Raises: `InputError` if the run began with the other choice, `BadInput` for missing audio files,
    and as `find_form`.
    """
    chosen = assumed_form(audio, pairs, files, settings)
    if audio == "auto" and chosen != "none" and audio_of_earlier_run(files) is None:
        chosen = find_form(settings)
    if chosen == "none":
        say(f"{settings.model} judges by the text only")
    else:
        check_sounds(pairs)
        say(f"{settings.model} receives the audio")
    return chosen


def assumed_form(
    audio: AudioChoice, pairs: Sequence[ExplanationPair], files: JudgeFiles, settings: ChatSettings
) -> AudioForm:
    """The same without a request: 'auto' assumes a judge that hears if any pair has audio."""
    begun = audio_of_earlier_run(files)
    if audio == "auto":
        return begun or (FORM if any(pair.audio for pair in pairs) else "none")
    if begun is not None and (begun == "none") != (audio == "none"):
        raise InputError(
            f"its replies were given {'without' if begun == 'none' else 'with'} audio",
            file=ledger_of(files.base),
            cure="Omit --audio to resume, or give another --output.",
        )
    return audio


def find_form(settings: ChatSettings) -> AudioForm:
    """How the endpoint accepts audio; `none` if it refuses audio.

    Raises: `EndpointError` if it cannot be reached, `WhyserError` if it fails.
    """
    with temporary_folder() as folder:
        return asyncio.run(_probe(replace(settings, attempts=2), folder))


async def _probe(settings: ChatSettings, folder: Path) -> AudioForm:
    content = [
        audio_part(silence(1.0, folder), "input_audio"),
        {"type": "text", "text": "Is anybody speaking in this clip? Answer with one word."},
    ]
    request = Request([{"role": "user", "content": content}], {"temperature": 0, "max_tokens": 16})
    async with Chat(settings, folder / "ledger.jsonl") as chat:
        try:
            await chat.ask(request, label="does it hear?")
        except Stopped as stopped:
            what = f"{stopped}, before it was known whether the judge accepts audio"
            raise WhyserError(what) from None
        except ChatError as error:
            if error.is_empty:
                return FORM
            if error.status in _CANNOT:
                return "none"
            cure = "Give --audio none for a judge that only reads, or the --audio form it accepts."
            raise WhyserError(f"{error} {cure}") from None
    return FORM
