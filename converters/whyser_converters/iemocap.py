"""IEMOCAP: 10,039 utterances, about 12 h, 151 acted and improvised dialogs of ten actors.

Licence   research only, by signed release form.
Source    https://sail.usc.edu/iemocap/iemocap_release.htm
Layout    Session{1..5}/dialog/EmoEvaluation/<dialog>.txt      a head line and its raters' lines
          Session{1..5}/dialog/transcriptions/<dialog>.txt     joined by exact id
          Session{1..5}/sentences/wav/<dialog>/<utterance>.wav 16 kHz mono
Speaker   Session and the letter of the id's LAST token: the letter in `Ses01F_` says who wears
          the motion markers in the dialog, not who speaks.
Splits    None are official. `speakers` (default): test = Session5, dev = Session4, train = 1 to 3.
          `train`: all of it, as the paper pools it.
Votes     `C-E<k>` lines. A rater may give several labels: the first is primary, the rest are
          secondary. `C-F1` and `C-M1` are the actors' self-reports and no votes.
Labels    The head line's majority code, by name.
          exc, fru, oth  have no class and stay `other`; `--merge exc=happy` is the convention
                         of four-class papers. A merge renames labels and votes; it does not
                         recount majorities.
          xxx            no majority
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whyser.errors import InputError, did_you_mean
from whyser.labels import Label
from whyser.utterance import Utterance, Vote
from whyser_converters.source import Account, files_in, transcript_text

LABELS: Mapping[str, Label | None] = {
    "ang": "angry",
    "sad": "sad",
    "hap": "happy",
    "exc": "other",  # between happy and surprise; its own class in this corpus
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "neu": "neutral",
    "fru": "other",  # none of the eight, and the largest class of this corpus
    "oth": "other",
    "xxx": None,  # no majority
}

#: The raters' words and their code.
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

SPLITS = {1: "train", 2: "train", 3: "train", 4: "dev", 5: "test"}

MARKERS = tuple(f"Session{session}/dialog/EmoEvaluation" for session in SPLITS)

_HEAD = re.compile(r"\[\d+\.\d+ - \d+\.\d+\]\t(\S+)\t(\w+)\t\[[\d., ]+\]")
_RATING = re.compile(r"([CA])-([EFM])(\d+):\s*(.*)")
_ID = re.compile(r"(Ses0([1-5])[FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?))_([FM])\d{3}")
_TRANSCRIPT = re.compile(r"(Ses\S+)\s+\[[\d.]+-[\d.]+\]:\s*(.*)")


@dataclass
class _Turn:
    """A head line of an evaluation file, and the raters' lines below it."""

    line: int
    name: str
    code: str
    ratings: list[tuple[int, str, str]] = field(default_factory=list)


def prepare_iemocap(
    corpus_dir: Path,
    *,
    split_scheme: str = "speakers",
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """IEMOCAP's utterances, session by session, dialog by dialog.

    Raises: `InputError` without an account.
    """
    account = account or Account(corpus_dir, strict=True)
    untranscribed = unrated = 0
    for session, split in SPLITS.items():
        dialogs = corpus_dir / f"Session{session}" / "dialog"
        for name in files_in(dialogs / "EmoEvaluation", ".txt"):
            path = dialogs / "EmoEvaluation" / name
            transcripts = _read_transcripts(dialogs / "transcriptions" / name, account)
            for turn in _read_turns(path, account):
                with account.row(path, turn.line):
                    dialog, gender = _parse_id(turn.name, session)
                    untranscribed += turn.name not in transcripts
                    unrated += not turn.ratings
                    yield Utterance(
                        id=account.once(f"iemocap/{turn.name}", turn.line),
                        corpus="iemocap",
                        split="train" if split_scheme == "train" else split,
                        audio=f"Session{session}/sentences/wav/{dialog}/{turn.name}.wav",
                        duration=None,
                        sampling_rate=None,
                        channels=None,
                        transcript=transcripts.get(turn.name, ""),
                        speaker=f"iemocap/Ses0{session}{gender}",
                        gender="female" if gender == "F" else "male",
                        dialogue=f"iemocap/{dialog}",
                        label=_label(turn.code, labels),
                        label_raw=turn.code,
                        votes=tuple(_votes(turn, labels)),
                    )
    for count, what in ((untranscribed, "a transcript"), (unrated, "votes")):
        if count:
            account.note(f"utterances without {what}: {count:,}")


def _read_transcripts(path: Path, account: Account) -> dict[str, str]:
    transcripts: dict[str, str] = {}
    if not path.is_file():
        return transcripts
    for number, line in _lines(path):
        with account.row(path, number):
            if match := _TRANSCRIPT.match(line):
                transcripts[match[1]] = transcript_text(match[2])
            elif line.startswith("Ses"):
                raise _malformed(line, "<utterance> [<start>-<end>]: <text>")
            # Stray lines such as "M: ..." carry no id, so they belong to no utterance.
    return transcripts


def _read_turns(path: Path, account: Account) -> list[_Turn]:
    turns: list[_Turn] = []
    for number, line in _lines(path):
        with account.row(path, number):
            if line.startswith("%"):
                continue
            if head := _HEAD.match(line):
                turns.append(_Turn(number, head[1], head[2]))
            elif (rating := _RATING.match(line)) and turns:
                if rating[1] == "C" and rating[2] == "E":
                    turns[-1].ratings.append((number, f"E{rating[3]}", rating[4]))
            else:
                raise _malformed(line, "[<start> - <end>]<TAB><utterance><TAB><code><TAB>[V, A, D]")
    if not turns:
        account.problem(
            InputError("holds no utterance", file=path, cure="Fetch it again; it may be cut short.")
        )
    return turns


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that are not blank; comments are now and then in latin-1."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    # Not splitlines(), which would also split at a latin-1 control character.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.strip()


def _malformed(line: str, expected: str) -> InputError:
    return InputError(
        f"malformed line {line[:60]!r}",
        cure=f"Expected {expected}; the file may be cut short or damaged.",
    )


def _parse_id(name: str, session: int) -> tuple[str, str]:
    """Dialog and speaker's letter of an utterance's id."""
    match = _ID.fullmatch(name)
    if match is None:
        cure = "Expected one like Ses01F_impro01_M000."
        raise InputError(f"bad utterance id {name!r}", cure=cure)
    if match[2] != str(session):
        raise InputError(f"utterance {name!r} of another session stands in Session{session}")
    return match[1], match[3]


def _label(code: str, labels: Mapping[str, Label | None]) -> Label | None:
    if code not in labels:
        raise InputError(f"bad emotion code {code!r}", cure=did_you_mean(code, labels))
    return labels[code]


def _votes(turn: _Turn, labels: Mapping[str, Label | None]) -> Iterator[Vote]:
    for line, rater, rating in turn.ratings:
        chosen, _, comment = rating.partition("\t")
        words = [word.strip() for word in chosen.split(";") if word.strip()]
        if not words:
            raise InputError(f"rater {rater} chose nothing", line=line, cure="Mend the line.")
        for word in words:
            if word.lower() not in VOTE_CODES:
                cure = did_you_mean(word, VOTE_CODES)
                raise InputError(f"bad label {word!r} of rater {rater}", line=line, cure=cure)
        first, *rest = words
        comment = comment.strip().strip("()")
        yield Vote(
            rater=rater,
            primary=labels[VOTE_CODES[first.lower()]] or "other",
            secondary=tuple(_secondary(word.lower(), labels) for word in rest),
            # What a rater meant by Other stands in the comment.
            raw=f"{first} ({comment})" if first.lower() == "other" and comment else first,
        )


def _secondary(word: str, labels: Mapping[str, Label | None]) -> str:
    label = labels[VOTE_CODES[word]]
    return word if label is None or label == "other" else label
