"""The paper's Table 2 in LaTeX: what is coloured, what is escaped, which utterances are shown."""

import hashlib
import re

import pytest

from whyser.prompting.answer import render_answer

MARK = re.compile(r"\\whyser(content|prediction|acoustic)\{((?:[^{}]|\{[^{}]*\})*)\}")


def coloured(cell):
    """Kind -> the words of each unbroken run of boxes."""
    found = []
    for box in MARK.finditer(cell):
        kind, text = box.groups()
        if found and found[-1][0] == kind and found[-1][2] == box.start():
            found[-1] = (kind, found[-1][1] + text, box.end())
        else:
            found.append((kind, text, box.end()))
    return [(kind, text.strip()) for kind, text, _ in found]


@pytest.fixture
def examples(world, whyser_eval, tmp_path):
    """Scores two systems and writes their examples; returns (status, standard error, text)."""
    for row in world.utterances:
        row["transcript"] = "You forgot our anniversary, 100 % & more!"
    words = '"you forgot our anniversary, 100 % & more"'
    reason = f"The words {words} sound mad in clip_1. The pitch is high."
    world.predictions = [
        world.prediction(row["id"], render_answer("angry", rationale=reason), model=model)
        for model in ("one", "two")
        for row in world.utterances
    ]
    assert whyser_eval(*world.score_arguments())[0] == 0

    def call(*more):
        path = tmp_path / "table2.tex"
        status, _, err = whyser_eval("examples", world.results, "--output", path, *more)
        return status, err, path.read_text(encoding="utf-8") if path.exists() else ""

    return call


def rows(text):
    body = text.split("\\midrule")[1].split("\\bottomrule")[0]
    return [re.split(r"(?<!\\) & ", line) for line in body.strip().splitlines()]


def test_words_label_and_voice_have_their_colours(examples):
    status, err, text = examples("--system", "one")
    assert status == 0, err
    cell = rows(text)[0][2]
    found = coloured(cell)
    assert found[0] == ("prediction", "Angry")
    assert ("content", r'"you forgot our anniversary, 100 \% \& more"') in found
    assert ("acoustic", r"The pitch is high") in found
    plain = MARK.sub(lambda box: box[2], cell)
    assert plain.startswith("Angry --- The words ")


def test_braces_are_balanced_and_the_macros_are_defined(examples):
    _, _, text = examples("--system", "one")
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    for name in ("content", "prediction", "acoustic"):
        assert rf"\providecommand{{\whyser{name}}}" in text
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_the_choice_is_fixed_and_the_label_is_the_majoritys(examples, world):
    _, _, text = examples("--system", "one", "--max-samples", "2")
    ids = sorted(
        (row["id"] for row in world.utterances),
        key=lambda id_: hashlib.sha256(id_.encode()).digest(),
    )[:2]
    label = {row["id"]: row["label"] for row in world.utterances}
    assert [row[:2] for row in rows(text)] == [
        [id_.replace("_", r"\_"), label[id_].capitalize()] for id_ in ids
    ]


def test_utterances_are_named_and_systems_side_by_side(examples):
    wanted = ["msp_podcast/clip_3", "msp_podcast/clip_1"]
    named = [word for id_ in wanted for word in ("--id", id_)]
    status, err, text = examples("--system", "one", "--system", "two", *named)
    assert status == 0, err
    assert [row[0].replace("\\", "") for row in rows(text)] == wanted
    assert all(len(row) == 4 for row in rows(text))
    assert "MV label & one & two" in text


@pytest.mark.parametrize(("more", "said"), [
    (("--system", "three"), "no system 'three'"),
    (("--system", "one", "--id", "msp_podcast/clip_33"), "has no rationale of every system"),
])  # fmt: skip
def test_what_is_not_there_is_named(examples, more, said):
    status, err, text = examples(*more)
    assert (status, text) == (1, "")
    assert said in err


def test_hostile_text_stays_text(world, whyser_eval, tmp_path):
    hostile = "\\input{x} $ % # {} \u202e ~^ <b> the voice is low\n\nand & more"
    world.predictions = [
        world.prediction(row["id"], render_answer("sad", rationale=hostile))
        for row in world.utterances
    ]
    assert whyser_eval(*world.score_arguments())[0] == 0
    path = tmp_path / "t.tex"
    assert whyser_eval("examples", world.results, "--system", "tiny", "--output", path)[0] == 0
    text = path.read_text(encoding="utf-8")
    body = text.split("\\midrule")[1]
    assert "\\input" not in body and "\u202e" not in body and "\n\n" not in body
    assert not re.search(r"(?<!\\)[$%#]", body)
