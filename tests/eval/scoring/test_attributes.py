"""Attributes from references and answers to scores, samples, comparisons and tables."""

import json

import numpy as np
import pytest

from whyser.prompting.answer import render_answer
from whyser_eval.output.table import lay_out

from ..conftest import World, prediction, utterance, write_jsonl

MANIKINS = {"arousal": [1, 7], "valence": [1, 7]}


def rated(number, label, arousal, valence=None, **changes):
    """Two annotators, whose mean is the arousal."""
    votes = [
        {"rater": str(rater), "primary": label, "raw": label, "arousal": arousal + step}
        | ({} if valence is None else {"valence": valence})
        for rater, step in enumerate((-0.5, 0.5))
    ]
    return utterance(number, label) | {"votes": votes} | changes


def answer(label, text):
    return render_answer(label, attributes=text, target="attributes")


class AttributeWorld(World):
    """16 utterances with an arousal from 2 to 5.75, eight of them with a valence, and a system that
    hears the arousal half a manikin too high."""

    def __init__(self, folder):
        super().__init__(folder)
        self.scales = {"msp_podcast": MANIKINS}
        for number, row in enumerate(self.utterances):
            valence = 1 + number % 4 if number % 2 else None
            self.utterances[number] = rated(number, row["label"], 2 + number / 4, valence)
        self.predictions = [
            prediction(row["id"], answer(row["label"], f"arousal {2.5 + n / 4} of 7, valence 4"))
            for n, row in enumerate(self.utterances)
        ]

    def write(self):
        super().write()
        for corpus, scales in self.scales.items():
            path = self.folder / corpus / "corpus.json"
            card = json.loads(path.read_text()) | {"attributes": scales, "corpus": corpus}
            path.write_text(json.dumps(card))


@pytest.fixture
def world(tmp_path):
    return AttributeWorld(tmp_path)


def lin(x, y):
    x, y = np.array(x), np.array(y)
    covariance = ((x - x.mean()) * (y - y.mean())).mean()
    return 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def scored(world, whyser_eval, *more):
    status, out, err = whyser_eval(*world.score_arguments(*more))
    assert status == 0, err
    return world.scores(), out


AROUSAL = [2 + number / 4 for number in range(16)]


def test_each_attribute_and_their_mean_are_scored(world, whyser_eval):
    scores, out = scored(world, whyser_eval)
    arousal = scores["tiny", "none", "all", "ccc:arousal"]
    expected = lin(AROUSAL, [one + 0.5 for one in AROUSAL])
    assert arousal["value"] == pytest.approx(expected)
    assert arousal["low"] < arousal["value"] < arousal["high"] and arousal["n"] == 16
    # A constant agrees with nothing, and half of the utterances have a valence.
    valence = scores["tiny", "none", "all", "ccc:valence"]
    assert valence["value"] == pytest.approx(0, abs=1e-12) and valence["n"] == 8
    mean = scores["tiny", "none", "all", "ccc"]
    assert mean["value"] == pytest.approx(expected / 2) and mean["n"] == 16
    assert ("tiny", "none", "all", "ccc:dominance") not in scores
    assert f"{expected:.3f}" in out
    # The guesses know only labels.
    assert not any(key[3].startswith("ccc") for key in scores if key[0] != "tiny")


def test_the_signature_has_what_the_figures_rest_on(world, whyser_eval):
    world.predictions[3]["text"] = answer("sad", "valence 2 of 7")
    world.predictions[5]["text"] = answer("sad", "arousal 9 of 7, valence 3")
    world.predictions[7]["text"] = "I cannot tell."
    scores, _ = scored(world, whyser_eval)

    def signed(metric):
        return scores["tiny", "none", "all", metric]["signature"].split("|")

    assert "unread:miss=3" in signed("ccc:arousal") and "unread:miss=1" in signed("ccc:valence")
    assert "unread:miss=3" in signed("ccc") and "unread:miss=1" in signed("f1_majority")
    assert "values:attributes-1" in signed("ccc") and "avg:none" in signed("ccc:arousal")
    hashed = [one for one in signed("ccc") if one.startswith("attributes:")]
    assert hashed and hashed[0] in signed("ccc:arousal")
    assert not any(one.startswith("attributes:") for one in signed("f1_majority"))
    # An unread arousal is the middle.
    said = [4 if n in {3, 5, 7} else one + 0.5 for n, one in enumerate(AROUSAL)]
    assert scores["tiny", "none", "all", "ccc:arousal"]["value"] == pytest.approx(
        lin(AROUSAL, said)
    )

    world.utterances[0]["votes"][0]["arousal"] += 1
    again, _ = scored(world, whyser_eval)
    assert hashed[0] not in again["tiny", "none", "all", "ccc"]["signature"]
    same = "f1_majority"
    assert again["tiny", "none", "all", same]["signature"] == "|".join(signed(same))


def test_samples_have_the_means_and_the_values(world, whyser_eval):
    world.predictions[1]["text"] = answer("sad", "arousal 50 %")
    scored(world, whyser_eval)
    first, second, *_ = world.samples()
    assert first["attributes"] == {"arousal": [2.0, 2.5]}
    assert second["attributes"] == {"arousal": [2.25, 4.0], "valence": [2.0, None]}


@pytest.mark.parametrize("missing", ["answers", "scales", "votes"])
def test_without_attributes_there_is_no_concordance(world, whyser_eval, missing):
    if missing == "answers":
        for row in world.predictions:
            row["text"] = render_answer("sad")
    elif missing == "scales":
        world.scales = {}
    else:
        for row in world.utterances:
            row["votes"] = []
    scores, _ = scored(world, whyser_eval)
    values = {key[3]: one["value"] for key, one in scores.items() if key[3].startswith("ccc")}
    assert set(values.values()) <= {None}
    if missing != "votes":
        assert not values and world.samples()[0]["attributes"] is None


@pytest.mark.parametrize("card", ["missing", "without scales"])
def test_attributes_without_a_scale_are_warned_of(world, whyser_eval, card):
    world.scales = {}
    world.predictions[3]["text"] = render_answer("sad")
    arguments = world.score_arguments()
    path = world.references_file.parent / "corpus.json"
    if card == "missing":
        path.unlink()
    status, _, err = whyser_eval(*arguments)
    assert status == 0, err
    what = "is missing" if card == "missing" else "names no scale for them"
    warning = (
        "no ccc for msp_podcast: its annotators rated arousal and valence, and 15 answers of tiny "
        f"(open) name them, but {path}, which has their scales, {what}. whyser-convert writes it: "
        "put it beside the references."
    )
    assert f"warning: {warning}\n" in err
    assert warning in json.loads((world.results / "provenance.json").read_text())["warnings"]


@pytest.mark.parametrize("missing", ["answers", "votes"])
def test_nothing_is_missing_where_one_side_has_no_attributes(world, whyser_eval, missing):
    world.scales = {}
    for row in world.predictions if missing == "answers" else world.utterances:
        row.update({"text": render_answer("sad")} if missing == "answers" else {"votes": []})
    _, _, err = whyser_eval(*world.score_arguments())
    assert "no ccc" not in err


def test_released_means_count_where_no_votes_were(world, whyser_eval):
    for number, row in enumerate(world.utterances):
        row["votes"], row["attributes"] = [], {"arousal": 2 + number / 4}
    scores, _ = scored(world, whyser_eval)
    expected = lin(AROUSAL, [one + 0.5 for one in AROUSAL])
    assert scores["tiny", "none", "all", "ccc:arousal"]["value"] == pytest.approx(expected)


def test_corpora_are_pooled_by_their_places_on_the_scales(world, whyser_eval):
    """A corpus with five manikins and one with seven; on each alone the values themselves count."""
    five = [
        rated(n, "sad", 1 + n / 4, id=f"iemocap/{n}", corpus="iemocap", audio=f"i{n}.wav")
        for n in range(1, 16)
    ]
    world.write()
    folder = world.folder / "iemocap"
    world.write_card(folder)
    world.scales = {"msp_podcast": MANIKINS, "iemocap": {"arousal": [1, 5]}}
    path = write_jsonl(folder / "utterances.jsonl", five)
    world.predictions += [
        prediction(row["id"], answer("sad", f"arousal {1.5 + n / 5:.1f} of 5"))
        for n, row in enumerate(five, 1)
    ]
    scores, _ = scored(world, whyser_eval, "--references", path)
    seven_x, seven_y = AROUSAL, [one + 0.5 for one in AROUSAL]
    five_x, five_y = ([a + n / b for n in range(1, 16)] for a, b in ((1, 4), (1.5, 5)))
    values = {
        subset: scores["tiny", "none", subset, "ccc:arousal"]["value"]
        for subset in ("all", "corpus:iemocap", "corpus:msp_podcast")
    }
    assert values["corpus:msp_podcast"] == pytest.approx(lin(seven_x, seven_y))
    assert values["corpus:iemocap"] == pytest.approx(lin(five_x, five_y))
    x, y = (
        [(one - 1) / 6 for one in seven] + [(one - 1) / 4 for one in of_five]
        for seven, of_five in ((seven_x, five_x), (seven_y, five_y))
    )
    assert values["all"] == pytest.approx(lin(x, y))
    # A mean over the attributes that the corpus has.
    alone = scores["tiny", "none", "corpus:iemocap", "ccc"]["value"]
    assert alone == pytest.approx(values["corpus:iemocap"])
    assert ("tiny", "none", "corpus:iemocap", "ccc:valence") not in {
        key for key, one in scores.items() if one["value"] is not None
    }


def test_utterances_without_agreement_have_attributes_too(world, whyser_eval):
    world.utterances[0]["label"] = None
    scores, _ = scored(world, whyser_eval, "--all-inclusive")
    assert scores["tiny", "none", "all", "ccc:arousal"]["n"] == 15
    assert scores["tiny", "none", "all_inclusive", "ccc:arousal"]["n"] == 16
    assert ("tiny", "none", "all_inclusive", "f1_majority") not in scores


def test_a_shuffled_control_and_a_comparison(world, whyser_eval):
    said = [row["text"] for row in world.predictions]
    other = [row | {"model": "poor", "text": said[number - 5]}
             for number, row in enumerate(world.predictions)]  # fmt: skip
    world.predictions += other + [row | {"control": "shuffled"} for row in other]
    scores, _ = scored(world, whyser_eval)
    assert scores["poor", "shuffled", "all", "ccc"]["value"] < 0.3
    arguments = ["--references", world.references_file, "--predictions", world.predictions_file]
    output = world.folder / "c.json"
    status, _, err = whyser_eval(
        "compare", *arguments, "--against", "poor", "--draws", 200, "--output", output
    )
    assert status == 0, err
    rows = {(row["subset"], row["metric"]): row for row in json.loads(output.read_text())}
    found = rows["all", "ccc:arousal"]
    own, less = (scores[name, "none", "all", "ccc:arousal"]["value"] for name in ("tiny", "poor"))
    assert found["value"] == pytest.approx(own - less)
    assert 0 < found["low"] <= found["value"] <= found["high"] and found["p"] < 0.05

    table = lay_out([world.results], layout="attributes", comparisons=[output], published=False)
    assert [column.headings[2] for column in table.columns] == ["CCC", "arousal", "valence"]
    (group,) = table.groups
    (tiny,) = (line for line in group.lines if line.system == "tiny")
    assert tiny.cells[1].text == f"{100 * own:.2f}" and tiny.cells[1].is_best
    assert "*" in tiny.cells[1].marks
    assert any(note.startswith("CCC: concordance") for note in table.notes)
    # The paper's table is as before.
    assert len(lay_out([world.results], comparisons=[output], published=False).columns) == 4


def test_speakers_can_be_drawn(world, whyser_eval):
    scores, _ = scored(world, whyser_eval, "--resample-by", "speaker")
    arousal = scores["tiny", "none", "all", "ccc:arousal"]
    assert arousal["low"] < arousal["value"] < arousal["high"]


def test_of_several_samples_the_one_counts_whose_class_does(world, whyser_eval):
    for row in world.predictions:
        label = "happy"
        row["samples"] = [answer(label, "arousal 2 of 7"), answer(label, "arousal 6 of 7")]
    world.predictions[0]["text"] = answer("sad", "arousal 5 of 7")
    scored(world, whyser_eval)
    assert world.samples()[0]["attributes"]["arousal"][1] == 2


def test_the_report_has_the_figures(world, whyser_eval):
    scored(world, whyser_eval)
    status, _, err = whyser_eval("report", world.results, "--audio", "none")
    assert status == 0, err
    page = (world.results / "report.html").read_text()
    assert "ccc:arousal" in page
    assert "arousal 2.5 (annotators 2)" in page
