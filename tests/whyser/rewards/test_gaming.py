"""Ways to gain without listening: none pays as much as an honest answer (docs/rewards.md)."""

from __future__ import annotations

import random
import re
import statistics
from pathlib import Path
from typing import Any

import pytest

from whyser import rewards
from whyser.evidence.cues import FAMILIES, LEVEL_THRESHOLD, Cues
from whyser.rewards.chance import chances
from whyser.rewards.grounded import HIGHEST, LOWEST, worth

from .conftest import HONEST, answer, cues

#: Another clip's claims: its voice is low, quiet and slow.
OTHERS = "The pitch is low, the voice is quiet, and the speech is slow."
LEVELS = ("high", "low", "ordinary")
EVERY_LEVEL = " ".join(
    f"The {noun} is {', '.join(LEVELS[:-1])} and {LEVELS[-1]}."
    for noun in ("pitch", "loudness", "pace")
)
ANSWERS: dict[str, str] = {
    "honest: three true claims": answer(),
    "no claims": answer("The words and the way they are spoken carry this feeling."),
    "no reason": answer(None),
    "forty claims, all true": answer(" ".join([HONEST] * 13) + " The pitch is high."),
    "another clip's claims": answer(OTHERS),
    "all levels at once": answer(EVERY_LEVEL),
    "high and low pitch": answer(HONEST.replace("high", "high and low")),
    "ordinary in everything": answer("The pitch, the loudness and the pace are ordinary."),
    "denials that seldom fail": answer("The pitch is not low. It is not quiet. It is not slow."),
    "the label, then a reason for another": answer(f"The speaker sounds sad. {HONEST}"),
    "the same in another word": answer(f"The speaker sounds melancholy. {HONEST}"),
    "the label, then a reason that denies it": answer(f"There is no anger in this. {HONEST}"),
    "two labels": answer().replace("is angry", "is angry or sad"),
    "a second answer": f"{answer()}<answer>I think the emotion is sad</answer>",
    "a rule about the emotion": answer(
        "Anger usually has a high pitch, a loud voice and fast speech."
    ),
    "claims as a quotation": answer(f'"{HONEST[:-1]}", it seems.'),
    "all words of the language": answer(transcript="Tell ask me us the a truth lie."),
}


@pytest.fixture
def corpus() -> list[Cues]:
    """Two hundred clips of one corpus, with strengths of a normal distribution."""
    random_ = random.Random(0)
    return [
        cues({name: random_.gauss(0, 1) for name in FAMILIES}, f"c/{number}")
        for number in range(200)
    ]


@pytest.fixture
def sums(columns: dict[str, list[Any]], corpus: list[Cues]) -> dict[str, dict[str, float]]:
    columns["chances"] = [chances(corpus)]
    named = (rewards.weighted_sum, rewards.groundedness)
    return {
        name: {reward.__name__: reward([text], **columns)[0] for reward in named}
        for name, text in ANSWERS.items()
    }


def test_each_gets_less_than_an_honest_answer(sums: dict[str, dict[str, float]]) -> None:
    honest = sums.pop("honest: three true claims")
    assert honest["groundedness"] > 0
    for name, found in sums.items():
        assert found["weighted_sum"] < honest["weighted_sum"] - 0.02, name


def test_the_page_shows_these_sums(root: Path, sums: dict[str, dict[str, float]]) -> None:
    page = (root / "docs/rewards.md").read_text(encoding="utf-8")
    shown = {
        name: (float(total), float(grounded))
        for name, total, grounded in re.findall(
            r"^\| ([^|]+?) \| (-?\d\.\d\d) \| (-?\d\.\d\d) \|", page, re.MULTILINE
        )
    }
    assert shown == {
        name: (round(one["weighted_sum"], 2), round(one["groundedness"], 2))
        for name, one in sums.items()
    }


@pytest.mark.parametrize("seed", range(20))
def test_what_is_said_of_every_clip_gains_nothing(seed: int, corpus: list[Cues]) -> None:
    """Any text without knowledge of the clip: on the mean over the corpus it is worth 0 or less."""
    random_ = random.Random(seed)
    pieces = [
        f"The {noun} is {'not ' * (random_.random() < 0.3)}{random_.choice(LEVELS)}."
        for noun in random_.sample(["pitch", "loudness", "pace", "pitch", "volume"], 4)
    ]
    table = chances(corpus)
    worths = [worth(" ".join(pieces), "", one, table) for one in corpus]
    # One clip on each side of a share (Laplace) is 1 in 200.
    assert statistics.fmean(worths) <= 0.01
    assert min(worths) >= LOWEST and max(worths) <= HIGHEST


def test_who_listens_gains_on_the_same_corpus(corpus: list[Cues]) -> None:
    level = {"high": "high", "low": "low", "normal": "ordinary"}
    table = chances(corpus)
    worths = []
    for one in corpus:
        nouns = {"pitch": one.pitch, "loudness": one.loudness, "pace": one.rate}
        text = " ".join(f"The {noun} is {level[cue.level]}." for noun, cue in nouns.items() if cue)
        worths.append(worth(text, "", one, table))
    assert min(worths) > 0 and statistics.fmean(worths) > 0.4


def test_chances_are_shares_of_the_corpus(corpus: list[Cues]) -> None:
    found = chances(corpus)
    # "High" is supported from 0.3 on: half of the tolerance below the threshold.
    high = sum(
        one.pitch is not None and one.pitch.strength >= LEVEL_THRESHOLD / 2 for one in corpus
    )
    assert found["pitch high"] == pytest.approx((high + 1) / 202, abs=1e-4)
    assert "voice_quality breathy" not in found  # no clip decides it
