"""IEMOCAP in miniature: five sessions of two actors, scripted and improvised dialogues.

Quirks that are kept: a rater may name several emotions, the actors' own ratings stand among the
others, the letter in the dialogue's name is not the speaker's, one dialogue's name is the beginning
of another's, transcripts have more lines than there are rated turns and lines without a name, and
AppleDouble files lie about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import OTHER, Generator, Point, draw
from whyser.demo.raters import DemoVote, at_least, fill, listen, vote
from whyser.demo.voices import Synthesizer, Voice, cast
from whyser.demo.wav import resample, write_wav

DIALOGUES = (
    "Ses01F_impro01",
    "Ses01M_script01_1",
    "Ses02F_impro03",
    "Ses02M_script02_2",
    "Ses03F_impro02",
    "Ses03M_impro05a",
    "Ses03M_impro05b",
    "Ses04F_script01_1",
    "Ses04M_impro04",
    "Ses05F_impro01",
    "Ses05M_script01_1",
    "Ses05M_script01_1b",
)
PARTS = {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
TURNS = 96

WORDS = {
    "neutral": "Neutral",
    "happy": "Happiness",
    "excited": "Excited",
    "sad": "Sadness",
    "angry": "Anger",
    "frustrated": "Frustration",
    "fear": "Fear",
    "surprise": "Surprise",
    "disgust": "Disgust",
    OTHER: "Other",
}
CODES: dict[str | None, str] = {
    "neutral": "neu",
    "happy": "hap",
    "excited": "exc",
    "sad": "sad",
    "angry": "ang",
    "frustrated": "fru",
    "fear": "fea",
    "surprise": "sur",
    "disgust": "dis",
    OTHER: "oth",
    None: "xxx",
}
SHARES: dict[str | None, float] = {
    "neutral": 0.17,
    "frustrated": 0.13,
    "angry": 0.12,
    "sad": 0.12,
    "excited": 0.10,
    "happy": 0.10,
    "surprise": 0.05,
    "fear": 0.05,
    "disgust": 0.03,
    OTHER: 0.03,
    None: 0.10,
}
RATERS = ("E1", "E2", "E3", "E4", "E5", "E6")
COMMENTS = ("", "", "", "curious", "a bit hurried, polite", "hard to tell")


@dataclass(frozen=True)
class IemocapTurn:
    """One rated turn: three raters, the actor's own vote, and the head code of the votes."""

    point: Point
    votes: tuple[DemoVote, ...]
    own: DemoVote
    code: str


def write_iemocap(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus.

    Args:
        directory: Target.
        seed: Fixes every byte.
        scale: Shrinks the number of turns a dialogue.
        done: Called after each clip.
    """
    rng = np.random.default_rng([seed, 20])
    per_dialogue = at_least(TURNS / len(DIALOGUES), scale, 2)
    turns = _plan(per_dialogue * len(DIALOGUES), rng)
    casts = {session: cast(part, 2, rng, genders="fm") for session, part in PARTS.items()}
    with Synthesizer() as synthesizer:
        for index, dialogue in enumerate(DIALOGUES):
            own = turns[index * per_dialogue : (index + 1) * per_dialogue]
            voices = dict(zip("FM", casts[dialogue[4]], strict=True))
            _write_dialogue(directory, dialogue, own, voices, synthesizer, rng, done)


def _plan(count: int, rng: Generator) -> list[IemocapTurn]:
    quotas = {label: max(1, round(count * share)) for label, share in SHARES.items()}
    # Rounding must not leave the last dialogue short.
    quotas["neutral"] += count - sum(quotas.values())
    return fill(quotas, lambda emotion: _play(emotion, rng), rng)


def _play(emotion: str, rng: Generator) -> tuple[str | None, IemocapTurn]:
    point = draw(emotion, rng)
    votes = listen(point, tuple(WORDS), rng, 3)
    ranked = Counter(name for one in votes for name in one.chosen).most_common(2)
    tie = len(ranked) == 2 and ranked[0][1] == ranked[1][1]
    label = None if tie else ranked[0][0]
    return label, IemocapTurn(point, tuple(votes), vote(point, tuple(WORDS), rng), CODES[label])


def _write_dialogue(
    directory: Path,
    dialogue: str,
    turns: list[IemocapTurn],
    voices: dict[str, Voice],
    synthesizer: Synthesizer,
    rng: Generator,
    done: Callable[[], None],
) -> None:
    session = directory / f"Session{dialogue[4]}"
    raters = sorted(str(name) for name in rng.choice(RATERS, 3, replace=False))
    blocks, transcript, clock = [], [], float(rng.uniform(4, 8))
    counts = {"F": 0, "M": 0}
    for number, turn in enumerate(turns):
        speaker = "FM"[number % 2]
        name = f"{dialogue}_{speaker}{counts[speaker]:03d}"
        # Every third number is skipped: short backchannels were cut out but never rated.
        counts[speaker] += 2 if number % 3 == 2 else 1
        text = sentences.IEMOCAP[int(rng.integers(len(sentences.IEMOCAP)))]
        spoken = resample(synthesizer.speak(text, voices[speaker], turn.point), 16_000)
        write_wav(session / "sentences" / "wav" / dialogue / f"{name}.wav", spoken, 16_000)
        end = clock + len(spoken) / 16_000
        blocks.append(_block(name, clock, end, turn, raters, speaker, rng))
        transcript.append(f"{name} [{clock:08.4f}-{end:08.4f}]: {text}\n")
        clock = end + float(rng.uniform(0.2, 1.5))
        done()
    unrated = f"{dialogue}_M{counts['M']:03d} [{clock:08.4f}-{clock + 0.6:08.4f}]: Mmhm.\n"
    transcript[1:1] = ["M: Right.\n"]
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    _write(session / "dialog" / "EmoEvaluation" / f"{dialogue}.txt", header + "\n".join(blocks))
    _write(session / "dialog" / "transcriptions" / f"{dialogue}.txt",
           "".join([*transcript, unrated]))  # fmt: skip
    _write_junk(session, dialogue)


def _block(
    name: str,
    start: float,
    end: float,
    turn: IemocapTurn,
    raters: list[str],
    speaker: str,
    rng: Generator,
) -> str:
    """Return the head line, the categorical votes, the actor's own, and the attributes."""
    scores = [[_five(value) for value in _attributes(one)] for one in turn.votes[:2]]
    means = ", ".join(f"{np.mean(column):.4f}" for column in zip(*scores, strict=True))
    lines = [f"[{start:.4f} - {end:.4f}]\t{name}\t{turn.code}\t[{means}]"]
    for rater, one in zip(raters, turn.votes, strict=True):
        lines.append(_categorical(rater, one, rng))
    lines.append(_categorical(f"{speaker}1", turn.own, rng))
    for rater, (valence, activation, dominance) in zip(raters[:2], scores, strict=True):
        lines.append(
            f"A-{rater}:\tval {valence}; act {activation}; dom  {dominance};\t({_comment(rng)})"
        )
    valence, activation, _ = (_five(value) for value in _attributes(turn.own))
    # The actors sometimes left dominance out.
    lines.append(f"A-{speaker}1:\tval {valence}; act {activation}; dom  ;\t()")
    return "\n".join(lines) + "\n"


def _categorical(rater: str, one: DemoVote, rng: Generator) -> str:
    words = "; ".join(WORDS[name] for name in one.chosen)
    comment = "impatient" if OTHER in one.chosen else _comment(rng)
    return f"C-{rater}:\t{words};\t({comment})"


def _comment(rng: Generator) -> str:
    return COMMENTS[int(rng.integers(len(COMMENTS)))]


def _attributes(one: DemoVote) -> tuple[float, float, float]:
    return one.valence, one.activation, one.dominance


def _five(value: float) -> int:
    """Mark one of the five manikins."""
    return round(3 + 2 * value / 3)


def _write_junk(session: Path, dialogue: str) -> None:
    if not dialogue.endswith("impro01"):
        return
    apple = "\x00\x05\x16\x07\x00\x02Mac OS X"
    _write(session / "dialog" / "EmoEvaluation" / f"._{dialogue}.txt", apple)
    _write(session / "dialog" / "transcriptions" / f"._{dialogue}.txt", apple)
    _write(session / "sentences" / "wav" / dialogue / f"._{dialogue}_F000.wav", apple)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="latin-1")
