"""Rationales compared with measured cues, as the command does it."""

import re

import pytest

from whyser.evidence.lexicon import claims_version
from whyser_eval.metrics.groundedness import explanation


def cue(strength):
    level = "high" if strength > 0.6 else "low" if strength < -0.6 else "normal"
    return {"value": 1.0, "deviation": strength, "strength": strength, "level": level}


def cues(world, strengths):
    """Every family of an utterance has the same strength."""
    rows = [
        {"id": row["id"], "reference": "speaker"}
        | dict.fromkeys(["pitch", "pitch_range", "loudness", "rate", "pauses"], cue(strength))
        for row, strength in zip(world.utterances, strengths, strict=True)
    ]
    return world.write_jsonl(world.folder / "cues.jsonl", rows)


def test_claims_are_held_against_the_measured_sound(world, whyser_eval):
    """All say "low pitch": it is measured of the first twelve, the last four are high."""
    path = cues(world, [-1.0] * 12 + [1.0] * 4)
    status, out, err = whyser_eval(*world.score_arguments("--cues", path))
    assert status == 0, err
    assert re.search(r"tiny +open +none +0\.750 \[", out)
    rows = world.scores()
    own = rows["tiny", "none", "all", "groundedness"]
    assert (own["value"], own["n"]) == (12 / 16, 16)
    assert own["low"] < own["value"] < own["high"]
    chance = rows["tiny", "none", "all", "groundedness_shuffled"]
    # Whoever is heard instead: twelve of sixteen are low all the same.
    assert chance["value"] == pytest.approx(12 / 16)
    assert world.samples()[0]["claims"] == [
        {
            "start": 0,
            "end": 3,
            "family": "pitch",
            "level": "low",
            "negated": False,
            "hedged": False,
            "outcome": "supported",
        }
    ]
    assert world.samples()[15]["claims"][0]["outcome"] == "contradicted"


def test_an_explanation_that_listens_beats_chance(world, whyser_eval):
    for number, row in enumerate(world.predictions):
        pitch = "low" if number % 2 else "high"
        row["text"] = f"<answer>sad</answer><reason>The voice has a {pitch} pitch.</reason>"
    path = cues(world, [-1.0 if number % 2 else 1.0 for number in range(16)])
    whyser_eval(*world.score_arguments("--cues", path))
    rows = world.scores()
    assert rows["tiny", "none", "all", "groundedness"]["value"] == 1
    chance = rows["tiny", "none", "all", "groundedness_shuffled"]
    assert chance["high"] < 1
    assert 0.3 < chance["value"] < 0.7


def test_what_has_no_cues_is_not_counted(world, whyser_eval):
    path = world.write_jsonl(
        world.folder / "cues.jsonl",
        [
            {"id": world.utterances[0]["id"], "reference": "speaker"}
            | dict.fromkeys(["pitch", "pitch_range", "loudness", "rate", "pauses"], cue(-1))
        ],
    )
    _, _, err = whyser_eval(*world.score_arguments("--cues", path))
    assert "warning: 15 of 16 references have no measured cues" in err
    row = world.scores()["tiny", "none", "all", "groundedness"]
    assert (row["value"], row["n"]) == (1, 1)
    assert world.samples()[1]["claims"][0]["outcome"] == "not_measurable"


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("<answer>sad</answer><reason>Low.</reason>", "Low."),
        ("<answer>sad</answer>", ""),
        ("The voice is low, so sad.", "The voice is low, so sad."),
        ("<think>Is it high?</think>The voice is low.", "The voice is low."),
        ("<think><reason>High.</reason></think><reason>Low.</reason>", "Low."),
        ("<think>Is it high", ""),
    ],
)
def test_what_explains_is_the_reason_or_all_of_plain_prose(answer, found):
    assert explanation(answer) == found


def test_other_cues_give_another_signature(world, whyser_eval):
    found = []
    for strength in (-1.0, 1.0):
        whyser_eval(*world.score_arguments("--cues", cues(world, [strength] * 16)))
        rows = world.scores()
        found.append([rows["tiny", "none", "all", name]["signature"] for name in
                      ("groundedness", "groundedness_shuffled", "f1_majority")])  # fmt: skip
    (low, low_chance, f1), (high, high_chance, same_f1) = found
    assert low != high
    assert low_chance != high_chance
    assert f1 == same_f1
    assert "|avg:none|" in low
    # Other rules or words read other claims from the same answers.
    for signature in (low, low_chance):
        assert f"|claims:{claims_version()}|" in signature
    assert "claims:" not in f1


def test_chance_is_told_of_the_utterances_that_groundedness_is_told_of(world, whyser_eval):
    """One that nobody agreed on is in no score of `all`, whatever is claimed of it."""
    world.utterances[0]["label"] = None
    path = cues(world, [1.0] + [-1.0] * 15)
    whyser_eval(*world.score_arguments("--cues", path, "--all-inclusive"))
    rows = world.scores()
    assert rows["tiny", "none", "all", "groundedness"]["value"] == 1
    chance = rows["tiny", "none", "all", "groundedness_shuffled"]
    assert (chance["value"], chance["n"]) == (1, 15)
