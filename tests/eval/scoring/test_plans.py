"""What is drawn for intervals: utterances or speakers, percentiles or bca, or nothing."""

import pytest


def test_without_draws_there_are_values_only(world, run):
    out, _ = run("--draws", "0")
    assert all(row["low"] is row["high"] is None for row in world.scores().values())
    assert all(row["value"] is not None for row in world.scores().values())
    assert "[" not in out


@pytest.mark.parametrize("more", [(), ("--wer",)])
def test_bca_intervals_stand_around_their_values(world, run, more):
    """Answers without probabilities, transcripts and cues leave nothing further to measure."""
    run("--interval", "bca", *more)
    row = world.scores()["tiny", "none", "all", "f1_majority"]
    assert row["low"] < row["value"] < row["high"]


@pytest.mark.parametrize("interval", ["percentile", "bca"])
def test_intervals_by_speaker_have_the_same_values(world, run, interval):
    """Half of the speakers are always right, the others never: few draws tell so much."""
    for number, row in enumerate(world.utterances):
        row["speaker"] = f"msp_podcast/{number % 4}"
    run("--interval", interval)
    plain = world.scores()
    run("--interval", interval, "--unit", "speaker")
    clustered = world.scores()
    assert [row["value"] for key, row in plain.items() if key[0] != "prior"] == pytest.approx(
        [row["value"] for key, row in clustered.items() if key[0] != "prior"]
    )
    key = ("tiny", "none", "all", "wa")
    width = {name: rows[key]["high"] - rows[key]["low"]
             for name, rows in (("utterance", plain), ("speaker", clustered))}  # fmt: skip
    assert width["speaker"] > 1.2 * width["utterance"]
