"""How a judge was asked: `JUDGE.provenance.json`, written before the first question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from whyser.chat import ChatSettings, ledger_of
from whyser.io.errors import InputError
from whyser.io.files import read_record, write_json
from whyser.options.endpoint import AudioForm
from whyser.records.provenance import provenance
from whyser_eval.explanations.judge.answers import JudgeFiles
from whyser_eval.explanations.judge.questions import JudgeConfig

#: Fields that change when the same command runs again.
_OF_THE_RUN = ("command", "created", "versions", "git")


@dataclass(frozen=True)
class JudgingRun:
    """The record of one judge's run; `drawn` describes how the pairs were sampled."""

    judge: str
    config: JudgeConfig
    pairs: str
    seed: int
    rubric: bool
    drawn: Mapping[str, Any] = field(default_factory=dict)
    is_finished: bool = False

    def write(self, settings: ChatSettings, files: JudgeFiles, pairs: Path) -> None:
        """A finished record stays unchanged if a later run adds nothing to it."""
        common = provenance([pairs])
        common["command"] = settings.hide(common["command"])
        written = common | {"endpoint": settings.address} | self._as_json()
        earlier = earlier_record(files)
        if earlier.get("finished"):
            same = {name: earlier.get(name) for name in _OF_THE_RUN} | {"finished": True}
            if written | same == earlier:
                return
        write_json(files.record, written)

    def _as_json(self) -> dict[str, Any]:
        config = self.config
        prompts = [config.pairwise, *([config.rubric] if self.rubric else [])]
        return {
            "judge": self.judge,
            "hears": config.hears,
            "audio": config.audio,
            "prompts": [
                {"name": one.name, "version": one.version, "prompt": one.hash, "text": one.text}
                for one in prompts
            ],
            "decoding": {"temperature": 0, "max_tokens": config.max_tokens},
            "schema": config.schema,
            "rubric": self.rubric,
            "pairs": self.pairs,
            "seed": self.seed,
            "drawn": dict(self.drawn),
            "finished": self.is_finished,
        }


class JudgeRecord(BaseModel):
    """A judge's record when read: how it was asked, about which pairs, and whether about all."""

    model_config = ConfigDict(frozen=True)

    judge: str
    hears: bool
    audio: AudioForm
    pairs: str
    rubric: bool
    finished: bool


_ANY, _TOLD = TypeAdapter(dict[str, Any]), TypeAdapter(JudgeRecord)

_CURE = "Delete it and run the command again: the ledger has the replies."


def read_records(folder: Path) -> list[JudgeRecord]:
    """The record of every judge in a folder, by name; records of other commands are ignored.

    Raises: `InputError` for a broken file.
    """
    return [
        read_record(path, _TOLD, cure=_CURE)
        for path in sorted(folder.glob("*.provenance.json"))
        if "judge" in read_record(path, _ANY, cure=_CURE)
    ]


def earlier_record(files: JudgeFiles) -> dict[str, Any]:
    """The record of an earlier run of this judge; empty if there is none.

    Raises: `InputError` if another model's files have the same name, and for a broken file.
    """
    if not files.record.exists():
        return {}
    found = read_record(files.record, _ANY, cure=_CURE)
    if found.get("judge") != files.judge:
        raise InputError(
            f"is the record of {found.get('judge')!r}, whose files have the same names",
            file=files.record,
            cure="Give another --output.",
        )
    return found


def audio_of_earlier_run(files: JudgeFiles) -> AudioForm | None:
    """How the audio was sent for the replies in the ledger; None if there are none."""
    ledger = ledger_of(files.base)
    if not (ledger.exists() and ledger.stat().st_size) or not earlier_record(files):
        return None
    return read_record(files.record, _TOLD, cure=_CURE).audio
