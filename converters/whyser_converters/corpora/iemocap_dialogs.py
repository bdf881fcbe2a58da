"""Reads one dialog of IEMOCAP: its turns with their votes, and its transcripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.errors import InputError, did_you_mean
from whyser.io.text import encoding_of
from whyser.labels.attributes import Scales
from whyser_converters.corpora.attribute_values import AttributeCells, Values
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.tables import refuse_special, transcript_text

#: The annotators' words and their code.
VOTE_CODES = {
    "anger": "ang",
    "sadness": "sad",
    "happiness": "hap",
    "excited": "exc",
    "surprise": "sur",
    "fear": "fea",
    "disgust": "dis",
    "neutral": "neu",
    "neutral state": "neu",
    "frustration": "fru",
    "other": "oth",
}

#: Five manikins, in the order of the head line.
SCALES: Scales = {"valence": (1, 5), "arousal": (1, 5), "dominance": (1, 5)}

# [6.2901 - 8.2357]<TAB>Ses01F_impro01_F000<TAB>neu<TAB>[2.5000, 2.5000, 2.5000]
_HEAD = re.compile(r"\[\d+\.\d+ - \d+\.\d+\]\t(\S+)\t(\w+)\t\[([\d., ]+)\]")
_HEAD_FORM = "[<start> - <end>]<TAB><utterance><TAB><code><TAB>[V, A, D]"
# C-E2:<TAB>Neutral; Anger;<TAB>()
_RATING = re.compile(r"([CA])-([EFM])(\d+):\s*(.*)")
# val 3; act 2; dom  2;
_SCORES = ("val", "act", "dom")
_SCORE = re.compile(rf"({'|'.join(_SCORES)})\b\s*(.*)")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
_TRANSCRIPT = re.compile(r"(Ses\S+)\s+\[[\d.]+-[\d.]+\]:\s*(.*)")


@dataclass
class VotedTurn:
    """A head line of an evaluation file, and the votes below it: annotator -> words, comment.

    `means` are the published ones of the attributes, `values` those of each annotator.
    """

    line: int
    name: str
    code: str
    means: Values = field(default_factory=dict)
    votes: dict[str, list[str]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)

    @property
    def vote_codes(self) -> list[str]:
        return [VOTE_CODES[word.lower()] for words in self.votes.values() for word in words]


def read_turns(path: Path, log: ConversionLog) -> list[VotedTurn]:
    """The turns of one evaluation file: a head and its votes each, with blank lines between."""
    turns: list[VotedTurn] = []
    turn: VotedTurn | None = None
    below_broken_head = False
    attributes = AttributeCells(SCALES, path, log)
    for number, line in _lines(path):
        if line.startswith("%"):
            continue
        if not line:
            turn, below_broken_head = None, False
        elif head := _HEAD.match(line):
            means = attributes.read(_mean_cells(head[3]), number, head[1])
            turn = VotedTurn(number, head[1], head[2], means)
            turns.append(turn)
        elif turn is not None and not line.startswith("["):
            with log.part(path, number, of=turn.name):
                _read_rating(turn, line, number, attributes)
        elif below_broken_head and not line.startswith("["):
            # These are votes on a candidate that is lost already.
            continue
        elif turns and turn is None and _RATING.fullmatch(line):
            # A vote after a gap most likely belongs to the last turn, so that turn is dropped too.
            log.lost_part(_malformed(line, _HEAD_FORM).at(path, number), turns[-1].name)
        else:
            turn, below_broken_head = None, True
            log.lost_candidate(_malformed(line, _HEAD_FORM).at(path, number))
    if not turns:
        cure = "Fetch it again; it may be cut short."
        log.report(InputError("contains no utterance", file=path, cure=cure))
    return turns


def _mean_cells(text: str) -> tuple[str, ...]:
    cells = tuple(text.split(","))
    # As one cell, which is no number, it is reported.
    return cells if len(cells) == len(SCALES) else (text, *[""] * (len(SCALES) - 1))


def _read_rating(turn: VotedTurn, line: str, at: int, attributes: AttributeCells) -> None:
    rating = _RATING.fullmatch(line)
    if rating is None:
        raise _malformed(line, "C-E<rater>:<TAB><label>; <label>;<TAB>(<comment>)")
    kind, who, number, what = rating.groups()
    if who != "E":
        return
    rater = f"E{number}"
    chosen, _, comment = what.partition("\t")
    if kind == "A":
        values = attributes.read(_cells(chosen), at, turn.name)
        if turn.values.setdefault(rater, values) != values:
            attributes.lose(f"second values {chosen.strip()!r} of annotator {rater}", at)
        return
    words = [word.strip() for word in chosen.split(";") if word.strip()]
    if not words:
        raise InputError(f"annotator {rater} chose nothing", cure="Correct the line.")
    for word in words:
        if word.lower() not in VOTE_CODES:
            cure = did_you_mean(word, VOTE_CODES)
            raise InputError(f"bad label {word[:60]!r} of annotator {rater}", cure=cure)
    mentions = turn.votes.setdefault(rater, [])
    mentions += [word for word in words if word not in mentions]
    turn.comments.setdefault(rater, comment.strip().strip("()"))


def _cells(text: str) -> tuple[str, ...]:
    """The cells of `val 3; act 2; dom  ;`, in the order of `SCALES`.

    >>> _cells("act 2; val 3; dom  ;")
    ('3', '2', '')
    """
    scores = [_SCORE.fullmatch(part.strip()) for part in text.split(";") if part.strip()]
    found = {score[1]: score[2] for score in scores if score}
    if len(found) < len(scores):
        # As a value of all attributes, which is no number, it is reported.
        return (text.strip(),) * len(SCALES)
    return tuple(found.get(name, "") for name in _SCORES)


def read_transcripts(path: Path, log: ConversionLog) -> dict[str, str]:
    """Text by utterance; empty where the dialog has no transcript file."""
    transcripts: dict[str, str] = {}
    if not path.exists():
        return transcripts
    for number, line in _lines(path):
        # Stray lines such as "M: ..." have no id, so they belong to no utterance.
        if line.startswith("Ses"):
            with log.part(path, number, of=line.split(maxsplit=1)[0]):
                match = _TRANSCRIPT.match(line)
                if match is None:
                    raise _malformed(line, "<utterance> [<start>-<end>]: <text>")
                text = transcript_text(match[2])
                if transcripts.setdefault(match[1], text) != text:
                    raise InputError(f"{match[1]!r} has two texts", cure="Keep one of the two.")
    return transcripts


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines; some comments are in latin-1."""
    refuse_special(path)
    data = path.read_bytes()
    try:
        text = data.decode(encoding_of(data))
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Not splitlines(), which would also split at a latin-1 control character.
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.strip()


def _malformed(line: str, expected: str) -> InputError:
    return InputError(
        f"malformed line {line[:60]!r}",
        cure=f"Expected {expected}; the file may be cut short or damaged.",
    )
