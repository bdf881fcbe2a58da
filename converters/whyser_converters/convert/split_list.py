"""Reads a user's own splits: a CSV of speakers, dialogues, sessions or ids with their splits."""

from __future__ import annotations

import re
from pathlib import Path

from whyser.io.errors import InputError, Problems, did_you_mean
from whyser.io.files import read_text, short_hash
from whyser.records.utterance import Utterance
from whyser_converters.corpora.tables import read_header, read_table

#: Possible names of the first column.
KEYS = ("speaker", "dialogue", "session", "id")

_SPLIT = re.compile(r"train|dev|test\w*")


class SplitList:
    """Splits by speaker, dialogue, session or id, whichever is the name of the first column.

    Names may be written as in the corpus (`1001`) or as in `utterances.jsonl` (`crema_d/1001`).
    The file is the user's own, so no faulty line is skipped.

    Raises: `BadInput` with every fault of the file, or `InputError`.
    """

    def __init__(self, path: Path, corpus: str) -> None:
        self.path, self.corpus = path, corpus
        header = read_header(path)
        if header[0] not in KEYS or "split" not in header:
            raise InputError(
                f"columns are {header}, expected one of {list(KEYS)} and 'split'",
                file=path,
                line=1,
                cure=did_you_mean(header[0], KEYS),
            )
        self.key = header[0]
        self.splits: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        problems = Problems(path)
        for line, (name, split) in read_table(
            path, (self.key, "split"), lambda problem, _name: problems.add(problem)
        ):
            with problems.caught():
                self._add(name.strip(), split.strip(), line)
        problems.raise_any()
        self.unseen = set(self.splits)

    def _add(self, name: str, split: str, line: int) -> None:
        if not _SPLIT.fullmatch(split):
            cure = "Expected train, dev, test or a name that begins with test."
            raise InputError(f"bad split {split!r}", file=self.path, line=line, cure=cure)
        name = name if name.startswith(f"{self.corpus}/") else f"{self.corpus}/{name}"
        if self.splits.setdefault(name, split) != split:
            raise InputError(
                f"{self.key} {name!r} is in {self.splits[name]} and in {split}",
                file=self.path,
                line=line,
                cure="Keep one of the two lines.",
            )
        self._lines.setdefault(name, line)

    def split_of(self, utterance: Utterance) -> str | None:
        """The split of the utterance; None when it is not listed.

        Raises: `InputError` where a spreadsheet has made `1` of the name `01`.
        """
        name = getattr(utterance, self.key)
        self.unseen.discard(name)
        split = self.splits.get(name)
        if split is None and name is not None:
            corpus, _, own = name.partition("/")
            if (short := f"{corpus}/{own.lstrip('0')}") != name and short in self.splits:
                raise InputError(
                    f"{self.key} {short.partition('/')[2]!r} is {own!r} in the corpus: a "
                    "spreadsheet has dropped the zero",
                    file=self.path,
                    line=self._lines[short],
                    cure="Format the column as text, and write the names as in the corpus.",
                )
        return split

    def __str__(self) -> str:
        return f"{self.path.name} by {self.key}, {short_hash(read_text(self.path))}"
