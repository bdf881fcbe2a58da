"""IEMOCAP: 10,039 utterances, about 12 h, 151 acted and improvised dialogs of ten actors.

Licence   research only, by signed release form.
Source    https://sail.usc.edu/iemocap/iemocap_release.htm
Layout    Session{1..5}/dialog/EmoEvaluation/<dialog>.txt      a head line and its raters' lines
          Session{1..5}/dialog/transcriptions/<dialog>.txt     joined by exact id
          Session{1..5}/sentences/wav/<dialog>/<utterance>.wav 16 kHz mono
Speaker   Session and the letter of the id's LAST token: the letter in `Ses01F_` says who wears
          the motion markers in the dialog, not who speaks.
Splits    None are official. Leave one session out: `session_5` (default) tests on Session5 and
          develops on Session4; `session_1` to `session_4` likewise, each with the session before
          it (Session5 before Session1). `train`: all of it, as the paper pools it.
Votes     `C-E<k>` lines. A rater may give several labels, in one line or in two: the first is
          primary, the rest are secondary. `C-F1` and `C-M1` are the actors' self-reports and no
          votes.
Labels    The head line's majority code, by name.
          exc, fru, oth  have no class and stay `other`; `--merge exc=happy` is the convention
                         of four-class papers. A merge renames labels and votes; it does not
                         recount majorities.
          xxx            no majority
          The majority is recomputed by the authors' rule, the unique plurality over all labels
          that the external raters gave (a rater may give several), and differences are listed.
Text      Stage marks such as [LAUGHTER] stay; `--stage-marks remove` takes them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.classes import Label
from whyser.records.utterance import Utterance, Vote
from whyser_converters.corpora.source import Account, files_in, transcript_text
from whyser_converters.corpora.spec import POOLED, Choice, CorpusSpec, by_speaker

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

SESSIONS = (1, 2, 3, 4, 5)

_HEAD = re.compile(r"\[\d+\.\d+ - \d+\.\d+\]\t(\S+)\t(\w+)\t\[[\d., ]+\]")
_HEAD_FORM = "[<start> - <end>]<TAB><utterance><TAB><code><TAB>[V, A, D]"
_RATING = re.compile(r"([CA])-([EFM])(\d+):\s*(.*)")
_ID = re.compile(r"(Ses0([1-5])[FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?))_([FM])\d{3}")
_STAGE_MARK = re.compile(r"\[[A-Z][A-Z _]*\]|\+\+[A-Z]+\+\+")
_TRANSCRIPT = re.compile(r"(Ses\S+)\s+\[[\d.]+-[\d.]+\]:\s*(.*)")


@dataclass
class _Turn:
    """A head line of an evaluation file, and the votes below it."""

    line: int
    name: str
    code: str
    votes: dict[str, list[str]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)


def session_splits(test: int) -> dict[str, str]:
    """Speaker -> split, with one session to test on and the one before it to develop on.

    >>> session_splits(5)["Ses04F"], session_splits(1)["Ses05M"]
    ('dev', 'dev')
    """
    dev = (test - 2) % len(SESSIONS) + 1
    return {
        f"Ses0{session}{letter}": {test: "test", dev: "dev"}.get(session, "train")
        for session in SESSIONS
        for letter in "FM"
    }


_DEFAULT_SPLITS = session_splits(5)


def prepare_iemocap(
    corpus_dir: Path,
    *,
    stage_marks: str = "keep",
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """IEMOCAP's utterances, session by session, dialog by dialog.

    Raises: `InputError` without an account.
    """
    account = account or Account(corpus_dir, strict=True)
    untranscribed = unrated = 0
    for session in SESSIONS:
        dialogs = corpus_dir / f"Session{session}" / "dialog"
        for name in files_in(dialogs / "EmoEvaluation", ".txt"):
            path = dialogs / "EmoEvaluation" / name
            transcripts = _read_transcripts(dialogs / "transcriptions" / name, account)
            for turn in _read_turns(path, account):
                with account.candidate(path, turn.line):
                    # First, or a second entry of the name outlives the fault of the first.
                    utterance_id = account.once(f"iemocap/{turn.name}", turn.line)
                    account.refuse_spoiled(turn.name)
                    dialog, gender = _parse_id(turn.name, session)
                    label = _label(turn.code, labels)
                    _compare(account, utterance_id, turn)
                    untranscribed += turn.name not in transcripts
                    unrated += not turn.votes
                    speaker = f"Ses0{session}{gender}"
                    yield Utterance(
                        id=utterance_id,
                        corpus="iemocap",
                        split=_DEFAULT_SPLITS[speaker],
                        audio=f"Session{session}/sentences/wav/{dialog}/{turn.name}.wav",
                        duration=None,
                        sampling_rate=None,
                        channels=None,
                        transcript=_text(transcripts.get(turn.name, ""), stage_marks),
                        speaker=f"iemocap/{speaker}",
                        gender="female" if gender == "F" else "male",
                        dialogue=f"iemocap/{dialog}",
                        session=f"iemocap/Ses0{session}",
                        label=label,
                        label_raw=turn.code,
                        votes=tuple(_votes(turn, labels)),
                    )
    account.note_count(untranscribed, "utterances without a transcript")
    account.note_count(unrated, "utterances without votes")


def _read_transcripts(path: Path, account: Account) -> dict[str, str]:
    transcripts: dict[str, str] = {}
    if not path.is_file():
        return transcripts
    for number, line in _lines(path):
        # Stray lines such as "M: ..." carry no id, so they belong to no utterance.
        if line.startswith("Ses"):
            with account.part(path, number, of=line.split(maxsplit=1)[0]):
                match = _TRANSCRIPT.match(line)
                if match is None:
                    raise _malformed(line, "<utterance> [<start>-<end>]: <text>")
                text = transcript_text(match[2])
                if transcripts.setdefault(match[1], text) != text:
                    raise InputError(f"{match[1]!r} has two texts", cure="Keep one of the two.")
    return transcripts


def _text(transcript: str, stage_marks: str) -> str:
    if stage_marks == "keep":
        return transcript
    return " ".join(_STAGE_MARK.sub(" ", transcript).split())


def _read_turns(path: Path, account: Account) -> list[_Turn]:
    """The turns of one file: blocks of a head and its raters' lines, set apart by blank lines."""
    turns: list[_Turn] = []
    turn: _Turn | None = None
    below_broken_head = False
    for number, line in _lines(path):
        if line.startswith("%"):
            continue
        if not line:
            turn, below_broken_head = None, False
        elif head := _HEAD.match(line):
            turn = _Turn(number, head[1], head[2])
            turns.append(turn)
        elif turn is not None and not line.startswith("["):
            with account.part(path, number, of=turn.name):
                _read_rating(turn, line)
        elif below_broken_head and not line.startswith("["):
            # The votes of the candidate that is lost already.
            continue
        elif turns and turn is None and _RATING.fullmatch(line):
            # A vote after a gap: its turn would lose it, most likely the last one.
            account.lost_part(_malformed(line, _HEAD_FORM).at(path, number), turns[-1].name)
        else:
            turn, below_broken_head = None, True
            account.lost_candidate(_malformed(line, _HEAD_FORM).at(path, number))
    if not turns:
        cure = "Fetch it again; it may be cut short."
        account.report(InputError("holds no utterance", file=path, cure=cure))
    return turns


def _read_rating(turn: _Turn, line: str) -> None:
    rating = _RATING.fullmatch(line)
    if rating is None:
        raise _malformed(line, "C-E<rater>:<TAB><label>; <label>;<TAB>(<comment>)")
    kind, who, number, what = rating.groups()
    if kind != "C" or who != "E":
        return
    rater = f"E{number}"
    chosen, _, comment = what.partition("\t")
    words = [word.strip() for word in chosen.split(";") if word.strip()]
    if not words:
        raise InputError(f"rater {rater} chose nothing", cure="Mend the line.")
    for word in words:
        if word.lower() not in VOTE_CODES:
            cure = did_you_mean(word, VOTE_CODES)
            raise InputError(f"bad label {word[:60]!r} of rater {rater}", cure=cure)
    mentions = turn.votes.setdefault(rater, [])
    mentions += [word for word in words if word not in mentions]
    turn.comments.setdefault(rater, comment.strip().strip("()"))


def _compare(account: Account, utterance_id: str, turn: _Turn) -> None:
    codes = [VOTE_CODES[word.lower()] for words in turn.votes.values() for word in words]
    account.compare_consensus(utterance_id, None if turn.code == "xxx" else turn.code, codes)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines; comments are now and then in latin-1."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
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
    for rater, (first, *rest) in turn.votes.items():
        comment = turn.comments[rater]
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


SPEC = CorpusSpec(
    name="iemocap",
    title="IEMOCAP",
    licence="research only, by signed release form",
    source="https://sail.usc.edu/iemocap/iemocap_release.htm",
    prepare=prepare_iemocap,
    labels=LABELS,
    markers=tuple(f"Session{session}/dialog/EmoEvaluation" for session in SESSIONS),
    size=10_039,
    split_schemes={
        f"session_{test}": by_speaker(f"tests on Session{test}", session_splits(test))
        for test in reversed(SESSIONS)
    }
    | POOLED,
    options={
        "stage_marks": Choice(
            "Marks such as [LAUGHTER] in the transcripts.",
            {
                "keep": "they are a part of what is heard",
                "remove": "models of other corpora have never seen them",
            },
        )
    },
)
