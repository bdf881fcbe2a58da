"""Controls in scores: what a system must beat, and how much only the wording changes its score."""

import json

import pytest

from whyser.io.degraded import NAMES
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser_eval.metrics.classification import f1_majority
from whyser_eval.metrics.data import Items


def repeated(world, control, *share_right):
    """The same questions once per variant; in each another number of answers is right."""
    for variant, right in enumerate(share_right):
        for number, row in enumerate(world.utterances):
            label = row["label"] if number < right else "neutral"
            text = render_answer(label)
            world.predictions.append(
                world.prediction(row["id"], text, control=control, variant=variant,
                                 prompt=f"prompt{variant}")
            )  # fmt: skip


def test_the_spread_over_wordings_is_one_row(world, whyser_eval):
    repeated(world, "paraphrased", 16, 8)
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 0, err
    row = world.scores()["tiny", "paraphrased", "all", "f1_majority"]
    labels = [one["label"] for one in world.utterances]
    half = f1_majority(
        Items.from_names(labels, labels[:8] + ["neutral"] * 8, classes=CLASSES)
    ).value
    assert (row["low"], row["high"]) == (pytest.approx(half), 1.0)
    assert row["value"] == pytest.approx((1 + half) / 2)
    assert "|variants:2|" in row["signature"]
    assert "|prompt:prompt0+prompt1|" in row["signature"]
    assert {one["variant"] for one in world.samples()} == {0, 1}


def test_a_variant_with_an_answer_missing_is_named(world, whyser_eval):
    repeated(world, "reordered", 16, 16)
    del world.predictions[-1]
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 1
    assert "tiny (open, reordered 1) has no prediction for 1 of 16" in err


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("shuffled", "shuffled audio"),
        ("silence", "answers to silence"),
        ("transcript", "answers to the transcript"),
    ],
)
def test_a_system_that_is_no_better_than_its_control_is_warned_about(
    world, whyser_eval, control, words
):
    world.predictions += [row | {"control": control} for row in world.predictions]
    _, _, err = whyser_eval(*world.score_arguments())
    assert "warning: tiny (open) does not beat its own" in err
    assert words in err.replace("\n", " ")


@pytest.mark.parametrize(
    ("control", "words"),
    [("noise", "with noise"), ("codec", "by telephone"), ("gain", "20 dB quieter")],
)
def test_a_system_should_hold_its_score_on_degraded_sound(world, whyser_eval, control, words):
    own = [world.prediction(row["id"], render_answer(row["label"])) for row in world.utterances]
    world.predictions = own + [row | {"control": control} for row in own]
    _, _, err = whyser_eval(*world.score_arguments())
    assert "warning" not in err
    signature = world.scores()["tiny", control, "all", "f1_majority"]["signature"]
    assert f"|control:{control}|degraded:{NAMES[control]}|" in signature
    for row in world.predictions[16:]:
        row["text"] = render_answer("neutral")
    _, _, err = whyser_eval(*world.score_arguments())
    assert f"warning: tiny (open) loses on sound {words}: f1_majority" in err.replace("\n", " ")


def test_what_some_wording_gave_nothing_for_is_not_told(world, whyser_eval):
    """Only the second wording is answered with transcripts."""
    repeated(world, "paraphrased", 16, 16)
    for row in world.predictions:
        if row.get("variant"):
            row["text"] = f"<asr>These are the words.</asr>{row['text']}"
    status, _, err = whyser_eval(*world.score_arguments("--wer"))
    assert status == 0, err
    metrics = {metric for _, control, _, metric in world.scores() if control == "paraphrased"}
    assert "f1_majority" in metrics
    assert "wer" not in metrics


def test_variants_of_a_question_asked_once_are_refused(world, whyser_eval):
    """One row of scores would stand for both."""
    world.predictions += [row | {"variant": 1} for row in world.predictions]
    status, _, err = whyser_eval(*world.score_arguments())
    assert status == 1
    assert "predictions.jsonl:17: line: variant 1 of control 'none'" in err


def shuffled(world, labels):
    return [
        world.prediction(row["id"], render_answer(label), control="shuffled")
        for row, label in zip(world.utterances, labels, strict=True)
    ]


def test_a_system_that_does_not_beat_its_shuffled_control_is_warned_about(world, run):
    world.predictions += shuffled(world, [row["label"] for row in world.utterances])
    _, err = run()
    assert "warning: tiny (open) does not beat its own answers to shuffled audio" in err
    assert json.loads((world.results / "provenance.json").read_text())["warnings"]


def test_a_system_that_beats_its_shuffled_control_is_not(world, run):
    own = [world.prediction(row["id"], render_answer(row["label"])) for row in world.utterances]
    world.predictions = own + shuffled(world, ["neutral"] * 16)
    _, err = run()
    assert "warning" not in err
    assert ("tiny", "shuffled", "all", "f1_majority") in world.scores()
