"""CREMA-D in miniature: acted clips, and votes from the voice, the face and both.

The actor's number decides the voice: actors of the published audEERING speaker split get voices of
the same part, so that its test actors are unheard in training.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import Generator, Point, draw
from whyser.demo.raters import at_least, vote
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

MEANS = (
    "meanEmoResp",
    "meanAngerResp",
    "meanDisgustResp",
    "meanFearResp",
    "meanHappyResp",
    "meanNeutralResp",
    "meanSadResp",
    "medianEmoResp",
)
TABULATED = (
    "",
    *LETTERS,
    "fileName",
    "numResponses",
    "agreement",
    "emoVote",
    *MEANS,
    *(f"{name}Norm" for name in MEANS),
)


RESPONSES = (
    *("", "localid", "pos", "ans", "ttr", "queryType", "numTries", "clipNum", "questNum"),
    *("subType", "clipName", "sessionNums", "respEmo", "respLevel"),
    *("dispEmo", "dispVal", "dispLevel"),
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
    """What one modality's raters answered: a letter and a level of 0 to 100 each."""

    letters: tuple[str, ...]
    levels: tuple[float, ...]
    norms: tuple[float, ...]

    def winners(self) -> list[str]:
        """Return the most frequent letters; several where they tie."""
        counts = Counter(self.letters)
        return [letter for letter in LETTERS if counts[letter] == max(counts.values())]

    def mean(self, letter: str) -> float:
        """Return the mean level of the raters who chose a letter, -1 where nobody did."""
        levels = [level for own, level in self._pairs() if own == letter]
        return float(np.mean(levels)) if levels else -1

    def _pairs(self) -> Iterable[tuple[str, float]]:
        return zip(self.letters, self.levels, strict=True)


def write_crema_d(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus.

    Args:
        directory: Target.
        seed: Fixes every byte.
        scale: Shrinks the number of clips an actor.
        done: Called after each clip.
    """
    rng = np.random.default_rng([seed, 40])
    clips = _plan(rng, at_least(CLIPS, scale, 2))
    with Synthesizer() as synthesizer:
        for clip in clips:
            text = sentences.CREMA_D[clip.stem.split("_")[1]]
            spoken = resample(synthesizer.speak(text, clip.voice, clip.point), 16_000)
            write_wav(directory / "AudioWAV" / f"{clip.stem}.wav", spoken, 16_000)
            done()
    tallies = [[_rate(clip, modality, rng) for clip in clips] for modality in (1, 2, 3)]
    _write_clips(directory, clips, rng)
    folder = directory / "processedResults"
    folder.mkdir()
    _write_tabulated(folder / "tabulatedVotes.csv", clips, tallies)
    _write_summary(folder / "summaryTable.csv", clips, tallies)
    # Raters from a stream of their own, so that the clips stay what they were without them.
    _write_answers(directory, clips, tallies, np.random.default_rng([seed, 41]))


def _plan(rng: Generator, clips_per_actor: int) -> list[CremaClip]:
    plan: dict[str, CremaClip] = {}
    codes, texts = list(EMOTIONS), list(sentences.CREMA_D)
    for part, actors in ACTORS.items():
        voices = cast(part, len(actors), rng, genders="".join(actors.values()))
        for actor, voice in zip(actors, voices, strict=True):
            for index in range(clips_per_actor):
                code = codes[(actor + index) % len(codes)]
                text = texts[int(rng.integers(len(texts)))]
                level = "XX"
                # Only one sentence was acted at three levels, and never neutrally.
                if text == "IEO" and code != "NEU":
                    level = ("LO", "MD", "HI")[int(rng.integers(3))]
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
        # A face shows what is acted to three raters in four; the sound is then irrelevant.
        if rng.random() < {1: 0.0, 2: 1.0, 3: 0.5}[modality]:
            letter = code[0] if rng.random() < 0.75 else LETTERS[int(rng.integers(6))]
        letters.append(letter)
    levels = [int(level) for level in rng.integers(20, 100, raters)]
    norms = [round(float(level * rng.uniform(0.8, 1.0)), 12) for level in levels]
    return CremaTally(tuple(letters), tuple(levels), tuple(norms))


def _write_clips(directory: Path, clips: list[CremaClip], rng: Generator) -> None:
    names = "".join(f'{number},"{clip.stem}"\n' for number, clip in enumerate(clips, 1))
    header = '"Stimulus_Number","Filename"\n'
    (directory / "SentenceFilenames.csv").write_text(header + names, encoding="utf-8")
    lines = ['"ActorID","Age","Sex","Race","Ethnicity"\n']
    everyone = {number: sex for actors in ACTORS.values() for number, sex in actors.items()}
    for actor, sex in sorted(everyone.items()):
        word = "Male" if sex == "m" else "Female"
        lines.append(f'{actor},{rng.integers(20, 75)},"{word}","Unknown","Not Hispanic"\n')
    (directory / "VideoDemographics.csv").write_text("".join(lines), encoding="utf-8")


def _write_tabulated(path: Path, clips: list[CremaClip], tallies: list[list[CremaTally]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        # R quotes strings and leaves numbers bare, as this dialect does.
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(TABULATED)
        for modality, block in enumerate(tallies, 1):
            for number, (clip, tally) in enumerate(zip(clips, block, strict=True), 1):
                counts = Counter(tally.letters)
                responses = len(tally.letters)
                writer.writerow(
                    [
                        str(100_000 * modality + number),
                        *(counts[letter] for letter in LETTERS),
                        clip.stem,
                        responses,
                        _number(max(counts.values()) / responses),
                        ":".join(tally.winners()),
                        *_means(tally),
                        *_means(CremaTally(tally.letters, tally.norms, tally.norms)),
                    ]
                )


def _means(tally: CremaTally) -> list[float | int]:
    means = [float(np.mean(tally.levels)), *(tally.mean(letter) for letter in LETTERS)]
    return [_number(value) for value in (*means, float(np.median(tally.levels)))]


def _number(value: float) -> float | int:
    """Print as R does: up to fifteen digits, and no fraction where there is none."""
    return int(value) if value == int(value) else float(f"{value:.15g}")


def _write_summary(path: Path, clips: list[CremaClip], tallies: list[list[CremaTally]]) -> None:
    columns = [f"{name}{kind}" for name in ("Voice", "Face", "MultiModal")
               for kind in ("Vote", "Level")]  # fmt: skip
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["", "FileName", *columns])
        for number, clip in enumerate(clips, 1):
            cells: list[str] = []
            for block in tallies:
                tally = block[number - 1]
                cells.append(":".join(tally.winners()))
                levels = [_number(round(tally.mean(letter), 2)) for letter in tally.winners()]
                cells.append(":".join(map(str, levels)))
            writer.writerow([number, clip.stem, *cells])


@dataclass(frozen=True)
class CremaAnswer:
    """One rater's answer to one clip, and when that rater clicked first, in milliseconds."""

    rater: int
    modality: int
    clip: tuple[int, str]
    letter: str
    level: int
    first_click: int


def _write_answers(
    directory: Path, clips: list[CremaClip], tallies: list[list[CremaTally]], rng: Generator
) -> None:
    """Write one rater's answer a row; session and question tell which first click is whose."""
    asked: Counter[tuple[int, int]] = Counter()
    rows: list[dict[str, object]] = []
    for number, answer in enumerate(_answers(clips, tallies, rng), 1):
        key = (answer.rater, answer.modality)
        asked[key] += 1
        clip_number, name = answer.clip
        code, level = [*name.split("_"), "", ""][2:4]
        rows.append(
            {
                "": str(number),
                "localid": f"rater{answer.rater}",
                "pos": asked[key],
                "ans": f"{answer.letter}_{answer.level}",
                "ttr": answer.first_click + int(rng.integers(500, 4000)),
                "first click": answer.first_click,
                "queryType": answer.modality,
                "numTries": 0,
                "clipNum": clip_number,
                "questNum": asked[key],
                "subType": 4,
                "clipName": name,
                "sessionNums": answer.rater,
                "respEmo": answer.letter,
                "respLevel": answer.level,
                "dispEmo": code[:1],
                "dispVal": level,
                "dispLevel": {"LO": 20, "MD": 50, "HI": 80}.get(level, ""),
            }
        )
    _write_rows(directory / "finishedResponses.csv", RESPONSES, rows)
    clicks = [{**row, "ttr": row["first click"]} for row in rows]
    _write_rows(directory / "finishedEmoResponses.csv", FIRST_CLICKS, clicks)


def _answers(
    clips: list[CremaClip], tallies: list[list[CremaTally]], rng: Generator
) -> Iterable[CremaAnswer]:
    for rater in range(1, RATERS + 1):
        yield CremaAnswer(rater, 1, PRACTICE, "A", 80, 2000)
    for modality, block in enumerate(tallies, 1):
        for number, (clip, tally) in enumerate(zip(clips, block, strict=True), 1):
            raters = iter(rng.choice(RATERS, len(tally.letters) + 1, replace=False) + 1)
            for letter, level in zip(tally.letters, tally.levels, strict=True):
                quick = int(rng.integers(800, 10_001))
                yield CremaAnswer(
                    int(next(raters)), modality, (number, clip.stem), letter, int(level), quick
                )
            if rng.random() < SLOW:
                slow = int(rng.integers(10_001, 60_000))
                yield CremaAnswer(int(next(raters)), modality, (number, clip.stem), "N", 50, slow)


def _write_rows(path: Path, columns: Sequence[str], rows: list[dict[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file,
            columns,
            extrasaction="ignore",
            quoting=csv.QUOTE_NONNUMERIC,
            lineterminator="\n",
        )
        writer.writeheader()
        writer.writerows(rows)
