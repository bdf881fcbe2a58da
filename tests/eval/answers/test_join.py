"""`join` gives predictions without ids their ids back, or writes nothing."""

import json

import pytest

from whyser.prompting.prompts import CLOSED, OPEN, OPEN_COT, OPTIONS, POOLS, emotion_question
from whyser_eval.answers.join import join


def answer(number):
    return f"<answer>I think the emotion is sad</answer><reason>Reason {number}.</reason>"


def manifest_row(number, **changes):
    return {
        "id": f"msp_podcast/{number}",
        "corpus": "msp_podcast",
        "split": "test1",
        "label": "sad",
        "answer": answer(number),
        "form": "open",
        "prompt": "9c01aa7e",
        "control": "none",
        "audio": "/sound/a.wav",
    } | changes


def generated_row(number, **changes):
    return {"prompt": "user", "predict": f"said {number}", "label": answer(number)} | changes


class Files:
    def __init__(self, folder):
        self.folder = folder
        self.manifest = [manifest_row(number) for number in range(6)]
        self.generated = [generated_row(number) for number in range(6)]
        self.output = folder / "out" / "predictions.jsonl"

    def arguments(self):
        for name, rows in (("m.jsonl", self.manifest), ("g.jsonl", self.generated)):
            lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
            (self.folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return (
            "join",
            "--manifest", self.folder / "m.jsonl",
            "--predictions", self.folder / "g.jsonl",
            "--output", self.output,
            "--model", "tiny",
        )  # fmt: skip


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_every_prediction_gets_its_id(files, whyser_eval):
    status, _, err = whyser_eval(*files.arguments())
    assert status == 0, err
    rows = [json.loads(line) for line in files.output.read_text().splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [
        (f"msp_podcast/{number}", f"said {number}") for number in range(6)
    ]
    assert rows[0] == {
        "id": "msp_podcast/0",
        "form": "open",
        "prompt": "9c01aa7e",
        "model": "tiny",
        "control": "none",
        "text": "said 0",
    }


def test_the_model_is_named_after_its_folder(files, whyser_eval, tmp_path):
    assert whyser_eval(*files.arguments()[:-2])[0] == 0
    assert json.loads(files.output.read_text().splitlines()[0])["model"] == tmp_path.name


def test_space_around_an_answer_and_unicode_composition_do_not_matter(files):
    files.manifest[2]["answer"] = "caf\u00e9"
    files.generated[2]["label"] = "\n cafe\u0301 "
    files.arguments()
    joined = join(files.folder / "m.jsonl", files.folder / "g.jsonl", model="tiny")
    assert joined[2].id == "msp_podcast/2"


@pytest.mark.parametrize("dropped", [[0], [3], [5], [1, 2]])
def test_dropped_rows_are_named(files, whyser_eval, dropped):
    files.generated = [row for n, row in enumerate(files.generated) if n not in dropped]
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    ids = ", ".join(f"msp_podcast/{number}" for number in dropped)
    assert f"{len(dropped)} dropped, {ids}. " in err
    assert "g.jsonl" in err
    assert "whyser-convert check" in err
    assert not files.output.parent.exists()


@pytest.mark.parametrize("kept", [2, 5])
def test_last_rows_that_are_missing_are_those_of_max_samples(files, whyser_eval, kept):
    files.generated = files.generated[:kept]
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    assert f"{6 - kept} dropped, msp_podcast/{kept}" in err
    assert "The last rows are missing, as after max_samples or a run that was stopped" in err


@pytest.mark.parametrize("end", ["", "\ufffd"])
def test_a_label_that_the_cutoff_has_cut_is_no_other_manifest(files, whyser_eval, end):
    files.generated[2]["label"] = answer(2)[:20] + end
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    assert "m.jsonl:3: 6 predictions for 6 rows" in err
    assert "has cut the row at cutoff_len: raise cutoff_len" in err
    assert "Give the manifest" not in err


@pytest.mark.parametrize("key", ["predict", "label"])
def test_half_a_character_is_named_by_its_line(files, whyser_eval, key):
    files.generated[3][key] = "a smile \ud83d"
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    assert f"{files.folder / 'g.jsonl'}:4: holds half a character (\\ud83d). Write" in err
    assert not files.output.exists()


def test_a_dropped_row_among_equal_answers_is_named_with_doubt(files, whyser_eval):
    for number in (2, 3):
        files.manifest[number]["answer"] = files.generated[number]["label"] = "the same"
    del files.generated[2]
    _, _, err = whyser_eval(*files.arguments())
    assert "1 dropped, msp_podcast/3 (1 of them, or a neighbour with the same answer)" in err


@pytest.mark.parametrize(
    ("spoil", "place", "words"),
    [
        (lambda f: f.generated.reverse(), "m.jsonl:1", "msp_podcast/0 expects"),
        (lambda f: f.generated[4].update(label="other"), "m.jsonl:5", "msp_podcast/4 expects"),
        (lambda f: f.generated.append(generated_row(9)), "g.jsonl", "line 7"),
        (lambda f: f.generated[1].pop("label"), "g.jsonl:2", "'label'"),
        (lambda f: f.generated[1].update(predict=None), "g.jsonl:2", "'predict'"),
        (lambda f: f.manifest[3].pop("answer"), "m.jsonl:4", "answer"),
        (lambda f: f.manifest.append(manifest_row(2)), "m.jsonl:7", "duplicate id"),
        (lambda f: f.generated.__setitem__(5, '{"prompt": "us'), "g.jsonl:6", "cut short"),
        (lambda f: f.manifest.__setitem__(0, '{"id": "a'), "m.jsonl:1", "cut short"),
        (lambda f: f.generated.clear(), "g.jsonl", "holds no rows"),
        (lambda f: f.manifest.clear(), "m.jsonl", "holds no rows"),
    ],
    ids=range(11),
)
def test_what_does_not_belong_together_is_refused(files, whyser_eval, spoil, place, words):
    spoil(files)
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    assert place in err
    assert words in err
    assert not files.output.parent.exists()


def test_a_missing_file_is_named(files, whyser_eval):
    arguments = files.arguments()
    (files.folder / "g.jsonl").unlink()
    status, _, err = whyser_eval(*arguments)
    assert status == 1
    assert "g.jsonl: no such file" in err


def test_answers_to_another_question_are_refused(files, whyser_eval):
    for row in files.manifest:
        row["prompt"] = OPEN.hash
    for row in files.generated:
        row["prompt"] = f"user\n{OPEN.text}"
    assert whyser_eval(*files.arguments())[0] == 0
    files.output.unlink()
    for row in files.generated:
        row["prompt"] = f"user\n{CLOSED.text}"
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1
    assert "m.jsonl:1: msp_podcast/0 has the open form" in err
    assert f"the closed form ({CLOSED.hash})" in err
    assert not files.output.exists()


def asked(files, question, **changes):
    """Manifest rows and predictions that ask `question`."""
    for row in files.manifest:
        row |= {"form": question.form, "prompt": question.hash, "question": question.text,
                "options": list(question.options)}  # fmt: skip
    for row in files.generated:
        row |= {"prompt": f"user\n{question.text}\nassistant\n"} | changes


SHUFFLED = emotion_question("closed", options=OPTIONS[::-1])


@pytest.mark.parametrize("question", [OPEN, CLOSED, OPEN_COT, SHUFFLED], ids=lambda q: q.name)
def test_a_question_meets_its_own_manifest(files, whyser_eval, question):
    asked(files, question)
    status, _, err = whyser_eval(*files.arguments())
    assert status == 0, err
    (first, *_) = map(json.loads, files.output.read_text().splitlines())
    # The paper's order of the options is left out: it is what a prediction has without.
    assert first.get("options") == (list(SHUFFLED.options) if question is SHUFFLED else None)


@pytest.mark.parametrize("other", [CLOSED, OPEN_COT, SHUFFLED], ids=lambda q: q.name)
def test_another_questions_predictions_are_refused(files, whyser_eval, other):
    asked(files, OPEN, prompt=f"user\n{other.text}\nassistant\n")
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1 and f"the {other.name.split('_')[0]}" in err
    assert not files.output.exists()


def test_another_wording_is_another_question(files, whyser_eval):
    asked(files, OPEN, prompt=f"user\n{POOLS['stem'][3]}\nassistant\n")
    status, _, err = whyser_eval(*files.arguments())
    assert status == 1 and "the open form" in err


# ---- score --manifest ---------------------------------------------------------------------


def test_score_joins_first(world, whyser_eval, tmp_path):
    """The output folder names the system, of which each file is another part."""
    world.write()
    words = []
    for control in ("none", "shuffled"):
        rows = world.utterances
        manifest = [manifest_row(0, id=row["id"], control=control) for row in rows]
        label = "neutral" if control == "shuffled" else None
        generated = [generated_row(0, predict=label or row["label"]) for row in rows]
        for kind, lines in (("manifest", manifest), ("predictions", generated)):
            path = world.write_jsonl(tmp_path / f"{control}.{kind}.jsonl", lines)
            words += [f"--{kind}", path]
    status, _, err = whyser_eval(
        *("score", "--references", world.references_file, "--output", tmp_path / "run"), *words
    )
    assert status == 0, err
    scores = json.loads((tmp_path / "run/scores.json").read_text())
    found = {
        (row["system"], row["control"]): row["value"]
        for row in scores
        if (row["subset"], row["metric"], row["form"]) == ("all", "wa", "open")
    }
    assert found == {("run", "none"): 1.0, ("run", "shuffled"): 2 / 16}
    assert len((tmp_path / "run/joined.jsonl").read_text().splitlines()) == 32


def test_every_file_needs_its_manifest(world, whyser_eval, tmp_path, files):
    world.write()
    files.arguments()
    generated, manifest = tmp_path / "g.jsonl", tmp_path / "m.jsonl"
    words = ("--predictions", generated, "--predictions", generated, "--manifest", manifest)
    status, _, err = whyser_eval(
        *("score", "--references", world.references_file, "--output", tmp_path / "run"), *words
    )
    assert status == 1
    assert "1 --manifest for 2 --predictions" in err
