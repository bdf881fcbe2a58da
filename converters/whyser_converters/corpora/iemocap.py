"""IEMOCAP: 10,039 utterances, about 12 h, 151 acted and improvised dialogs of ten actors.

Licence   research only, by signed release form.
Source    https://sail.usc.edu/iemocap/iemocap_release.htm
Layout    Session{1..5}/dialog/EmoEvaluation/<dialog>.txt      a head line, a line per vote
          Session{1..5}/dialog/transcriptions/<dialog>.txt     joined by exact id
          Session{1..5}/sentences/wav/<dialog>/<utterance>.wav 16 kHz mono
Speaker   The session and the letter of the id's LAST token: the letter in `Ses01F_` shows who
          wears the motion markers in the dialog, not who speaks.
Splits    None are official. Leave one session out: `session_5` (default) tests on Session5 and
          develops on Session4; `session_1` to `session_4` likewise, each with the session before
          it (Session5 before Session1). `train`: all utterances, as the paper pools them.
Votes     `C-E<k>` lines. An annotator may give several labels, in one line or in two: the first
          is primary, the rest are secondary. `C-F1` and `C-M1` are the actors' self-reports and
          not votes. `A-E<k>` lines have an annotator's valence, arousal (act) and dominance, on
          five manikins; those of an annotator who gave no label are kept without one. Their means
          are compared with those of the head line, and differences are listed; the head line's
          are kept only where nobody's values are there.
Labels    The head line's majority code, by name.
          exc, fru, oth  have no class and stay `other`; `--merge exc=happy` is the convention
                         of four-class papers. A merge renames labels and votes; it does not
                         recount majorities.
          xxx            no majority
          The majority label is recomputed by the authors' rule, the unique plurality over all
          labels of the external annotators, and differences are listed.
Text      Stage marks such as [LAUGHTER] stay; `--stage-marks remove` takes them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from whyser.io.errors import InputError
from whyser.labels.classes import Label
from whyser.records.utterance import AttributeVote, Utterance, Vote
from whyser_converters.corpora.attribute_values import with_released_means
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.iemocap_dialogs import (
    SCALES,
    VOTE_CODES,
    VotedTurn,
    read_transcripts,
    read_turns,
)
from whyser_converters.corpora.spec import POOLED, ConversionOption, CorpusSpec, by_speaker
from whyser_converters.corpora.tables import files_in, label_of

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

SESSIONS = (1, 2, 3, 4, 5)

# Ses01F_impro01_M000, Ses03M_impro05a_F012, Ses05M_script01_1b_F003
_ID = re.compile(r"(Ses0([1-5])[FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?))_([FM])\d{3}")
_STAGE_MARK = re.compile(r"\[[A-Z][A-Z _]*\]|\+\+[A-Z]+\+\+")


def session_splits(test: int) -> dict[str, str]:
    """Speaker -> split; session `test` is the test set, the one before it is dev.

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
    log: ConversionLog | None = None,
) -> Iterator[Utterance]:
    """IEMOCAP's utterances, session by session, dialog by dialog.

    Raises: `InputError` for any fault without a log.
    """
    log = log or ConversionLog(strict=True)
    untranscribed = unrated = 0
    for session in SESSIONS:
        dialogs = corpus_dir / f"Session{session}" / "dialog"
        for name in files_in(dialogs / "EmoEvaluation", ".txt"):
            path = dialogs / "EmoEvaluation" / name
            text = dialogs / "transcriptions" / name
            turns, transcripts = [], {}
            # A file that cannot be read costs its own dialog, or the texts of that dialog.
            with log.part(path, None):
                turns = read_turns(path, log)
            with log.part(text, None):
                transcripts = read_transcripts(text, log)
            for turn in turns:
                with log.candidate(path, turn.line):
                    # First, or a duplicate would be kept although the first entry was faulty.
                    utterance_id = log.once(f"iemocap/{turn.name}", turn.line)
                    log.refuse_spoiled(turn.name)
                    dialog, gender = _parse_id(turn.name, session)
                    label = label_of(turn.code, labels, "emotion code")
                    published = None if turn.code == "xxx" else turn.code
                    log.compare_consensus(utterance_id, published, turn.vote_codes)
                    untranscribed += turn.name not in transcripts
                    unrated += not turn.votes
                    speaker = f"Ses0{session}{gender}"
                    utterance = Utterance(
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
                        attribute_votes=tuple(
                            AttributeVote(rater=rater, **values)
                            for rater, values in turn.values.items()
                            if rater not in turn.votes and values
                        ),
                    )
                    yield with_released_means(utterance, turn.means, log)
    log.note_count(untranscribed, "utterances without a transcript")
    log.note_count(unrated, "utterances without votes")


def _text(transcript: str, stage_marks: str) -> str:
    if stage_marks == "keep":
        return transcript
    return " ".join(_STAGE_MARK.sub(" ", transcript).split())


def _parse_id(name: str, session: int) -> tuple[str, str]:
    """Dialog and speaker's letter from an utterance's id."""
    match = _ID.fullmatch(name)
    if match is None:
        cure = "Expected one like Ses01F_impro01_M000."
        raise InputError(f"bad utterance id {name!r}", cure=cure)
    if match[2] != str(session):
        raise InputError(f"utterance {name!r} of another session is in Session{session}")
    return match[1], match[3]


def _votes(turn: VotedTurn, labels: Mapping[str, Label | None]) -> Iterator[Vote]:
    for rater, (first, *rest) in turn.votes.items():
        comment, values = turn.comments[rater], turn.values.get(rater, {})
        yield Vote(
            rater=rater,
            primary=labels[VOTE_CODES[first.lower()]] or "other",
            secondary=tuple(_secondary(word.lower(), labels) for word in rest),
            # The comment says what the annotator meant by Other.
            raw=f"{first} ({comment})" if first.lower() == "other" and comment else first,
            arousal=values.get("arousal"),
            valence=values.get("valence"),
            dominance=values.get("dominance"),
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
    attributes=SCALES,
    size=10_039,
    split_schemes={
        f"session_{test}": by_speaker(f"tests on Session{test}", session_splits(test))
        for test in reversed(SESSIONS)
    }
    | POOLED,
    options={
        "stage_marks": ConversionOption(
            "Keep or remove marks such as [LAUGHTER] in the transcripts.",
            {"keep": "they are part of what is heard", "remove": "other corpora have none"},
        )
    },
)
