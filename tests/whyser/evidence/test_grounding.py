from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from whyser.evidence.acoustics import measure
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import Cue, Cues, level_of, relate
from whyser.evidence.grounding import ground, shuffled_scores
from whyser.io import audio
from whyser.records.derangement import derangement
from whyser.records.utterance import Utterance
from whyser.teacher.measured import write_rationales_for
from whyser_converters.corpora.crema_d import prepare_crema_d
from whyser_converters.corpora.ravdess import prepare_ravdess


def cue(strength: float, value: float = 1.0) -> Cue:
    return Cue(value=value, deviation=strength, strength=strength, level=level_of(strength))


def cues(id: str = "c/1", **strengths: float) -> Cues:
    names = ("pitch", "pitch_range", "loudness", "rate", "pauses")
    empty: dict[str, Any] = dict.fromkeys(names)
    return Cues(
        id=id, reference="speaker", **empty | {name: cue(one) for name, one in strengths.items()}
    )


def outcome(text: str, **strengths: float) -> str:
    (verdict,) = ground(read_claims(text), cues(**strengths))
    return verdict.outcome


@pytest.mark.parametrize(
    ("text", "supported", "contradicted"),
    [
        # The level starts at 0.6; within 0.3 of it both words stand.
        ("The voice is loud.", (0.6, 0.31, 3.0), (0.29, 0.0, -0.6, -3.0)),
        ("The voice is quiet.", (-0.6, -0.31, -3.0), (-0.29, 0.0, 0.6, 3.0)),
        ("The volume is normal.", (0.0, 0.6, 0.89, -0.89), (0.91, -0.91, 4.0)),
        ("The voice is not loud.", (0.0, -2.0, 0.59, 0.89), (0.91, 3.0)),
        ("The voice is not quiet.", (0.0, 2.0, -0.89), (-0.91, -3.0)),
    ],
)
def test_a_level_is_held_against_the_strength(
    text: str, supported: tuple[float, ...], contradicted: tuple[float, ...]
) -> None:
    assert {outcome(text, loudness=strength) for strength in supported} == {"supported"}
    assert {outcome(text, loudness=strength) for strength in contradicted} == {"contradicted"}


def test_a_hedge_is_no_excuse() -> None:
    assert outcome("The voice might be loud.", loudness=-2.0) == "contradicted"


def test_what_is_not_measured_is_not_measurable() -> None:
    for text in ("The words are mumbled.", "The voice is hoarse.", "The speech is fast."):
        assert outcome(text, loudness=1.0) == "not_measurable"


def test_no_pauses_is_true_of_a_speaker_who_never_pauses() -> None:
    (claim,) = read_claims("There are no pauses.")
    silent = cues().model_copy(update={"pauses": cue(0.0, value=0.0)})
    broken = cues().model_copy(update={"pauses": cue(0.0, value=0.2)})
    assert ground([claim], silent)[0].outcome == "supported"
    assert ground([claim], broken)[0].outcome == "contradicted"


def test_a_kind_of_voice_is_decided_only_where_its_measures_agree() -> None:
    rough = {"hnr": -2.0, "jitter": 1.5, "shimmer": 1.0}
    assert outcome("The voice is hoarse.", **rough) == "supported"
    assert outcome("The voice is not hoarse.", **rough) == "contradicted"
    assert outcome("The voice is smooth.", **rough) == "contradicted"
    assert outcome("The voice is hoarse.", hnr=-1.0, jitter=-1.0, shimmer=0.5) == "not_measurable"
    assert outcome("The voice is tense.", tilt=1.0) == "supported"


def test_a_derangement_leaves_nobody_his_own_and_stays_in_the_corpus() -> None:
    ids = [f"{corpus}/{number}" for corpus in "abc" for number in range(7)] + ["lone/1"]
    for seed in range(20):
        pairs = dict(derangement(ids, random.Random(seed)))
        assert set(pairs) == set(pairs.values()) == set(ids) - {"lone/1"}
        assert all(own != other and own[0] == other[0] for own, other in pairs.items())


def test_chance_is_the_score_against_other_utterances() -> None:
    texts = {f"c/{n}": "The voice is loud." if n % 2 else "The voice is quiet." for n in range(40)}
    of_clips = {id: cues(id, loudness=1.0 if int(id[2:]) % 2 else -1.0) for id in texts}
    of_clips["c/0"] = cues("c/0")  # unmeasured
    claims = {id: read_claims(text) for id, text in texts.items()}
    scores = list(shuffled_scores(list(texts), claims, of_clips, 30, 0))
    # Half of the others are as loud.
    assert sum(scores) / len(scores) == pytest.approx(0.5, abs=0.08)
    assert len(scores) == 30 and max(scores) < 1.0
    assert scores == list(shuffled_scores(list(texts), claims, of_clips, 30, 0))


def test_chance_needs_a_measurable_claim() -> None:
    ids = ["c/1", "c/2"]
    claims = {id: read_claims("The words are mumbled.") for id in ids}
    assert not list(shuffled_scores(ids, claims, {id: cues(id) for id in ids}, 20, 0))


@pytest.fixture(scope="module")
def demo(native_corpora: Path) -> tuple[list[Utterance], list[Cues]]:
    """Two of the demo's corpora at a small scale, measured."""
    utterances: list[Utterance] = []
    cues: list[Cues] = []
    for name, prepare in (("crema_d", prepare_crema_d), ("ravdess", prepare_ravdess)):
        folder = native_corpora / name
        found = list(prepare(folder))
        sounds = (audio.load(folder / str(one.audio)) for one in found)
        measured = [
            measure(sound, one.transcript) for sound, one in zip(sounds, found, strict=True)
        ]
        utterances += found
        cues += relate(found, measured)
    return utterances, cues


def test_true_rationales_are_grounded_and_shuffled_ones_are_not(
    demo: tuple[list[Utterance], list[Cues]],
) -> None:
    utterances, measured = demo
    transcripts = {one.id: one.transcript for one in utterances}
    rationales = list(write_rationales_for(utterances, measured))
    claims = {one.id: read_claims(one.text, transcripts[one.id]) for one in rationales}
    by_id = {one.id: one for one in measured}
    verdicts = [verdict for id, said in claims.items() for verdict in ground(said, by_id[id])]
    decided = [one.outcome == "supported" for one in verdicts if one.outcome != "not_measurable"]
    score = sum(decided) / len(decided)
    chance = list(shuffled_scores(list(claims), claims, by_id, 20, 0))
    print(f"\ngrounding, measured teacher: true {score:.3f}, shuffled at most {max(chance):.3f}")
    assert all(claims.values())
    assert score >= 0.99
    assert max(chance) < score - 0.2


def test_rationales_that_claim_the_opposite_are_contradicted(
    demo: tuple[list[Utterance], list[Cues]],
) -> None:
    utterances, measured = demo
    by_id = {one.id: one for one in measured}
    rationales = list(write_rationales_for(utterances, [_turned(one) for one in measured]))
    verdicts = [
        verdict for one in rationales for verdict in ground(read_claims(one.text), by_id[one.id])
    ]
    turned = [verdict for verdict in verdicts if verdict.claim.level != "normal"]
    assert turned
    assert {verdict.outcome for verdict in turned} == {"contradicted"}


def _turned(cues: Cues) -> Cues:
    """High for low and low for high."""
    return cues.model_copy(
        update={name: cue(-found.strength) for name, found in cues.measured().items()}
    )
