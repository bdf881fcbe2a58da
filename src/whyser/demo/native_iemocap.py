"""IEMOCAP in miniature: five sessions of two actors, scripted and improvised dialogues.

It keeps these quirks: a rater may name several emotions; the actors' ratings are among the others;
the letter in a dialogue's name is not the speaker's; one dialogue's name begins another's;
transcripts have unrated turns and lines without a name; and there are AppleDouble files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whyser.demo import sentences
from whyser.demo.emotions import OTHER, Generator, Point, draw, pick
from whyser.demo.raters import DemoVote, at_least, fill, listen, plurality, vote
from whyser.demo.tables import write_text
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

EMOTIONS: dict[str | None, tuple[str, str, float]] = {
    "neutral": ("Neutral", "neu", 0.17),
    "happy": ("Happiness", "hap", 0.10),
    "excited": ("Excited", "exc", 0.10),
    "sad": ("Sadness", "sad", 0.12),
    "angry": ("Anger", "ang", 0.12),
    "frustrated": ("Frustration", "fru", 0.13),
    "fear": ("Fear", "fea", 0.05),
    "surprise": ("Surprise", "sur", 0.05),
    "disgust": ("Disgust", "dis", 0.03),
    OTHER: ("Other", "oth", 0.03),
    None: ("", "xxx", 0.10),
}
"""The raters' word, the code of the head line, and the share of the turns; None is no agreement."""
WORDS = {name: word for name, (word, _, _) in EMOTIONS.items() if name is not None}
CODES = {name: code for name, (_, code, _) in EMOTIONS.items()}
RATERS = ("E1", "E2", "E3", "E4", "E5", "E6")
COMMENTS = ("", "", "", "curious", "a bit hurried, polite", "hard to tell")


@dataclass(frozen=True)
class IemocapTurn:
    """One rated turn: the votes of three raters and of the actor, and the code of the head line."""

    point: Point
    votes: list[DemoVote]
    own: DemoVote
    code: str


def write_iemocap(directory: Path, *, seed: int, scale: float, done: Callable[[], None]) -> None:
    """Write the corpus; the arguments are those of `whyser.demo.corpora.write_corpora`."""
    rng = np.random.default_rng([seed, 20])
    per_dialogue = at_least(TURNS / len(DIALOGUES), scale, 2)
    turns = _plan(per_dialogue * len(DIALOGUES), rng)
    casts = {session: cast(part, 2, rng, genders="fm") for session, part in PARTS.items()}
    with Synthesizer(done) as synthesizer:
        for index, dialogue in enumerate(DIALOGUES):
            own = turns[index * per_dialogue : (index + 1) * per_dialogue]
            voices = dict(zip("FM", casts[dialogue[4]], strict=True))
            _write_dialogue(directory, dialogue, own, voices, synthesizer, rng)


def _plan(count: int, rng: Generator) -> list[IemocapTurn]:
    quotas = {label: max(1, round(count * share)) for label, (_, _, share) in EMOTIONS.items()}
    # Rounding must not leave the last dialogue short.
    quotas["neutral"] += count - sum(quotas.values())
    return fill(quotas, lambda emotion: _play(emotion, rng), rng)


def _play(emotion: str, rng: Generator) -> tuple[str | None, IemocapTurn]:
    point = draw(emotion, rng)
    votes = listen(point, tuple(WORDS), rng, 3)
    label = plurality([name for one in votes for name in one.chosen])
    return label, IemocapTurn(point, votes, vote(point, tuple(WORDS), rng), CODES[label])


def _write_dialogue(
    directory: Path,
    dialogue: str,
    turns: list[IemocapTurn],
    voices: dict[str, Voice],
    synthesizer: Synthesizer,
    rng: Generator,
) -> None:
    session = directory / f"Session{dialogue[4]}"
    raters = sorted(str(name) for name in rng.choice(RATERS, 3, replace=False))
    blocks, transcript, clock = [], [], float(rng.uniform(4, 8))
    counts = {"F": 0, "M": 0}
    for number, turn in enumerate(turns):
        speaker = "FM"[number % 2]
        name = f"{dialogue}_{speaker}{counts[speaker]:03d}"
        # Every third number is missing: short backchannels were cut out but never rated.
        counts[speaker] += 2 if number % 3 == 2 else 1
        text = pick(sentences.IEMOCAP, rng)
        spoken = resample(synthesizer.speak(text, voices[speaker], turn.point), 16_000)
        write_wav(session / "sentences" / "wav" / dialogue / f"{name}.wav", spoken, 16_000)
        end = clock + len(spoken) / 16_000
        blocks.append(_block(name, clock, end, turn, raters, speaker, rng))
        transcript.append(f"{name} [{clock:08.4f}-{end:08.4f}]: {text}\n")
        clock = end + float(rng.uniform(0.2, 1.5))
    unrated = f"{dialogue}_M{counts['M']:03d} [{clock:08.4f}-{clock + 0.6:08.4f}]: Mmhm.\n"
    transcript[1:1] = ["M: Right.\n"]
    header = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    files = {
        f"dialog/EmoEvaluation/{dialogue}.txt": header + "\n".join(blocks),
        f"dialog/transcriptions/{dialogue}.txt": "".join([*transcript, unrated]),
    }
    if dialogue.endswith("impro01"):
        junk = [f"dialog/{name}/._{dialogue}.txt" for name in ("EmoEvaluation", "transcriptions")]
        junk.append(f"sentences/wav/{dialogue}/._{dialogue}_F000.wav")
        files |= dict.fromkeys(junk, "\x00\x05\x16\x07\x00\x02Mac OS X")
    for path, text in files.items():
        write_text(session / path, text, encoding="latin-1")


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
    scores = [_manikins(one) for one in turn.votes[:2]]
    means = ", ".join(f"{np.mean(column):.4f}" for column in zip(*scores, strict=True))
    lines = [f"[{start:.4f} - {end:.4f}]\t{name}\t{turn.code}\t[{means}]"]
    for rater, one in zip([*raters, f"{speaker}1"], [*turn.votes, turn.own], strict=True):
        lines.append(_categorical(rater, one, rng))
    for rater, (valence, activation, dominance) in zip(raters[:2], scores, strict=True):
        scored = f"val {valence}; act {activation}; dom  {dominance};"
        lines.append(f"A-{rater}:\t{scored}\t({pick(COMMENTS, rng)})")
    valence, activation, _ = _manikins(turn.own)
    # The actors sometimes left dominance out.
    lines.append(f"A-{speaker}1:\tval {valence}; act {activation}; dom  ;\t()")
    return "\n".join(lines) + "\n"


def _categorical(rater: str, one: DemoVote, rng: Generator) -> str:
    words = "; ".join(WORDS[name] for name in one.chosen)
    comment = "impatient" if OTHER in one.chosen else pick(COMMENTS, rng)
    return f"C-{rater}:\t{words};\t({comment})"


def _manikins(one: DemoVote) -> list[int]:
    """Return valence, activation and dominance, each as one of the five manikins."""
    return [round(3 + 2 * value / 3) for value in (one.valence, one.activation, one.dominance)]
