"""The functions for notebooks: the README's example, and the same figures as from files."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

import whyser_eval
from whyser_eval import compare, f1_all_labels, f1_majority, score

README = Path(__file__).resolve().parents[3] / "README.md"

CLASSES = ["happy", "sad", "fear"]
LABELS = ["sad", "sad", "happy", "happy", "fear"] * 20
VOTES = [{"sad"}, {"sad", "happy"}, {"happy", "fear"}, {"happy"}, {"fear", "sad"}] * 20
ANSWERS = {
    "ours": ["sad", "happy", "happy", "happy", "fear"] * 20,
    "theirs": ["sad", None, "sad", "happy", "bored"] * 20,
}


def test_the_example_of_the_readme_prints_what_it_says(capsys):
    text = README.read_text(encoding="utf-8").split("## From a notebook")[1]
    (block,) = re.findall(r"```python\n(.*?)```", text.split("\n## ")[0], re.DOTALL)
    exec(block, {})
    shown = capsys.readouterr().out.splitlines()
    said = re.findall(r"# ([\d.]+)$", block, re.MULTILINE)
    assert shown[:2] == said
    assert len(said) == 2


def test_values_are_scikit_learns():
    found = f1_majority(LABELS, ANSWERS["ours"], classes=CLASSES)
    each = f1_score(LABELS, ANSWERS["ours"], labels=CLASSES, average=None)
    assert found == pytest.approx(each.mean())
    assert list(found.per_class.values()) == pytest.approx(list(each))
    assert f1_all_labels(LABELS, ANSWERS["ours"], VOTES, classes=CLASSES) == 1


def test_lists_series_and_a_table_of_systems_give_the_same():
    table = pd.DataFrame(ANSWERS, index=[f"clip{n}" for n in range(100)])
    labels, votes = (pd.Series(one, index=table.index) for one in (LABELS, VOTES))
    plain = score(LABELS, ANSWERS, VOTES, classes=CLASSES, draws=50)
    pd.testing.assert_frame_equal(score(labels, table, votes, classes=CLASSES, draws=50), plain)
    assert list(plain.columns) == ["system", "metric", "value", "low", "high", "n"]
    row = plain.set_index(["system", "metric"]).loc[("ours", "f1_majority")]
    assert row["value"] == f1_majority(LABELS, ANSWERS["ours"], classes=CLASSES)
    assert row["low"] < row["value"] < row["high"] and row["n"] == 100
    assert set(score(LABELS, ANSWERS["ours"], classes=CLASSES, draws=0)["system"]) == {"system"}


def test_missing_values_of_pandas_are_misses():
    answers = [None, float("nan"), pd.NA, "sad", "fear"] * 20
    assert f1_majority(LABELS, answers, classes=CLASSES) == f1_majority(
        LABELS, [None, None, None, "sad", "fear"] * 20, classes=CLASSES
    )


def test_speakers_are_drawn_as_one():
    speakers = np.repeat([f"s{n}" for n in range(4)], 25)
    alone = score(LABELS, ANSWERS["theirs"], VOTES, classes=CLASSES, speakers=speakers)
    assert set(alone["n"]) == {100}
    assert (alone["high"] - alone["low"]).max() < 1e-9  # every speaker's answers are alike


def test_systems_are_compared():
    found = compare(LABELS, ANSWERS, VOTES, classes=CLASSES, against="theirs", draws=200)
    assert list(found["metric"]) == ["f1_majority", "f1_all_labels"]
    assert set(found["system"]) == {"ours"} and set(found["against"]) == {"theirs"}
    ours, theirs = (f1_majority(LABELS, one, classes=CLASSES) for one in ANSWERS.values())
    assert found["value"][0] == pytest.approx(ours - theirs)
    assert (found["p"] <= found["p_holm"]).all() and (found["low"] > 0).all()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"references": [*LABELS[:-1], "bored"]}, "outside the declared classes: .'bored'"),
        ({"references": [*LABELS[:-1], None]}, "outside the declared classes: .None"),
        ({"references": LABELS[:-1]}, "differ in length"),
        ({"annotators": ["sad"] * 100}, "annotators.0. is the string 'sad', expected {'sad'}"),
        ({"references": pd.Series(LABELS, index=range(1, 101))}, "indices .* differ"),
        ({"against": "nobody"}, "expected 'nobody' and another system, found .'ours', 'theirs'"),
        ({"metrics": ["f1"]}, "unknown metrics .'f1'., expected some of .'f1_majority'"),
    ],
)
def test_wrong_input_is_refused(change, told):
    given = {"references": LABELS, "annotators": VOTES, "against": "ours"} | change
    with pytest.raises(ValueError, match=told):
        compare(predictions=pd.DataFrame(ANSWERS), classes=CLASSES, draws=100, **given)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        whyser_eval.nonsense  # noqa: B018
