"""CREMA-D in miniature: acted clips, and votes on the voice, the face and both.

Actors get voices of their part in the published audEERING speaker split, so that no training clip
has the voice of a test actor.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import Generator, Point, draw, pick
from whyser.demo.raters import at_least, vote
from whyser.demo.tables import write_csv
from whyser.demo.voices import Synthesizer, Voice, cast
from whyser.demo.wav import resample, write_wav

ACTORS = {
    "train": {1001: "m", 1002: "f", 1003: "f", 1005: "m", 1011: "m", 1018: "f"},
    "dev": {1049: "f", 1059: "m", 1067: "m"},
    "test": {1048: "m", 1071: "m", 1079: "f", 1091: "f"},
}
"""Real numbers and sexes, by part of the audEERING split."""

EMOTIONS = {
    "ANG": "angry",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happy",
    "NEU": "neutral",
    "SAD": "sad",
}
LEVELS = {"LO": 0.6, "MD": 0.9, "HI": 1.2, "XX": 1.0}
"""How strongly each level of the file name is acted."""
CLIPS = 8
"""Per actor."""

LETTERS = "ADFHNS"
"""Order of the columns of `tabulatedVotes.csv`; letters are those of the emotions' codes."""
HEARABLE = tuple(EMOTIONS[code] for letter in LETTERS for code in EMOTIONS if code[0] == letter)

_MEANS = ("meanEmo", "meanAnger", "meanDisgust", "meanFear", "meanHappy", "meanNeutral", "meanSad")
MEANS = tuple(f"{name}Resp" for name in (*_MEANS, "medianEmo"))
TABULATED = (
    *("", *LETTERS, "fileName", "numResponses", "agreement", "emoVote"),
    *(*MEANS, *(f"{name}Norm" for name in MEANS)),
)
FIRST_CLICKS = (
    *("", "localid", "sessionNums", "queryType", "questNum", "pos", "ttr", "numTries"),
    *("clipNum", "clipName"),
)
RATERS = 60
SLOW = 0.03
"""Share of answers on top of the tabulated ones, which came too late to be counted."""
PRACTICE = (7443, "ANG_HI_practice")


@dataclass(frozen=True)
class CremaClip:
    """One acted clip; `stem` is the file name without suffix."""

    stem: str
    voice: Voice
    point: Point


@dataclass(frozen=True)
class CremaTally:
    """The answers of one modality's raters: a letter, a level up to 100, a normalised level."""

    letters: list[str]
    levels: list[float]
    norms: list[float]

    def winners(self) -> list[str]:
        """Return the most frequent letters: more than one where they tie."""
        counts = Counter(self.letters)
        return [letter for letter in LETTERS if counts[letter] == max(counts.values())]

    def mean(self, letter: str, levels: Sequence[float]) -> float:
        """Return the mean level of the raters who chose a letter, -1 if nobody did."""
        own = [level for one, level in zip(self.letters, levels, strict=True) if one == letter]
        return float(np.mean(own)) if own else -1


def write_crema_d(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus; the arguments are those of `whyser.demo.corpora.write_corpora`."""
    rng = np.random.default_rng([seed, 40])
    clips = _plan(rng, at_least(CLIPS, scale, 2))
    with Synthesizer(done) as synthesizer:
        for clip in clips:
            text = sentences.CREMA_D[clip.stem.split("_")[1]]
            spoken = resample(synthesizer.speak(text, clip.voice, clip.point), 16_000)
            write_wav(directory / "AudioWAV" / f"{clip.stem}.wav", spoken, 16_000)
    tallies = [[_rate(clip, modality, rng) for clip in clips] for modality in (1, 2, 3)]
    _write_clips(directory, clips, rng)
    folder = directory / "processedResults"
    _write_tabulated(folder / "tabulatedVotes.csv", clips, tallies)
    _write_summary(folder / "summaryTable.csv", clips, tallies)
    # A generator of their own keeps the raters from changing the clips.
    _write_answers(directory, clips, tallies, np.random.default_rng([seed, 41]))


def _plan(rng: Generator, clips_per_actor: int) -> list[CremaClip]:
    plan: dict[str, CremaClip] = {}
    codes, texts = list(EMOTIONS), list(sentences.CREMA_D)
    for part, actors in ACTORS.items():
        voices = cast(part, len(actors), rng, genders="".join(actors.values()))
        for actor, voice in zip(actors, voices, strict=True):
            for index in range(clips_per_actor):
                code = codes[(actor + index) % len(codes)]
                text = pick(texts, rng)
                level = "XX"
                # Only one sentence was acted at three levels, and never neutrally.
                if text == "IEO" and code != "NEU":
                    level = pick(("LO", "MD", "HI"), rng)
                stem = f"{actor}_{text}_{code}_{level}"
                point = draw(EMOTIONS[code], rng, strength=LEVELS[level])
                plan.setdefault(stem, CremaClip(stem, voice, point))
    return [plan[stem] for stem in sorted(plan)]


def _rate(clip: CremaClip, modality: int, rng: Generator) -> CremaTally:
    """Let raters hear the voice (1), see the face (2), or both (3)."""
    code = clip.stem.split("_")[2]
    raters = int(rng.integers(6, 13))
    letters = []
    for _ in range(raters):
        heard = vote(clip.point, HEARABLE, rng).primary
        letter = LETTERS[HEARABLE.index(heard)]
        # Three raters in four recognise the acted emotion in the face, whatever the sound.
        if rng.random() < {1: 0.0, 2: 1.0, 3: 0.5}[modality]:
            letter = code[0] if rng.random() < 0.75 else pick(LETTERS, rng)
        letters.append(letter)
    # A rater marks how strong the emotion sounds, which is how far it is from the usual voice.
    strength = min(100.0, 25 * float(np.linalg.norm(clip.point)))
    levels = [round((level + strength) / 2) for level in rng.integers(20, 100, raters).tolist()]
    norms = [round(float(level * rng.uniform(0.8, 1.0)), 12) for level in levels]
    return CremaTally(letters, levels, norms)


def _write_clips(directory: Path, clips: list[CremaClip], rng: Generator) -> None:
    names = [(number, clip.stem) for number, clip in enumerate(clips, 1)]
    _write_table(directory / "SentenceFilenames.csv", ("Stimulus_Number", "Filename"), names)
    everyone = {number: sex for actors in ACTORS.values() for number, sex in actors.items()}
    people = [
        (actor, int(rng.integers(20, 75)), "Male" if sex == "m" else "Female")
        for actor, sex in sorted(everyone.items())
    ]
    _write_table(
        directory / "VideoDemographics.csv",
        ("ActorID", "Age", "Sex", "Race", "Ethnicity"),
        [(*one, "Unknown", "Not Hispanic") for one in people],
    )


def _write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a table as R does: strings in quotes, numbers without."""
    write_csv(path, header, rows, quoting=csv.QUOTE_NONNUMERIC)


def _write_tabulated(path: Path, clips: list[CremaClip], tallies: list[list[CremaTally]]) -> None:
    rows = []
    for modality, block in enumerate(tallies, 1):
        for number, (clip, tally) in enumerate(zip(clips, block, strict=True), 1):
            counts = Counter(tally.letters)
            agreement = _number(max(counts.values()) / len(tally.letters))
            rows.append(
                [
                    str(100_000 * modality + number),
                    *(counts[letter] for letter in LETTERS),
                    *(clip.stem, len(tally.letters), agreement, ":".join(tally.winners())),
                    *(*_means(tally, tally.levels), *_means(tally, tally.norms)),
                ]
            )
    _write_table(path, TABULATED, rows)


def _means(tally: CremaTally, levels: Sequence[float]) -> list[float | int]:
    means = [float(np.mean(levels)), *(tally.mean(letter, levels) for letter in LETTERS)]
    return [_number(value) for value in (*means, float(np.median(levels)))]


def _number(value: float) -> float | int:
    """Return a number that prints as in R: up to fifteen digits, without an empty fraction."""
    return int(value) if value == int(value) else float(f"{value:.15g}")


def _write_summary(path: Path, clips: list[CremaClip], tallies: list[list[CremaTally]]) -> None:
    modalities = ("Voice", "Face", "MultiModal")
    columns = [f"{name}{kind}" for name in modalities for kind in ("Vote", "Level")]
    rows = []
    for number, (clip, *blocks) in enumerate(zip(clips, *tallies, strict=True), 1):
        cells = []
        for tally in blocks:
            winners = tally.winners()
            levels = [_number(round(tally.mean(letter, tally.levels), 2)) for letter in winners]
            cells += [":".join(winners), ":".join(map(str, levels))]
        rows.append([number, clip.stem, *cells])
    write_csv(path, ["", "FileName", *columns], rows, quoting=csv.QUOTE_ALL)


def _write_answers(
    directory: Path, clips: list[CremaClip], tallies: list[list[CremaTally]], rng: Generator
) -> None:
    """Write one answer a row; session and question identify the first click of each answer."""
    asked: Counter[tuple[int, int]] = Counter()
    rows: list[dict[str, object]] = []
    clicks: list[dict[str, object]] = []
    for answer in _answers(clips, tallies, rng):
        rater, modality, clip_number, name, letter, level, first_click = answer
        asked[rater, modality] += 1
        acted, shown = [*name.split("_"), "", ""][2:4]
        row = {
            "": str(len(rows) + 1),
            "localid": f"rater{rater}",
            "pos": asked[rater, modality],
            "ans": f"{letter}_{level}",
            "ttr": first_click + int(rng.integers(500, 4000)),
            "queryType": modality,
            "numTries": 0,
            "clipNum": clip_number,
            "questNum": asked[rater, modality],
            "subType": 4,
            "clipName": name,
            "sessionNums": rater,
            "respEmo": letter,
            "respLevel": level,
            "dispEmo": acted[:1],
            "dispVal": shown,
            "dispLevel": {"LO": 20, "MD": 50, "HI": 80}.get(shown, ""),
        }
        rows.append(row)
        clicks.append(row | {"ttr": first_click})
    _write_table(
        directory / "finishedResponses.csv", list(rows[0]), [list(row.values()) for row in rows]
    )
    _write_table(
        directory / "finishedEmoResponses.csv",
        FIRST_CLICKS,
        [[row[column] for column in FIRST_CLICKS] for row in clicks],
    )


Answer = tuple[int, int, int, str, str, int, int]
"""Rater, modality, number and name of the clip, letter, level, milliseconds to the first click."""


def _answers(
    clips: list[CremaClip], tallies: list[list[CremaTally]], rng: Generator
) -> Iterator[Answer]:
    for rater in range(1, RATERS + 1):
        yield rater, 1, *PRACTICE, "A", 80, 2000
    for modality, block in enumerate(tallies, 1):
        for number, (clip, tally) in enumerate(zip(clips, block, strict=True), 1):
            raters = iter(rng.choice(RATERS, len(tally.letters) + 1, replace=False).tolist())
            for letter, level in zip(tally.letters, tally.levels, strict=True):
                quick = int(rng.integers(800, 10_001))
                yield next(raters) + 1, modality, number, clip.stem, letter, int(level), quick
            if rng.random() < SLOW:
                slow = int(rng.integers(10_001, 60_000))
                yield next(raters) + 1, modality, number, clip.stem, "N", 50, slow
