"""The chance baselines of a run: the most frequent class, and draws by prior."""

import pytest

from whyser.prompting.answer import render_answer


def test_baselines_stand_beside_the_system(world, run):
    world.utterances.append(world.utterance(16, "fear", ["fear"]))
    world.predictions.append(world.prediction("msp_podcast/clip_16", render_answer("fear")))
    run()
    scores = world.scores()
    # Three of 17 are fear: F1 of fear 2*3 / (17 + 3), the other seven 0.
    assert scores["constant:fear", "none", "all", "f1_majority"]["value"] == pytest.approx(0.3 / 8)
    prior = scores["prior", "none", "all", "f1_majority"]
    assert 0.05 < prior["value"] < 0.25
    assert prior["low"] < prior["value"] < prior["high"]
    assert "|form:any|control:none|" in prior["signature"]


def test_without_probabilities_the_prior_has_no_divergence(world, run):
    run()
    assert ("prior", "none", "all", "kl") not in world.scores()
