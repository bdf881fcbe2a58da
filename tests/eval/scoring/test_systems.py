"""The probabilities of a system: its own, those that its answers state, or shares of samples."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser_eval.reading.shares import shares_version


def shares_of(*stated):
    return np.array([[one.get(name, 0) / 100 for name in CLASSES] for one in stated])


@pytest.fixture
def stating(world):
    """A system that gives the label 75 % and neutral the rest; every vote says the same."""
    for row in world.predictions:
        label = CLASSES[int(row["id"].rpartition("_")[2]) % 8]
        stated = {label: 75, "neutral": 25} if label != "neutral" else {"neutral": 100}
        row["text"] = render_answer(stated, target="distribution")
    return world


def run(world, whyser_eval, *more):
    status, _, err = whyser_eval(*world.score_arguments(*more))
    assert status == 0, err
    return err


def test_stated_shares_are_what_metrics_of_probabilities_take(stating, whyser_eval):
    stating.predictions[0]["text"] = render_answer({"sad": 60, "fear": 40}, target="distribution")
    run(stating, whyser_eval)
    scores = stating.scores()
    votes = {"angry": 75, "neutral": 25}
    (given, r) = shares_of({"sad": 60, "fear": 40}, votes)
    floored = np.maximum(given, 1e-6)
    kl, js = (scores["tiny", "none", "all", name]["value"] for name in ("kl", "js"))
    # The other fifteen answers are right.
    inside = r > 0
    assert kl == pytest.approx((r[inside] * np.log(r[inside] / floored[inside])).sum() / 16)
    assert js == pytest.approx(jensenshannon(r, given, base=2) ** 2 / 16)
    assert scores["tiny", "none", "all", "f1_majority"]["value"] < 1
    assert stating.samples()[0]["probabilities"] == {"sad": 0.6, "fear": 0.4}


def test_the_signature_and_the_provenance_say_where_probabilities_are_from(stating, whyser_eval):
    run(stating, whyser_eval)
    signed = stating.scores()["tiny", "none", "all", "kl"]["signature"]
    assert f"|shares:{shares_version()}|" in signed
    assert "shares:" not in stating.scores()["tiny", "none", "all", "wa"]["signature"]
    assert "shares:" not in stating.scores()["prior", "none", "all", "kl"]["signature"]
    (system,) = json.loads((stating.results / "provenance.json").read_text())["systems"]
    assert system["probabilities"] == {"stated": 16}


def test_its_own_probabilities_are_kept(stating, whyser_eval):
    for row in stating.predictions[:4]:
        row["probabilities"] = {"fear": 0.9}
    run(stating, whyser_eval)
    assert stating.samples()[0]["probabilities"] == {"fear": 0.9}
    assert stating.samples()[4]["probabilities"] == {"fear": 0.75, "neutral": 0.25}
    signed = stating.scores()["tiny", "none", "all", "js"]["signature"]
    assert f"|shares:own+{shares_version()}|" in signed
    (system,) = json.loads((stating.results / "provenance.json").read_text())["systems"]
    assert system["probabilities"] == {"own": 4, "stated": 12}
    for row in stating.predictions:
        row["probabilities"] = {"fear": 0.9}
    run(stating, whyser_eval)
    assert "shares:" not in stating.scores()["tiny", "none", "all", "js"]["signature"]


def test_an_answer_without_shares_is_uniform_and_warned_of(stating, whyser_eval):
    for place, text in (
        (0, "I cannot tell."),
        (1, render_answer("sad")),
        (2, "anger 80%, fear 70%"),
    ):
        stating.predictions[place]["text"] = text
    err = run(stating, whyser_eval)
    assert "warning: 3 of 16 answers of tiny (open) give no label a probability" in err
    kl = stating.scores()["tiny", "none", "all", "kl"]["value"]
    assert kl == pytest.approx(3 * entropy([0.75, 0.25, *[0] * 6], [1 / 8] * 8) / 16)
    (system,) = json.loads((stating.results / "provenance.json").read_text())["systems"]
    assert system["probabilities"] == {"none": 3, "stated": 13}
    assert stating.samples()[0]["probabilities"] is None


def test_a_system_that_states_shares_now_and_then_has_no_probabilities(stating, whyser_eval):
    """Half of the answers are not most of them."""
    for row in stating.predictions[:8]:
        row["text"] = render_answer("sad")
    run(stating, whyser_eval)
    assert ("tiny", "none", "all", "kl") not in stating.scores()
    assert stating.samples()[12]["probabilities"] is None
    (system,) = json.loads((stating.results / "provenance.json").read_text())["systems"]
    assert system["probabilities"] == {}
    stating.predictions[7]["text"] = stating.predictions[8]["text"]
    run(stating, whyser_eval)
    assert ("tiny", "none", "all", "kl") in stating.scores()


def test_samples_that_state_shares_are_averaged(stating, whyser_eval):
    more = [render_answer({"fear": 50, "sad": 50}, target="distribution"), "I cannot tell."]
    stating.predictions[2]["samples"] = more
    run(stating, whyser_eval)
    found = stating.samples()[2]["probabilities"]
    # 75 % happy and 25 % neutral, and the first sample.
    assert found == pytest.approx({"happy": 0.375, "neutral": 0.125, "fear": 0.25, "sad": 0.25})


def test_samples_without_shares_are_counted_as_before(world, whyser_eval):
    for row in world.predictions:
        row["samples"] = [render_answer("sad")]
    run(world, whyser_eval)
    (system,) = json.loads((world.results / "provenance.json").read_text())["systems"]
    assert system["probabilities"] == {"samples": 16}


@pytest.mark.parametrize("unit", ["utterance", "speaker"])
def test_the_prior_says_the_shares_of_the_labels(stating, whyser_eval, unit):
    """Three of 17 labels are angry. scipy computes KL of the votes from these shares."""
    stating.utterances.append(stating.utterance(16, "angry", ["angry"]))
    text = render_answer({"angry": 100}, target="distribution")
    stating.predictions.append(stating.prediction("msp_podcast/clip_16", text))
    run(stating, whyser_eval, "--unit", unit)
    prior = np.array([3 if name == "angry" else 2 for name in CLASSES]) / 17
    votes = [{name: 75, "neutral": 25} for name in CLASSES[:7]] * 2
    votes += [{"neutral": 100}] * 2 + [{"angry": 100}]
    row = stating.scores()["prior", "none", "all", "kl"]
    assert row["value"] == pytest.approx(np.mean([entropy(r, prior) for r in shares_of(*votes)]))
    assert row["low"] < row["value"] < row["high"]
    assert "|votes:" in row["signature"] and "|parser:none|" in row["signature"]
    assert ("constant:angry", "none", "all", "kl") not in stating.scores()
