"""Answers as files of EmoBox, with its keys and numbers; misses stay misses.

`scores_of_emobox` computes what EmoBox's `ComputePerformance` does: scikit-learn's scores of the
numbers.
"""

import json

import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from whyser.io.errors import InputError
from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser_eval.answers.emobox import emobox_key, label_index


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def scores_of_emobox(folder):
    """WA, UA and Macro-F1, after the checks that EmoBox makes of the two lists."""
    predictions, labels = rows(folder / "predictions.jsonl"), rows(folder / "labels.jsonl")
    assert [one["key"] for one in predictions] == [one["key"] for one in labels]
    references = [one["label"] for one in labels]
    answers = [one["pred"] for one in predictions]
    return (
        accuracy_score(references, answers),
        balanced_accuracy_score(references, answers),
        f1_score(references, answers, average="macro"),
    )


@pytest.fixture
def export(world, whyser_eval):
    def call(*more):
        world.write()
        status, _, err = whyser_eval(
            "export", "emobox", world.predictions_file, "--references", world.references_file,
            "--output", world.folder / "emobox", *more,
        )  # fmt: skip
        return status, err

    return call


@pytest.mark.parametrize(
    ("id_", "key"),
    [
        # As they stand in EmoBox's data/*/fold_1/*_test_fold_1.jsonl.
        ("msp_podcast/MSP-PODCAST_1909_0264", "msppodcast-MSP-PODCAST_1909_0264"),
        ("iemocap/Ses01F_script02_2_M017", "iemocap-Ses01F_script02_2_M017"),
        ("meld/test/dia0_utt0", "meld-dia0_utt0-test"),
        ("crema_d/1052_WSI_ANG_XX", "cremad-1052-WSI-ANG-XX"),
        ("ravdess/03-01-07-02-02-02-11", "ravdess-03-01-07-02-02-02-11"),
    ],
)
def test_keys_are_those_of_emobox(id_, key):
    assert emobox_key(id_) == key


def test_the_names_are_those_of_its_label_map():
    # data/msppodcast/label_map.json, without Other and No-agreement, which are not scored.
    assert set(label_index(CLASSES)) == {
        "Surprise", "Fear", "Disgust", "Angry", "Sad", "Contempt", "Neutral", "Happy", "Miss",
    }  # fmt: skip


def test_predictions_and_labels_are_written(world, export):
    status, err = export()
    assert status == 0, err
    folder = world.folder / "emobox" / "tiny_open" / "msppodcast"
    assert str(folder) in err
    assert sorted(path.name for path in folder.iterdir()) == [
        "label2idx.json", "labels.jsonl", "predictions.jsonl",
    ]  # fmt: skip
    names = {number: name.lower() for name, number in
             json.loads((folder / "label2idx.json").read_text()).items()}  # fmt: skip
    labels = rows(folder / "labels.jsonl")
    assert [names[one["label"]] for one in labels] == [one["label"] for one in world.utterances]
    assert set(rows(folder / "predictions.jsonl")[0]) == {"key", "pred"}


def test_its_accuracies_are_ours(world, export, whyser_eval):
    assert export()[0] == 0 and whyser_eval(*world.score_arguments())[0] == 0
    wa, ua, f1 = scores_of_emobox(world.folder / "emobox/tiny_open/msppodcast")
    scores = world.scores()
    assert wa == pytest.approx(scores["tiny", "none", "all", "wa"]["value"])
    assert ua == pytest.approx(scores["tiny", "none", "all", "ua"]["value"])
    # Nothing was missed and every class has references: the classes are the same eight.
    assert f1 == pytest.approx(scores["tiny", "none", "all", "f1_majority"]["value"])


# scikit-learn's word on a number that no reference has; the recall is right.
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_a_miss_lowers_every_score_there(world, export, whyser_eval):
    assert export()[0] == 0
    folder = world.folder / "emobox/tiny_open/msppodcast"
    before = scores_of_emobox(folder)
    right = [number for number in range(16) if number % 2]
    world.predictions[right[0]]["text"] = "I cannot tell."
    world.predictions[right[1]]["text"] = render_answer("other")
    assert export()[0] == 0 and whyser_eval(*world.score_arguments())[0] == 0
    missed = rows(folder / "predictions.jsonl")
    assert [one["pred"] for one in missed].count(8) == 2
    after = scores_of_emobox(folder)
    assert all(low < high for low, high in zip(after, before, strict=True))
    scores = world.scores()
    assert after[0] == pytest.approx(scores["tiny", "none", "all", "wa"]["value"])
    assert after[1] == pytest.approx(scores["tiny", "none", "all", "ua"]["value"])
    # Macro-F1 over nine: the misses are a class of their own there, with F1 0.
    ours = scores["tiny", "none", "all", "f1_majority"]["value"]
    assert after[2] == pytest.approx(ours * 8 / 9)


def test_a_control_is_not_exported_and_a_name_is_one_folder(world, export):
    world.predictions = [
        one | {"model": "Qwen/../Audio", "control": control}
        for one in world.predictions
        for control in ("none", "silence")
    ]
    assert export()[0] == 0
    written = sorted((world.folder / "emobox").iterdir())
    assert [path.name for path in written] == ["Qwen%2F..%2FAudio_open"]


def test_what_is_not_scored_is_counted(world, export):
    world.utterances[0] |= {"label": "other", "votes": []}
    status, err = export()
    assert status == 0 and "1 predictions not exported: consensus is other" in err
    assert len(rows(world.folder / "emobox/tiny_open/msppodcast/labels.jsonl")) == 15


def test_a_missing_answer_and_a_foreign_corpus_are_refused(world, export):
    del world.predictions[3]
    status, err = export()
    assert status == 1 and "no prediction for 1 of 16 references" in err
    with pytest.raises(InputError, match="EmoBox has no corpus 'emodb'"):
        emobox_key("emodb/03a01Wa")


def test_answers_under_a_control_alone_are_refused(world, whyser_eval):
    for row in world.predictions:
        row["control"] = "shuffled"
    world.write()
    status, _, err = whyser_eval(
        "export", "emobox", world.predictions_file, "--references", world.references_file,
        "--output", world.folder / "emobox",
    )  # fmt: skip
    assert status == 1
    assert "holds only answers under a control" in err
