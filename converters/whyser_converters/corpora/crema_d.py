"""CREMA-D: 7,442 acted clips, 5.26 h, 91 actors (48 male, 43 female), twelve sentences.

Licence   ODbL 1.0 (database), DbCL 1.0 (contents).
Source    https://github.com/CheyneyComputerScience/CREMA-D (audio by Git LFS: run `git lfs pull`)
Layout    AudioWAV/1001_IEO_ANG_HI.wav           actor _ sentence _ acted emotion _ level
          processedResults/tabulatedVotes.csv    six counts a clip, for voice, face and both
          finishedResponses.csv                  one rater's answer a row (by Git LFS)
          finishedEmoResponses.csv               when that rater clicked first (by Git LFS)
          VideoDemographics.csv                  actor -> sex
Splits    None are official. `audeering` (default): audEERING's published 56/18/17 actors.
          `emo_superb_1` to `emo_superb_5`: EMO-SUPERB's folds, 54 or 55 / 18 / 18 or 19 actors.
          `train`: all of it, as the paper pools it.
Votes     Of the voice alone, since models hear only. By rater where finishedResponses.csv is
          there; as in the published tables, an answer whose first click took more than ten seconds
          is left out. Otherwise the table's counts, each expanded into anonymous raters.
Labels    `label_source`:
          intended (default)  the acted emotion, as EmoBox and most papers take it
          voice, multimodal   unique plurality of the raters' votes, a tie is no agreement;
                              more than half of the voice labels differ from the acted ones
          The published vote of the voice is recomputed from the votes, and differences are listed.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from whyser.io.audio import is_lfs_pointer
from whyser.io.errors import InputError, did_you_mean
from whyser.labels.classes import Label
from whyser.labels.votes import majority
from whyser.records.utterance import Utterance, Vote
from whyser_converters.corpora.source import Account, files_in, number, read_header, read_table
from whyser_converters.corpora.spec import POOLED, Choice, CorpusSpec, by_speaker

#: Six emotions were acted, and the same six offered to the raters; none is left over.
LABELS: Mapping[str, Label | None] = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}

#: The letters of tabulatedVotes.csv.
VOTE_CODES = {"A": "ANG", "D": "DIS", "F": "FEA", "H": "HAP", "N": "NEU", "S": "SAD"}

SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}

ACTORS = range(1001, 1092)

# audEERING's speaker-disjoint lists; training takes the rest.
_DEV = {1049, 1053, 1054, 1055, 1058, 1059, 1061, 1062, 1063}
_DEV |= {1064, 1065, 1066, 1067, 1068, 1070, 1075, 1080, 1085}
_TEST = {1048, 1069, 1071, 1074, 1076, 1077, 1078, 1079, 1082}
_TEST |= {1083, 1084, 1086, 1087, 1088, 1089, 1090, 1091}
SPLITS = {
    str(actor): "dev" if actor in _DEV else "test" if actor in _TEST else "train"
    for actor in ACTORS
}

#: EMO-SUPERB's folds are runs of 18 actors, the last of 19.
FOLDS = 5

BAD_AUDIO = {"crema_d/1076_MTI_SAD_XX": "silent in the published corpus"}

TABLE = "processedResults/tabulatedVotes.csv"

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(?:LO|MD|HI|XX)")
_NAME_IN_A_ROW = re.compile(r"\d{4}_[A-Z]{3}_[A-Z]{3}_[A-Z]{1,2}")
_MODALITIES = {1: "voice", 2: "face", 3: "multimodal"}
_COLUMNS = ("", *VOTE_CODES, "fileName", "numResponses")

#: The published tables leave out whoever clicked first after more than ten seconds.
_SLOW_MS = 10_000


@dataclass
class _Clip:
    """A clip, where it was read, its sound's stem, and modality -> letter -> votes."""

    name: str
    file: Path
    line: int | None = None
    wav: str | None = None
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    published: str | None = None

    def letters(self, modality: str) -> list[str]:
        counts = self.counts.get(modality, {})
        return [letter for letter, votes in counts.items() for _ in range(votes)]


#: Clip -> modality -> every rater and the letter of the answer.
_Responses = dict[str, dict[str, list[tuple[str, str]]]]


def fold_splits(test: int) -> dict[str, str]:
    """Actor -> split, with one of EMO-SUPERB's folds (1 to 5) to test on, the next to develop on.

    >>> fold_splits(5)["1091"], fold_splits(5)["1001"], fold_splits(5)["1019"]
    ('test', 'dev', 'train')
    """
    of_fold = {test - 1: "test", test % FOLDS: "dev"}
    folds = {str(actor): min((actor - ACTORS.start) // 18, FOLDS - 1) for actor in ACTORS}
    return {actor: of_fold.get(fold, "train") for actor, fold in folds.items()}


def prepare_crema_d(
    corpus_dir: Path,
    *,
    label_source: str = "intended",
    labels: Mapping[str, Label | None] = LABELS,
    account: Account | None = None,
) -> Iterator[Utterance]:
    """CREMA-D's utterances, in the order of its vote table (file names without one).

    Raises: `InputError` without an account, or when the label source needs a missing table.
    """
    account = account or Account(corpus_dir, strict=True)
    genders = _read_genders(corpus_dir / "VideoDemographics.csv", account)
    responses = _read_responses(corpus_dir, account)
    uncounted = 0
    clips = _read_clips(corpus_dir, label_source, responses, account)
    for clip in clips:
        with account.candidate(clip.file, clip.line):
            account.refuse_spoiled(clip.name)
            actor, sentence, code = _parse_name(clip.name)
            utterance_id = account.once(f"crema_d/{clip.name}", clip.line)
            label, label_raw = _label(clip, code, label_source, labels)
            votes = _voice_votes(clip, responses)
            uncounted += len(votes) != len(clip.letters("voice"))
            if clip.published is not None:
                published = None if ":" in clip.published else clip.published
                account.compare_consensus(utterance_id, published, [letter for _, letter in votes])
            yield Utterance(
                id=utterance_id,
                corpus="crema_d",
                split=SPLITS[actor],
                audio=f"AudioWAV/{clip.wav or clip.name}.wav",
                duration=None,
                sampling_rate=None,
                channels=None,
                transcript=SENTENCES[sentence],
                speaker=f"crema_d/{actor}",
                gender=genders.get(actor),
                label=label,
                label_raw=label_raw,
                votes=tuple(
                    Vote(rater=rater, primary=labels[VOTE_CODES[letter]] or "other", raw=letter)
                    for rater, letter in votes
                ),
            )
    account.note_count(uncounted, "clips with more or fewer answers than the table counts")
    stray = responses.keys() - {clip.name for clip in clips}
    answers = sum(len(given) for name in stray for given in responses[name].values())
    account.leave_unused("answer about a clip that is not there", answers)


def _read_genders(path: Path, account: Account) -> dict[str, str]:
    if not path.is_file():
        account.note(f"no {path.name}: the gender of every actor is unknown")
        return {}
    genders: dict[str, str] = {}
    for line, (actor, sex) in read_table(path, ("ActorID", "Sex"), account.lost_part):
        with account.part(path, line, of=None):
            if sex not in {"Male", "Female"}:
                raise InputError(f"bad Sex {sex[:60]!r}", cure="Expected Male or Female.")
            genders[actor] = sex.lower()
    return genders


def _read_responses(corpus_dir: Path, account: Account) -> _Responses:
    """Every rater's answer, without those that the published tables leave out."""
    path = corpus_dir / "finishedResponses.csv"
    responses: _Responses = {}
    if not _is_there(path, "votes are the table's counts, without raters", account):
        return responses
    slow_ones = _read_slow(corpus_dir / "finishedEmoResponses.csv", account)
    slow = 0
    columns = ("clipName", "localid", "respEmo", "queryType", "sessionNums", "questNum")
    rows = read_table(path, columns, account.lost_part, name=_NAME_IN_A_ROW)
    for line, (clip, rater, letter, *key) in rows:
        name = clip.partition(".")[0]
        if name.endswith("_practice"):
            continue
        with account.part(path, line, of=name):
            modality, session, question = (number(cell, "number") for cell in key)
            if letter not in VOTE_CODES or modality not in _MODALITIES or not rater.strip():
                raise InputError(
                    f"bad answer {letter[:60]!r} of rater {rater[:60]!r}, query type {modality}",
                    cure=f"Expected a letter of [{', '.join(VOTE_CODES)}], query type 1 to 3.",
                )
            if (modality, session, question) in slow_ones:
                slow += 1
                continue
            answers = responses.setdefault(name, defaultdict(list))
            answers[_MODALITIES[modality]].append((f"crema_d/{rater.strip()}", letter))
    account.leave_unused("answer after more than ten seconds", slow)
    return responses


def _read_slow(path: Path, account: Account) -> set[tuple[int, int, int]]:
    """Query type, session and question of every answer whose first click came too late."""
    slow: set[tuple[int, int, int]] = set()
    if not _is_there(path, "slow answers are not left out as in the published tables", account):
        return slow
    columns = ("ttr", "queryType", "sessionNums", "questNum")
    for line, (time, *key) in read_table(path, columns, account.lost_part):
        with account.part(path, line, of=None):
            # No time was kept of some answers; the authors' own script takes them as quick.
            if time.strip().isdecimal() and int(time) > _SLOW_MS:
                modality, session, question = (number(cell, "number") for cell in key)
                slow.add((modality, session, question))
    return slow


def _is_there(path: Path, otherwise: str, account: Account) -> bool:
    if not path.is_file():
        account.note(f"no {path.name}: {otherwise}")
    elif is_lfs_pointer(path):
        account.note(f"{path.name} is a Git LFS pointer ('git lfs pull' fetches it): {otherwise}")
    else:
        return True
    return False


def _read_clips(
    corpus_dir: Path, label_source: str, responses: _Responses, account: Account
) -> list[_Clip]:
    table = corpus_dir / TABLE
    stems = [name.removesuffix(".wav") for name in files_in(corpus_dir / "AudioWAV", ".wav")]
    # Old clones have 1040_ITH_SAD_X, with a single X.
    wavs = {re.sub("_X$", "_XX", stem): stem for stem in stems}
    account.leave_unused("second sound of a clip, named with a single X", len(stems) - len(wavs))
    if table.is_file():
        clips = _read_table(table, account)
        for name, clip in clips.items():
            clip.wav = wavs.pop(name, None)
        account.leave_unused(f"sound without a row in {table.name}", len(wavs))
        return list(clips.values())
    if label_source != "intended" and not responses:
        raise InputError(
            f"label source {label_source!r} needs the raters' votes, and there is no such file",
            file=table,
            cure="Fetch processedResults, or take --label-source intended.",
        )
    account.note(f"no {TABLE}: clips are taken from the file names")
    folder = corpus_dir / "AudioWAV"
    return [
        _Clip(name, folder / f"{stem}.wav", wav=stem, counts=_counted(responses.get(name, {})))
        for name, stem in wavs.items()
    ]


def _counted(answers: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, dict[str, int]]:
    return {
        modality: {letter: sum(given == letter for _, given in pairs) for letter in VOTE_CODES}
        for modality, pairs in answers.items()
    }


def _read_table(table: Path, account: Account) -> dict[str, _Clip]:
    clips: dict[str, _Clip] = {}
    # Older tables may lack it.
    vote_column = ["emoVote"] * ("emoVote" in read_header(table))
    columns = (*_COLUMNS, *vote_column)
    for line, (row, *cells) in read_table(table, columns, account.lost_part):
        counts, (name, total, *vote) = cells[: len(VOTE_CODES)], cells[len(VOTE_CODES) :]
        clip = clips.setdefault(name, _Clip(name, table, line))
        with account.part(table, line, of=name):
            # The row's name is 100000 x modality + the clip's number.
            modality = _MODALITIES.get(number(row, "row name") // 100_000)
            if modality is None:
                raise InputError(f"bad row name {row!r}, expected 1xxxxx, 2xxxxx or 3xxxxx")
            if modality in clip.counts:
                raise InputError(f"{name!r} has a second row of {modality} votes")
            clip.counts[modality] = _read_counts(counts, total)
            if modality == "voice" and vote:
                clip.published = vote[0]
    return clips


def _read_counts(cells: list[str], total: str) -> dict[str, int]:
    counts = {letter: number(cell, "count") for letter, cell in zip(VOTE_CODES, cells, strict=True)}
    if sum(counts.values()) != number(total, "numResponses"):
        raise InputError(
            f"counts add up to {sum(counts.values())}, but numResponses is {total}",
            cure="Mend the row, or fetch the table again.",
        )
    return counts


def _parse_name(name: str) -> tuple[str, str, str]:
    """Actor, sentence and emotion code of a clip's name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"bad clip name {name!r}", cure="Expected one like 1001_IEO_ANG_HI.")
    actor, sentence, code = match.groups()
    for value, known, what in ((sentence, SENTENCES, "sentence"), (code, LABELS, "emotion")):
        if value not in known:
            cure = did_you_mean(value, known)
            raise InputError(f"bad {what} code {value!r} in {name!r}", cure=cure)
    if actor not in SPLITS:
        raise InputError(f"unknown actor {actor!r} in {name!r}", cure="Expected 1001 to 1091.")
    return actor, sentence, code


def _voice_votes(clip: _Clip, responses: _Responses) -> list[tuple[str, str]]:
    """Raters and their letters; anonymous raters where only the counts are known."""
    if clip.line is not None and "voice" not in clip.counts:
        raise InputError(f"{clip.name!r} has no row of voice votes")
    known = responses.get(clip.name, {}).get("voice")
    if known:
        return known
    return [(f"crema_voice_{n}", letter) for n, letter in enumerate(clip.letters("voice"), 1)]


def _label(
    clip: _Clip, code: str, label_source: str, labels: Mapping[str, Label | None]
) -> tuple[Label | None, str]:
    """The label and what it was read from: an emotion code, or the top letters as in `A:D`."""
    if label_source == "intended":
        return labels[code], code
    counts = clip.counts.get(label_source)
    if not counts:
        raise InputError(f"{clip.name!r} has no row of {label_source} votes")
    top = max(counts.values())
    return (
        majority([labels[VOTE_CODES[letter]] or "other" for letter in clip.letters(label_source)]),
        ":".join(letter for letter, votes in counts.items() if votes == top),
    )


SPEC = CorpusSpec(
    name="crema_d",
    title="CREMA-D",
    licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
    source="https://github.com/CheyneyComputerScience/CREMA-D",
    prepare=prepare_crema_d,
    labels=LABELS,
    markers=(TABLE, "AudioWAV/1[0-9][0-9][0-9]_*.wav"),
    size=7_442,
    split_schemes={
        "audeering": by_speaker("audEERING's published 56/18/17 actors", SPLITS),
        **{
            f"emo_superb_{fold}": by_speaker(f"EMO-SUPERB's fold {fold}", fold_splits(fold))
            for fold in range(1, FOLDS + 1)
        },
        **POOLED,
    },
    options={
        "label_source": Choice(
            "What the label is read from; votes always come from the voice alone.",
            {
                "intended": "the acted emotion, as EmoBox and most papers take it",
                "voice": "plurality of those who heard the voice alone, as EMO-SUPERB",
                "multimodal": "plurality of those who saw the face too",
            },
        )
    },
    bad_audio=BAD_AUDIO,
)
