"""CREMA-D: 7,442 acted clips, 5.26 h, 91 actors (48 male, 43 female), twelve sentences.

Licence   ODbL 1.0 (database), DbCL 1.0 (contents).
Source    https://github.com/CheyneyComputerScience/CREMA-D (audio by Git LFS: run `git lfs pull`)
Layout    AudioWAV/1001_IEO_ANG_HI.wav           actor _ sentence _ acted emotion _ level
          processedResults/tabulatedVotes.csv    six counts a clip, for voice, face and both
          finishedResponses.csv                  one annotator's answer a row (by Git LFS)
          finishedEmoResponses.csv               when the annotator clicked first (by Git LFS)
          VideoDemographics.csv                  actor -> sex
Splits    None are official. `audeering` (default): audEERING's published 56/18/17 actors.
          `emo_superb_1` to `emo_superb_5`: EMO-SUPERB's folds, 54 or 55 / 18 / 18 or 19 actors.
          `train`: all utterances, as the paper pools them.
Votes     The answers to the voice without the face, since models only hear. With
          finishedResponses.csv each vote has its annotator; as in the published tables, an answer
          whose first click took more than ten seconds is left out. Without it the counts of
          tabulatedVotes.csv are expanded into anonymous annotators (crema_d_votes.py reads both).
          The level of an answer, 0 to 100, is the vote's intensity: how strong the annotator heard
          the emotion that the vote names. An answer of neutral has none, because a neutral voice
          is not more or less so. The level of a file name (LO, MD, HI) is not read: it is what the
          actor was told, for one of the twelve sentences, and not what is heard.
Labels    `label_source`:
          intended (default)  the acted emotion, as in EmoBox and most papers
          voice, multimodal   unique plurality of the annotators' votes, a tie is no agreement;
                              more than half of the voice labels differ from the acted ones
          The published vote on the voice is recomputed from the votes, and differences are listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from whyser.io.errors import InputError, did_you_mean
from whyser.labels.classes import Label
from whyser.labels.votes import majority
from whyser.records.utterance import Utterance, Vote
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.crema_d_votes import (
    SCALES,
    TABLE,
    VOTE_CODES,
    VotedClip,
    read_clips,
    read_responses,
    voice_votes,
)
from whyser_converters.corpora.spec import POOLED, ConversionOption, CorpusSpec, by_speaker
from whyser_converters.corpora.tables import read_table

#: Six emotions were acted, and annotators chose among the same six.
LABELS: Mapping[str, Label | None] = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}

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

# audEERING's speaker-disjoint lists; the other actors are for training.
_DEV = {1049, 1053, 1054, 1055, 1058, 1059, 1061, 1062, 1063}
_DEV |= {1064, 1065, 1066, 1067, 1068, 1070, 1075, 1080, 1085}
_TEST = {1048, 1069, 1071, 1074, 1076, 1077, 1078, 1079, 1082}
_TEST |= {1083, 1084, 1086, 1087, 1088, 1089, 1090, 1091}
SPLITS = {
    str(actor): "dev" if actor in _DEV else "test" if actor in _TEST else "train"
    for actor in ACTORS
}

#: EMO-SUPERB's folds are 18 consecutive actors each, the last one 19.
FOLDS = 5

BAD_AUDIO = {"crema_d/1076_MTI_SAD_XX": "silent in the published corpus"}

_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(?:LO|MD|HI|XX)")


def fold_splits(test: int) -> dict[str, str]:
    """Actor -> split; EMO-SUPERB's fold `test` (1 to 5) is the test set, the next one is dev.

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
    log: ConversionLog | None = None,
) -> Iterator[Utterance]:
    """CREMA-D's utterances, in the order of its vote table, or without one of the file names.

    Raises: `InputError` for any fault without a log, or if the label source needs a missing table.
    """
    log = log or ConversionLog(strict=True)
    genders = _read_genders(corpus_dir / "VideoDemographics.csv", log)
    responses = read_responses(corpus_dir, log)
    uncounted = 0
    clips = read_clips(corpus_dir, label_source, responses, log)
    for clip in clips:
        with log.candidate(clip.file, clip.line):
            log.refuse_spoiled(clip.name)
            actor, sentence, code = _parse_name(clip.name)
            utterance_id = log.once(f"crema_d/{clip.name}", clip.line)
            label, label_raw = _label(clip, code, label_source, labels)
            votes = voice_votes(clip, responses)
            uncounted += len(votes) != len(clip.letters("voice"))
            if clip.published is not None:
                published = None if ":" in clip.published else clip.published
                log.compare_consensus(utterance_id, published, [letter for _, letter, _ in votes])
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
                    Vote(
                        rater=rater,
                        primary=labels[VOTE_CODES[letter]] or "other",
                        raw=letter,
                        intensity=values.get("intensity"),
                    )
                    for rater, letter, values in votes
                ),
            )
    log.note_count(uncounted, "clips with more or fewer answers than the table counts")
    stray = responses.keys() - {clip.name for clip in clips}
    answers = sum(len(given) for name in stray for given in responses[name].values())
    log.leave_unused("answer about a clip that is not there", answers)


def _read_genders(path: Path, log: ConversionLog) -> dict[str, str]:
    if not path.is_file():
        log.note(f"no {path.name}: the gender of every actor is unknown")
        return {}
    genders: dict[str, str] = {}
    for line, (actor, sex) in read_table(path, ("ActorID", "Sex"), log.lost_part):
        with log.part(path, line, of=None):
            if sex not in {"Male", "Female"}:
                raise InputError(f"bad Sex {sex[:60]!r}", cure="Expected Male or Female.")
            genders[actor] = sex.lower()
    return genders


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


def _label(
    clip: VotedClip, code: str, label_source: str, labels: Mapping[str, Label | None]
) -> tuple[Label | None, str]:
    """The label and its source: an emotion code, or the most frequent letters as in `A:D`."""
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
    attributes=SCALES,
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
        "label_source": ConversionOption(
            "Choose the source of the label; votes are always those on the voice without the face.",
            {
                "intended": "the acted emotion, as in EmoBox and most papers",
                "voice": "the plurality of those who only heard the voice, as in EMO-SUPERB",
                "multimodal": "the plurality of those who heard the voice and saw the face",
            },
        )
    },
    bad_audio=BAD_AUDIO,
)
