"""MELD: 13,708 utterances of the series Friends, 12.1 h, in 1,432 dialogues.

Licence   GPL-3.0 (annotation); the video belongs to third parties.
Source    https://github.com/declare-lab/MELD (CSV), MELD.Raw.tar.gz (media)
Layout    {train,dev,test}_sent_emo.csv, at the root, in data/MELD/ or next to the media
          train_splits/dia0_utt0.mp4, dev_splits_complete/, output_repeated_splits_test/
          Sound is AAC at 48 kHz, 5.1 or stereo: written as 16 kHz mono.
Splits    Official, by file. File names repeat across splits, so the id carries the split.
Text      CSVs from before November 2020, and the tarball's, contain cp1252 punctuation as C1
          controls, which is corrected.
Votes     None: the votes of the three annotators were never released.
Labels    The published majority label, by name; the authors left out utterances without one.
Clips     Two have no usable sound and are dropped. Three are cut wrongly (up to 305 s) and at
          least six are near-empty (0.064 s): `doubtful_sound`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from whyser.labels.classes import Label
from whyser.records.utterance import Utterance
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.spec import CorpusSpec, official
from whyser_converters.corpora.tables import files_in, label_of, number, read_table, transcript_text

LABELS: Mapping[str, Label | None] = {
    "neutral": "neutral",
    "joy": "happy",
    "surprise": "surprise",
    "anger": "angry",
    "sadness": "sad",
    "disgust": "disgust",
    "fear": "fear",
}

SPLITS = ("train", "dev", "test")

#: The annotation names no gender; these six speak four of five training utterances.
GENDERS = {
    "Monica": "female",
    "Rachel": "female",
    "Phoebe": "female",
    "Ross": "male",
    "Joey": "male",
    "Chandler": "male",
}

#: In these splits only: test has its own dia125_utt3 and dia110_utt7, and both are fine.
BAD_AUDIO = {
    "meld/train/dia125_utt3": "unreadable in the published corpus",
    "meld/dev/dia110_utt7": "absent from the published corpus",
}

DOUBTFUL_AUDIO = {
    "meld/train/dia309_utt0": "wrongly cut in the published corpus (41 s)",
    "meld/test/dia38_utt4": "wrongly cut in the published corpus (305 s)",
    "meld/test/dia220_utt0": "wrongly cut in the published corpus (235 s)",
}

MARKERS = tuple(
    f"{folder}{split}_sent_emo.csv"
    for split in SPLITS
    for folder in ("", "data/MELD/", "MELD.Raw/", f"{split}/", f"MELD.Raw/{split}/")
)

_MEDIA = {
    "train": "train_splits",
    "dev": "dev_splits_complete",
    "test": "output_repeated_splits_test",
}
_MEDIA_SUFFIXES = (".mp4", ".wav", ".flac")

_COLUMNS = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")

# A cp1252 byte, as the C1 control of the same number, or as a byte that is no UTF-8 at all (which
# Python reads as U+DC00 + byte); the five that cp1252 leaves unassigned become U+FFFD.
_CP1252 = {
    start + byte: bytes([byte]).decode("cp1252", errors="replace")
    for start, end in ((0, 0xA0), (0xDC00, 0x100))
    for byte in range(0x80, end)
}


def prepare_meld(
    corpus_dir: Path,
    *,
    labels: Mapping[str, Label | None] = LABELS,
    log: ConversionLog | None = None,
) -> Iterator[Utterance]:
    """MELD's utterances, split by split, in the order of the CSV files.

    Raises: `InputError` for a missing column, and for any fault without a log.
    """
    log = log or ConversionLog(strict=True)
    for split in SPLITS:
        table = _find_table(corpus_dir, split)
        if table is None:
            log.note(f"no {split}_sent_emo.csv: split {split} is absent")
            continue
        media, folder = _list_media(corpus_dir, split)
        rows = read_table(table, _COLUMNS, log.lost_candidate, stray_bytes=True)
        for line, (text, speaker, emotion, dialogue, position) in rows:
            with log.candidate(table, line):
                dialogue = f"dia{number(dialogue, 'Dialogue_ID')}"
                name = f"{dialogue}_utt{number(position, 'Utterance_ID')}"
                file = media.pop(name, f"{name}.mp4")
                speaker = mend(speaker).strip()
                yield Utterance(
                    id=log.once(f"meld/{split}/{name}", line),
                    corpus="meld",
                    split=split,
                    audio=f"{folder}/{file}",
                    duration=None,
                    sampling_rate=None,
                    channels=None,
                    transcript=transcript_text(mend(text)),
                    speaker=f"meld/{speaker}" if speaker else None,
                    gender=GENDERS.get(speaker),
                    dialogue=f"meld/{split}/{dialogue}",
                    label=label_of(emotion, labels, "Emotion"),
                    label_raw=emotion,
                )
        log.leave_unused(f"{split} media file without a row in the CSV", len(media))


def mend(text: str) -> str:
    """The text with cp1252 punctuation in place of C1 controls and stray bytes.

    >>> mend("well\\x85") == "well…"
    True
    """
    return text.translate(_CP1252)


def _find_table(corpus_dir: Path, split: str) -> Path | None:
    name = f"{split}_sent_emo.csv"
    tables = [corpus_dir / marker for marker in MARKERS if marker.rpartition("/")[2] == name]
    return next((table for table in tables if table.is_file()), None)


def _list_media(corpus_dir: Path, split: str) -> tuple[dict[str, str], str]:
    """File of every stem in the split's media folder, and that folder under the corpus."""
    name = _MEDIA[split]
    candidates = [
        f"{base}{parent}{name}" for base in ("", "MELD.Raw/") for parent in ("", f"{split}/")
    ]
    folder = next((path for path in candidates if (corpus_dir / path).is_dir()), name)
    media: dict[str, str] = {}
    for suffix in _MEDIA_SUFFIXES:
        for file in files_in(corpus_dir / folder, suffix):
            media.setdefault(file.removesuffix(suffix), file)
    return media, folder


SPEC = CorpusSpec(
    name="meld",
    title="MELD",
    licence="GPL-3.0 (annotation); media of third parties",
    source="https://github.com/declare-lab/MELD",
    prepare=prepare_meld,
    labels=LABELS,
    markers=MARKERS,
    size=13_708,
    split_schemes=official("train, dev and test of its authors, by dialogue"),
    bad_audio=BAD_AUDIO,
    doubtful_audio=DOUBTFUL_AUDIO,
    # The splits are by dialogue, and the main cast is in all three.
    speaker_disjoint=False,
)
