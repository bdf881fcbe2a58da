"""Decides which column means what: by the user's word, by the format, or by the column's name."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from shlex import quote

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.attributes import ATTRIBUTES
from whyser.labels.classes import find
from whyser_converters.tables.source import RowSource
from whyser_converters.tables.times import Unit

#: Meaning -> names of columns that have it, in lower case and without marks.
NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "uttid", "utteranceid", "key", "clipid", "segmentid", "sampleid"),
    "audio": (
        *("audio", "wav", "file", "filename", "path", "filepath", "audiopath", "wavpath"),
        *("audiofile", "audiofilename", "audiofilepath", "wavfile", "wavname", "sound", "clip"),
    ),
    "label": (
        *("label", "emotion", "emo", "emotionlabel", "emoclass", "class", "category"),
        *("majorityemotion", "goldlabel", "gold", "emotionclass", "majoremotion"),
    ),
    "votes": ("votes", "ratings", "annotations", "annotatorlabels", "alllabels"),
    "rater": (
        *("rater", "raterid", "annotator", "annotatorid", "worker", "workerid", "evaluator"),
        *("evaluatorid", "listener", "listenerid", "judge"),
    ),
    "secondary": (
        *("secondary", "secondarylabel", "secondarylabels", "secondaryemotion"),
        *("secondaryemotions", "emoclasssecond"),
    ),
    "transcript": ("transcript", "transcription", "text", "sentence", "words", "utterance"),
    "speaker": (
        *("speaker", "speakerid", "spk", "spkid", "spkrid", "actor", "actorid", "clientid"),
        "talker",
    ),
    "gender": ("gender", "sex", "speakergender"),
    "split": ("split", "splitset", "partition", "subset", "set", "datasplit"),
    "start": ("start", "starttime", "begin", "begintime", "onset", "startseconds", "tmin"),
    "end": ("end", "endtime", "stop", "stoptime", "endseconds", "finish", "tmax"),
    "duration": ("duration", "dur", "durationseconds"),
    "arousal": ("arousal", "emoact", "activation"),
    "valence": ("valence", "emoval"),
    "dominance": ("dominance", "emodom"),
    "intensity": ("intensity", "emotionintensity"),
    "dialogue": ("dialogue", "dialog", "dialogueid", "dialogid", "conversation", "conversationid"),
    "session": ("session", "sessionid"),
}

#: Names that say "one label" in some corpora and "all votes" in others.
_EITHER = {"labels", "emotions"}

#: `vote:RATER` is a column with one annotator's labels, `votes:LABEL` one with a label's votes.
_VOTES = ("vote:", "votes:")
#: `score:LABEL` is a column with a label's share or strength, of which the highest is the label.
_PREFIXES = (*_VOTES, "score:")

#: Meanings of which each column has at most one.
_LABELS = frozenset({"label", "votes", "rater"})

_MARKS = re.compile(r"[^a-z0-9]")
_RATER = re.compile(r"(?:rater|annotator|worker|evaluator|coder|judge|label|emotion|r|a)\d+")

#: Names of times that state a unit, in lower case with `_` for all marks: `ends` is no unit.
_TIME = re.compile(
    r"(?:(?P<start>start|begin|onset)|(?P<end>end|stop|finish)|(?P<duration>duration|dur|len|length))"
    r"(?:_?time)?(?:_?in)?(?:(?P<seconds>_s|_?secs?|_?seconds?)|(?P<samples>_?samples?)"
    r"|(?P<milliseconds>_?ms|_?msecs?|_?milliseconds?)|(?P<frames>_?frames?))"
)
#: For units that the sampling rate decides, or the video's frame rate.
_IN_SECONDS = {
    unit: f"Divide by the number of {unit} in a second, and give the column of seconds."
    for unit in ("samples", "frames")
}


@dataclass(frozen=True)
class ColumnMap:
    """Meaning -> column. `guessed` are the meanings that nobody has stated.

    `is_one_row_a_vote`: the rows with one id, or one sound file, are the votes for one utterance.
    """

    of: Mapping[str, str]
    guessed: frozenset[str]
    is_one_row_a_vote: bool

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """What follows the prefix in each meaning -> column."""
        return {
            meaning.removeprefix(prefix): column
            for meaning, column in self.of.items()
            if meaning.startswith(prefix)
        }

    @property
    def counted(self) -> dict[str, str]:
        """Label -> the column with the number of its votes."""
        return self.with_prefix("votes:")

    @property
    def raters(self) -> dict[str, str]:
        """Annotator -> the column with the annotator's labels."""
        return self.with_prefix("vote:")

    @property
    def scored(self) -> dict[str, str]:
        """Label -> the column with its share or strength."""
        return self.with_prefix("score:")

    @property
    def of_vote(self) -> str:
        """Where each row is a vote, the meaning of the column with the annotator's label.

        A second column may hold the published label, which all rows of an utterance repeat.
        """
        return "votes" if {"label", "votes"} <= self.of.keys() else "label"

    def without(self, meaning: str) -> ColumnMap:
        """The same columns, of which none has this meaning."""
        of = {one: column for one, column in self.of.items() if one != meaning}
        return replace(self, of=of, guessed=self.guessed - {meaning})


def map_columns(
    source: RowSource,
    given: Mapping[str, str],
    *,
    rows_are_votes: bool = False,
    rated: Collection[str] = (),
    times: Unit = "seconds",
) -> ColumnMap:
    """The columns of a table by meaning; one of `given` without a column is not used.

    Args:
        rows_are_votes: Whether each row is a vote though no column names the annotator.
        rated: The attributes whose scales are known.
        times: The unit of start, end and duration.

    Raises: `InputError` for an unknown meaning or column, for two columns that could have one
        meaning or one that could have two, for a table without labels, and for columns whose names
        say that their times have another unit.
    """
    for meaning, column in given.items():
        _refuse_unknown(source, meaning, column)
        if meaning in ATTRIBUTES and column and meaning not in rated:
            cure = f"Give --scale {meaning}=LOW:HIGH with the ends of its scale."
            raise InputError(f"the scale of {meaning} is not known", file=source.path, cure=cure)
    of = {**source.meanings, **given}
    free = [column for column in source.columns if column not in of.values()]
    guessed = {}
    for meaning, names in NAMES.items():
        if meaning in of or _is_stated_otherwise(meaning, of):
            continue
        if meaning in ATTRIBUTES and meaning not in rated:
            continue
        # A column of labels has one meaning, but one column may name both speaker and gender.
        open_to = free if meaning in _LABELS else source.columns
        found = [column for column in open_to if plain(column) in names]
        if meaning == "audio" and (inside := [one for one in found if one in source.embedded]):
            found = inside
        if len(found) > 1:
            raise InputError(
                f"its columns {_listed(found)} could each be the {meaning}",
                file=source.path,
                cure=f"Give --map {meaning}=COLUMN with the right one, or --map {meaning}= for "
                "none.",
            )
        guessed.update({meaning: found[0]} if found else {})
    of = {meaning: column for meaning, column in {**guessed, **of}.items() if column}
    is_one_row_a_vote = rows_are_votes or "rater" in of
    if not is_one_row_a_vote:
        if given.get("secondary"):
            cure = "Give --map rater=COLUMN, or --rows-are-votes."
            what = "secondary labels are read where each row is the vote of one annotator"
            raise InputError(what, file=source.path, cure=cure)
        of.pop("secondary", None)
    _refuse_no_label(source, of, given, free)
    _refuse_open_part(source, of)
    _refuse_other_unit(source, of, times)
    if not {"start", "end"} & {*of, *given}:
        _refuse_unread_times(source)
    order = [*NAMES, *(meaning for meaning in of if meaning not in NAMES)]
    ordered = {one: of[one] for one in order if one in of}
    return ColumnMap(ordered, frozenset(guessed), is_one_row_a_vote)


def _refuse_unknown(source: RowSource, meaning: str, column: str) -> None:
    is_known = meaning in NAMES or any(
        meaning.startswith(prefix) and meaning != prefix for prefix in _PREFIXES
    )
    if not is_known:
        cure = did_you_mean(meaning, [*NAMES, "vote:RATER", "votes:LABEL", "score:LABEL"])
        raise InputError(f"no meaning {meaning!r} in --map", file=source.path, cure=cure)
    if column and column not in source.columns:
        cure = did_you_mean(column, source.columns)
        raise InputError(f"has no column {column!r}", file=source.path, cure=cure)


def _is_stated_otherwise(meaning: str, of: Mapping[str, str]) -> bool:
    """Whether other columns already say what this one would."""
    if meaning == "votes":
        return "rater" in of or any(name.startswith(_VOTES) for name in of)
    return False


def _refuse_no_label(
    source: RowSource, of: Mapping[str, str], given: Mapping[str, str], free: Sequence[str]
) -> None:
    in_columns = [name for name in of if name.startswith(_PREFIXES)]
    if "label" in of or "votes" in of or in_columns:
        if "label" in of and any(name.startswith("score:") for name in in_columns):
            cure = "Give --map label= to take the label with the highest score, or no scores."
            what = f"column {of['label']!r} has the label, and others its scores"
            raise InputError(what, file=source.path, cure=cure)
        # A guess may be another meaning of the word, such as the number of ratings.
        others = in_columns or ("votes" in of and "votes" not in given)
        if "rater" in of and ("label" not in of or others):
            raise InputError(
                f"column {of['rater']!r} names the annotator of a row, and "
                + ("other columns hold votes" if others else "no column has the label"),
                file=source.path,
                cure="Give --map label=COLUMN with the annotator's label, and if another column "
                "has the published one, --map votes=COLUMN with the annotator's and --map "
                "label=COLUMN with the published; or --map rater= if a row is an utterance.",
            )
        return
    either = [column for column in free if plain(column) in _EITHER]
    if either and "label" not in given and "votes" not in given:
        raise InputError(
            f"column {either[0]!r} may hold one label, or the votes of several annotators",
            file=source.path,
            cure=f"Give --map label={either[0]} or --map votes={either[0]}.",
        )
    raise InputError(
        f"no column is the label; it has {_listed(source.columns)}",
        file=source.path,
        cure=_cure_of_no_label(source.columns),
    )


def _cure_of_no_label(columns: Sequence[str]) -> str:
    classes = [column for column in columns if find(column)]
    raters = [column for column in columns if _RATER.fullmatch(plain(column))]
    if len(classes) > 1:
        words = " ".join(f"--map votes:{column}={column}" for column in classes)
        return (
            f"If they count the votes for each label, give {words}. If they are shares or "
            "strengths, of which the highest is the label, write 'score:' for 'votes:'."
        )
    if len(raters) > 1:
        words = " ".join(f"--map vote:{column}={column}" for column in raters)
        return f"If each holds the labels of one annotator, give {words}."
    if not any(plain(column) in names for column in columns for names in NAMES.values()):
        return "If that is a row of data, give --columns with the names of the columns, in order."
    return "Give --map label=COLUMN, or --map votes=COLUMN."


def _refuse_open_part(source: RowSource, of: Mapping[str, str]) -> None:
    """An utterance from its start to the end of the file would hold all that follow."""
    if "start" in of and not {"end", "duration"} & of.keys():
        unused = [column for column in source.columns if column not in of.values()]
        raise InputError(
            f"column {of['start']!r} is the start of an utterance, and no column is the end",
            file=source.path,
            cure=f"Give --map end=COLUMN, --map duration=COLUMN, or --map start= for whole files. "
            f"Not used yet: {_listed(unused) or 'none'}.",
        )


def _unit_named(column: str) -> tuple[str, str] | None:
    """The meaning and the unit that the name of a column of times states.

    >>> _unit_named("Start_Time_ms"), _unit_named("end_sample"), _unit_named("start")
    (('start', 'milliseconds'), ('end', 'samples'), None)
    """
    found = _TIME.fullmatch("_".join(_MARKS.sub(" ", column.lower()).split()))
    if found is None:
        return None
    meaning, unit = [name for name, text in found.groupdict().items() if text]
    return meaning, unit


def _refuse_other_unit(source: RowSource, of: Mapping[str, str], times: Unit) -> None:
    for meaning in ("start", "end", "duration"):
        named = _unit_named(of.get(meaning, ""))
        if named is None or named[1] == times:
            continue
        unit = named[1]
        raise InputError(
            f"column {of[meaning]!r} is the {meaning} in {unit} by its name, and times are read "
            f"as {times}",
            file=source.path,
            cure=_IN_SECONDS.get(unit) or f"Give --times {unit}, or rename the column.",
        )


def _refuse_unread_times(source: RowSource) -> None:
    """Where nobody sees that rows are parts, each would be the whole file."""
    found = {named: column for column in source.columns if (named := _unit_named(column))}
    parts = {meaning: column for (meaning, _), column in found.items() if meaning != "duration"}
    if not parts:
        return
    units = list(dict.fromkeys(unit for meaning, unit in found if meaning != "duration"))
    words = [f"--map {quote(f'{meaning}={column}')}" for meaning, column in parts.items()]
    words += [f"--times {units[0]}"] if units == ["milliseconds"] else []
    cure = _IN_SECONDS.get(units[0]) or f"Give {' '.join(words)}."
    raise InputError(
        f"columns {_listed([*parts.values()])} are times in {' and '.join(units)} by their names, "
        "and nothing says that they are start and end",
        file=source.path,
        cure=f"{cure} Or give --map start= if each row is a whole file.",
    )


def plain(column: str) -> str:
    """The name of a column in lower case and without marks, as in `NAMES`."""
    return _MARKS.sub("", column.lower())


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns[:30])) + (", ..." if len(columns) > 30 else "")
