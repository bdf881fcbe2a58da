"""From files to scores: what `score` scores, prints and refuses."""

import json
import random

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from sklearn.metrics import f1_score

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer


def test_exactly_half_of_the_votes_is_no_strict_majority(world, run):
    world.utterances = [
        world.utterance(0, "sad", ["sad", "sad", "happy", "other"]),  # 2 of 4: not strict
        world.utterance(1, "sad", ["sad", "sad", "sad", "happy", "other"]),  # 3 of 5: strict
        world.utterance(
            2, "happy", ["happy", "happy", "sad", "fear", "other"]
        ),  # 2 of 5: not strict
        world.utterance(3, "happy", []),  # no votes where others have some: nothing is known
    ]
    world.predictions = [
        world.prediction(row["id"], render_answer(row["label"])) for row in world.utterances
    ]
    run()
    assert [sample["is_strict"] for sample in world.samples()] == [False, True, False, False]
    assert world.scores()["tiny", "none", "strict", "f1_majority"]["n"] == 1
    assert (
        "|subset:strict|n:1|" in world.scores()["tiny", "none", "strict", "hit_rate"]["signature"]
    )


def test_a_corpus_without_votes_agrees_with_itself(world, run):
    world.utterances = [world.utterance(number, "sad", []) for number in range(3)]
    world.predictions = [
        world.prediction(row["id"], render_answer(row["label"])) for row in world.utterances
    ]
    run()
    assert world.scores()["tiny", "none", "strict", "f1_majority"]["n"] == 3


def test_unreadable_and_undeclared_answers_are_misses(world, run):
    run()
    right = world.scores()["tiny", "none", "all", "f1_majority"]["value"]
    world.predictions[1]["text"] = "I'm sorry, I can't listen to audio."
    world.predictions[3]["text"] = render_answer("sad").replace("sad", "bored")
    run()
    row = world.scores()["tiny", "none", "all", "f1_majority"]
    assert row["value"] < right
    assert "|unread:miss=1|" in row["signature"]
    samples = world.samples()
    assert (samples[1]["prediction"], samples[1]["stage"]) == (None, "unread")
    assert (samples[3]["prediction"], samples[3]["is_hit"]) == ("other", False)
    system = json.loads((world.results / "provenance.json").read_text())["systems"][0]
    assert (system["unread"], system["other"]) == (1, 1)


def test_a_prediction_of_an_undeclared_class_is_a_miss(world, run):
    world.utterances = [world.utterance(n, label) for n, label in enumerate(["sad", "happy"])]
    world.predictions = [
        world.prediction(row["id"], render_answer("contempt")) for row in world.utterances
    ]
    run("--classes", "sad,happy")
    row = world.scores()["tiny", "none", "all", "f1_majority"]
    assert row["value"] == 0
    assert "|labels:2|" in row["signature"]


def test_classes_come_from_the_card_and_never_from_the_data(world, whyser_eval):
    world.utterances = world.utterances[:2]
    world.predictions = world.predictions[:2]
    arguments = world.score_arguments()
    world.write_card(world.references_file.parent, classes=CLASSES[:4])
    assert whyser_eval(*arguments)[0] == 0
    assert "|labels:4|" in world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    (world.references_file.parent / "corpus.json").unlink()
    assert whyser_eval(*arguments)[0] == 0
    assert "|labels:8|" in world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    assert world.samples()[0]["audio"] is None


def test_secondary_votes_count_only_when_asked_for(world, run):
    world.utterances[0]["votes"][0]["secondary"] = ["fear"]
    world.predictions[0]["text"] = render_answer("fear")
    run()
    plain = world.scores()["tiny", "none", "all", "hit_rate"]
    run("--secondary")
    more = world.scores()["tiny", "none", "all", "hit_rate"]
    assert plain["value"] < more["value"] == 1
    assert "annotators:" not in plain["signature"]
    assert "|annotators:primary+secondary|" in more["signature"]
    assert plain["signature"].split("refs:")[1] != more["signature"].split("refs:")[1]


def test_predictions_without_a_reference_class_are_ignored_and_counted(world, run):
    for number, label in ((20, "other"), (21, None)):
        world.utterances.append(world.utterance(number, label))
        world.predictions.append(
            world.prediction(f"msp_podcast/clip_{number}", render_answer("sad"))
        )
    _, err = run()
    assert world.scores()["tiny", "none", "all", "f1_majority"]["n"] == 16
    assert "1 predictions not scored: consensus is other" in err
    assert "1 predictions not scored: no agreement" in err


def test_the_split_is_that_of_the_predictions_unless_named(world, run):
    world.utterances.append(world.utterance(30, "sad", split="dev"))
    run()
    assert "|split:test1|" in world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    world.predictions.append(world.prediction("msp_podcast/clip_30", render_answer("sad")))
    run()
    assert "|split:dev+test1|n" in world.scores()["tiny", "none", "all", "f1_majority"][
        "signature"
    ].replace("form:open|control:none|subset:all|", "")
    _, err = run("--split", "dev")
    assert world.scores()["tiny", "none", "all", "f1_majority"]["n"] == 1
    assert "16 predictions not scored: lies in another split" in err


def test_probabilities_on_a_corpus_are_over_the_classes_that_it_can_name(world, run, tmp_path):
    """Values of scipy and by hand, on a corpus of three of the eight classes."""
    names, chance = ["angry", "sad", "happy"], random.Random(2)
    votes = [[chance.choice(names) for _ in range(5)] for _ in range(12)]
    rows = [
        world.utterance(n, "sad", one, id=f"meld/{n}", corpus="meld", split="test")
        for n, one in enumerate(votes)
    ]
    other = world.write_jsonl(tmp_path / "meld" / "utterances.jsonl", rows)
    world.write_card(tmp_path / "meld", classes=names)
    given = [{name: chance.random() / 8 for name in CLASSES} for _ in rows]
    # One answer has nothing on the corpus' classes, so it is uniform there.
    given[0] |= dict.fromkeys(names, 0.0)
    world.predictions = [row | {"probabilities": {"sad": 1.0}} for row in world.predictions]
    world.predictions += [
        world.prediction(row["id"], render_answer("sad"), probabilities=one)
        for row, one in zip(rows, given, strict=True)
    ]
    run("--references", other)
    scores = {
        metric: row
        for (system, _, subset, metric), row in world.scores().items()
        if (system, subset) == ("tiny", "corpus:meld")
    }
    references = np.array([[one.count(name) / 5 for name in names] for one in votes])
    predictions = np.array([[one[name] for name in names] for one in given])
    predictions[0] = 1
    predictions /= predictions.sum(axis=1, keepdims=True)
    theirs = {
        "kl": entropy(references, predictions, axis=1).mean(),
        "js": (jensenshannon(references, predictions, base=2, axis=1) ** 2).mean(),
        "f1_distribution": f1_score(
            references > 1 / 3, predictions > 1 / 3 + 1e-9, average="macro", zero_division=0
        ),
        "set_recall": np.mean(
            [
                (own[chosen] > 1 / 3 + 1e-9).mean()
                for own, chosen in zip(predictions, references > 0, strict=True)
            ]
        ),
    }
    for metric, value in theirs.items():
        assert scores[metric]["value"] == pytest.approx(value, abs=1e-9), metric
        assert "|labels:3|" in scores[metric]["signature"]
    right = predictions.argmax(axis=1) == 1
    confidence = predictions.max(axis=1)
    bins = pd.cut(confidence, np.linspace(0, 1, 16), labels=False)
    gaps = pd.Series(right - confidence).groupby(bins).sum().abs().sum() / len(rows)
    assert scores["ece"]["value"] == pytest.approx(gaps, abs=1e-9)
    # The other corpus can name all eight.
    whole = world.scores()["tiny", "none", "corpus:msp_podcast", "kl"]
    assert "|labels:8|" in whole["signature"]


def test_a_corpus_without_the_named_split_is_mentioned(world, run, tmp_path):
    row = world.utterance(0, "sad", id="meld/test_1", corpus="meld", split="test")
    other = world.write_jsonl(tmp_path / "meld" / "utterances.jsonl", [row])
    _, err = run("--references", other, "--split", "test1")
    assert "note: meld has nothing to score in the chosen split" in err
    signature = world.scores()["tiny", "none", "all", "f1_majority"]["signature"]
    assert "|corpus:msp_podcast|" in signature


# Bad input: (what is wrong with the world, where the message points, what it says)
BAD = {
    "missing id": (
        lambda w: w.predictions.pop(3),
        "predictions.jsonl",
        "no prediction for 1 of 16 references: msp_podcast/clip_3",
    ),
    "extra id": (
        lambda w: w.predictions.append(w.prediction("msp_podcast/nobody", "sad")),
        "predictions.jsonl:17",
        "answers msp_podcast/nobody, which no reference file holds",
    ),
    "repeated id": (
        lambda w: w.predictions.append(w.predictions[2]),
        "predictions.jsonl:17",
        "answers msp_podcast/clip_2 twice (first in",
    ),
    "repeated reference": (
        lambda w: w.utterances.append(w.utterances[0]),
        "utterances.jsonl:17",
        "duplicate id",
    ),
    "unknown label": (
        lambda w: w.utterances[4].update(label="happpy"),
        "utterances.jsonl:5",
        "Did you mean 'happy'?",
    ),
    "empty predictions": (lambda w: w.predictions.clear(), "predictions.jsonl", "no predictions"),
    "empty references": (lambda w: w.utterances.clear(), "utterances.jsonl", "no utterances"),
    "no class left": (
        lambda w: [row.update(label="other") for row in w.utterances],
        "utterances.jsonl",
        "majority label among the eight",
    ),
    "missing key": (lambda w: w.predictions[6].pop("prompt"), "predictions.jsonl:7", "prompt"),
    "unknown key": (
        lambda w: w.predictions[6].update(answer="x"),
        "predictions.jsonl:7",
        "answer",
    ),
    "bad form": (
        lambda w: w.predictions[0].update(form="opne"),
        "predictions.jsonl:1",
        "'open' or 'closed'",
    ),
    "other corpus": (
        lambda w: [row.update(id="meld/" + row["id"]) for row in w.predictions],
        "predictions.jsonl:1",
        "no reference file holds an utterance that was predicted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_and_nothing_is_written(world, whyser_eval, case):
    spoil, place, words = BAD[case]
    spoil(world)
    status, out, err = whyser_eval(*world.score_arguments())
    assert status == 1
    assert place in err
    assert words in err
    assert out == ""
    assert not world.results.exists()


def test_a_label_outside_the_declared_classes_is_refused(world, whyser_eval):
    status, _, err = whyser_eval(*world.score_arguments("--classes", "angry,sad,happy,neutral"))
    assert status == 1
    assert "utterances.jsonl:4: msp_podcast/clip_3 has the label 'surprise'" in err
    assert "8 problems in the references" in err
    assert not world.results.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--classes", "angry,sadd"), "Did you mean 'sad'?"),
        (("--classes", "angry"), "fewer than two"),
        (("--split", "test9"), "no reference has the split 'test9'. Choose from test1."),
    ],
)
def test_bad_choices_are_named(world, whyser_eval, more, words):
    status, _, err = whyser_eval(*world.score_arguments(*more))
    assert status == 1
    assert words in err
    assert not world.results.exists()


@pytest.mark.parametrize("name", ["references_file", "predictions_file"])
def test_a_truncated_file_is_named_by_line(world, whyser_eval, name):
    arguments = world.score_arguments()
    path = getattr(world, name)
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    status, _, err = whyser_eval(*arguments)
    assert status == 1
    assert f"{path}:16" in err
    assert "cut short" in err
    assert not world.results.exists()


def test_a_corpus_nobody_predicted_is_refused(world, whyser_eval, tmp_path):
    row = world.utterance(0, "sad", id="meld/test_1", corpus="meld", split="test")
    other = world.write_jsonl(tmp_path / "meld" / "utterances.jsonl", [row])
    status, _, err = whyser_eval(*world.score_arguments("--references", other))
    assert status == 1
    assert f"{other}: no prediction is for the corpus meld" in err


def test_hostile_names_and_texts_pass_through(world, run):
    for row in world.predictions:
        row["model"] = "[bold]x[/] <script>"
        row["text"] = "\u202e<script>alert(1)</script>\x00" * 10
    out, _ = run()
    assert "[bold]x[/]" in out.replace("\n", "")
    assert {sample["prediction"] for sample in world.samples()} == {None}


def test_every_table_of_a_log_names_its_systems(whyser_eval, world):
    """Whatever the answers tell: more figures than fit beside each other make another table."""
    shares = {"sad": 0.6, "neutral": 0.4}
    world.predictions = [
        row | {"text": "<asr>of clip</asr>" + row["text"], "probabilities": shares}
        for row in world.predictions
    ]
    families = ("pitch", "pitch_range", "loudness", "rate", "pauses")
    low = {"value": 90.0, "deviation": -3.0, "strength": -2.0, "level": "low"}
    cues = world.write_jsonl(
        world.folder / "cues.jsonl",
        [{"id": row["id"], "reference": "speaker"} | dict.fromkeys(families, low)
         for row in world.utterances],
    )  # fmt: skip
    _, printed, _ = whyser_eval(*world.score_arguments("--cues", cues, "--wer"))
    printed, _ = printed.split("Signatures")
    tables = printed.split("─ \n")
    assert len(tables) == 4
    for heading in ("f1_majority", "wer", "kl"):
        assert heading in printed
    for rows in tables[1:]:
        assert rows.split()[:3] == ["tiny", "open", "none"]
    assert max(map(len, printed.splitlines())) <= 120
