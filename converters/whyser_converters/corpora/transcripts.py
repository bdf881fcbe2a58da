"""Reads transcripts that are separate files, one per utterance, named like its sound."""

from __future__ import annotations

import os
from pathlib import Path

from whyser.io.errors import InputError
from whyser.io.text import encoding_of
from whyser.records.utterance import RESERVED
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.tables import files_in, refuse_special, transcript_text

# Bytes; an utterance lasts seconds. To set a megabyte aside takes longer than to read a usual one.
_USUAL, _LONGEST = 1 << 13, 1 << 20


class TranscriptFolder:
    """Transcripts by sound file; missing, empty and garbled ones are counted and noted."""

    def __init__(self, folder: Path | None, log: ConversionLog) -> None:
        self.folder, self.log = folder or Path(), log
        self._start = f"{self.folder}/"
        self.names = set(files_in(folder, ".txt")) if folder else set()
        self.missing = self.empty = self.garbled = 0

    def read(self, name: str) -> str:
        """The text of a .wav file on one line, empty without a transcript.

        Raises: `InputError` for a file that cannot be read, and for a reserved mark.
        """
        file = f"{name.removesuffix('.wav')}.txt"
        if file not in self.names:
            self.missing += 1
            return ""
        try:
            data = _read_bytes(self._start + file)
            if not data:
                refuse_special(self.folder / file)
        except OSError as error:
            cure = "Fetch the file again, or remove it: a transcript is optional."
            what = f"transcript cannot be read ({error.strerror})"
            raise InputError(what, file=self.folder / file, cure=cure) from None
        # Some transcripts of MSP-Podcast are malformed.
        text = data.decode(encoding_of(data), errors="replace")
        self.garbled += "\ufffd" in text
        try:
            line = transcript_text(text)
        except InputError as problem:
            lines = enumerate(text.split("\n"), 1)
            # A mark may span a line break; the first line is then as good as any.
            bad = next((number for number, line in lines if RESERVED.search(line)), 1)
            raise problem.at(self.folder / file, bad) from None
        self.empty += not line
        return line

    def note(self) -> None:
        """Notes how many were missing, empty or garbled."""
        self.log.note_count(self.missing, "turns with no transcript")
        self.log.note_count(self.empty, "turns with an empty transcript")
        what = "turns with a transcript that is not UTF-8, its bad bytes replaced"
        self.log.note_count(self.garbled, what)


def _read_bytes(path: str) -> bytes:
    """The content of a small file; to set up a buffered stream takes three times as long."""
    # Nobody may ever write to a pipe, which would then be opened forever.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        data = os.read(handle, _USUAL)
        return data if len(data) < _USUAL else data + os.read(handle, _LONGEST - _USUAL)
    finally:
        os.close(handle)
