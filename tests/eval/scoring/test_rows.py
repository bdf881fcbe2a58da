"""Signatures of scores: what another lab must match, and what changes them."""

import re

import pytest

from whyser.prompting.answer import render_answer


def test_a_run_is_scored_and_signed(world, run):
    out, err = run()
    row = world.scores()["tiny", "none", "all", "f1_majority"]
    assert set(row) == {
        "system", "form", "control", "subset", "metric", "value", "low", "high", "n", "signature",
    }  # fmt: skip
    assert re.fullmatch(
        r"f1_majority\|corpus:msp_podcast\|split:test1\|form:open\|control:none\|subset:all\|n:16"
        r"\|labels:8\|avg:macro\|parser:rules-\d+\+[0-9a-f]{8}\|unread:miss=0\|refs:[0-9a-f]{8}"
        r"\|prompt:9c01aa7e\|whyser:[0-9.]+",
        row["signature"],
    )
    # Odd positions are right: sad, surprise, disgust, neutral; even ones are called neutral.
    # F1 of those three: 1; of neutral: 2*2 / (10 predicted + 2 true); of the rest: 0.
    assert row["value"] == pytest.approx((3 * 1 + 4 / 12) / 8)
    assert row["low"] <= row["value"] <= row["high"]
    # Every vote set holds neutral, so every prediction is a hit.
    assert world.scores()["tiny", "none", "all", "hit_rate"]["value"] == 1
    assert row["signature"] in out.replace("\n", "")
    assert str(world.results) in err


def test_other_votes_under_the_same_labels_give_another_signature(world, run):
    def refs(*votes):
        world.utterances = [
            world.utterance(number, "sad", chosen) for number, chosen in enumerate(votes)
        ]
        world.predictions = [
            world.prediction(row["id"], render_answer("sad")) for row in world.utterances
        ]
        run()
        signature = world.scores()["tiny", "none", "strict", "f1_majority"]["signature"]
        return re.search(r"refs:(\w+)", signature).group(1)

    # The same labels, sets and subset sizes, but another utterance is in the strict subset.
    strict, split = ["sad", "sad", "happy"], ["sad", "sad", "happy", "other"]
    assert refs(strict, split) != refs(split, strict)


def test_a_system_that_used_the_speakers_other_clips_is_signed_so(world, run):
    run()
    assert "adapted:" not in world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    world.predictions[0]["adapted"] = "speaker"
    run()
    signature = world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    assert "|adapted:speaker|avg:macro|" in signature


def test_two_corpora_are_joined_in_the_signature(world, run, tmp_path):
    row = world.utterance(0, "sad", id="meld/test_1", corpus="meld", split="test", audio=None)
    other = world.write_jsonl(tmp_path / "meld" / "utterances.jsonl", [row])
    world.predictions.append(world.prediction("meld/test_1", render_answer("sad")))
    run("--references", other)
    signature = world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    assert "|corpus:meld+msp_podcast|split:test+test1|" in signature
    assert "|n:17|" in signature
