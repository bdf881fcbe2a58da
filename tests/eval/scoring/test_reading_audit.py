"""The reading audit: counts by hand, kappa compared with scikit-learn, and the file of `score`."""

import json

from whyser.labels.classes import CLASSES
from whyser.records.predictions import Prediction
from whyser_eval.reading.rules import UNREAD, Reading
from whyser_eval.scoring.reading_audit import ReadTwice, audit_systems, rules_against_llm
from whyser_eval.scoring.systems import System, SystemName

SAD, ANGRY = Reading("sad", "tag", "gloomy"), Reading("angry", "lexicon", "angry", True)


def system(*readings):
    answers = tuple(
        Prediction(id=f"meld/{n}", form="open", prompt="0", model="tiny", text="x")
        for n in range(len(readings))
    )
    return System(SystemName("tiny", "open", "none"), answers, tuple((one,) for one in readings))


def test_counts_by_stage_class_and_word():
    readings = (SAD, SAD, ANGRY, UNREAD, Reading("other", "llm", "zesty"))
    (facts,) = audit_systems(["sad", "angry"], ["sad", "angry", "angry", "sad", "sad"],
                             [system(*readings)])  # fmt: skip
    assert facts == {
        "model": "tiny", "form": "open", "control": "none", "variant": 0,
        "stages": {"tag": 2, "lexicon": 1, "llm": 1, "unread": 1},
        "classes": {
            "sad": {"n": 3, "unread": 1, "two_emotions": 0},
            "angry": {"n": 2, "unread": 0, "two_emotions": 1},
        },
        "other": 1,
        "words": [["gloomy", "sad", 2], ["angry", "angry", 1], ["zesty", "other", 1]],
    }  # fmt: skip


def test_the_twenty_most_frequent_words_are_listed():
    readings = [Reading("other", "tag", f"w{n:02}") for n in range(30) for _ in range(n + 1)]
    (facts,) = audit_systems(CLASSES, ["sad"] * len(readings), [system(*readings)])
    assert facts["words"][0] == ["w29", "other", 30]
    assert len(facts["words"]) == 20


def twice(*pairs):
    return [
        ReadTwice("tiny", f"meld/{n}", "x" * 1000,
                  Reading(one, "lexicon", one) if one else UNREAD,
                  Reading(two, "llm", two) if two else UNREAD)
        for n, (one, two) in enumerate(pairs)
    ]  # fmt: skip


def test_rules_against_a_model():
    found = rules_against_llm(
        twice(("sad", "sad"), ("sad", "fear"), ("sad", "fear"), (None, "fear"), (None, None),
              ("sad", None), ("sad", "fear"), ("sad", "fear"))
    )  # fmt: skip
    assert (found["n"], found["agreement"]) == (8, 0.25)
    assert (found["read_by_rules_alone"], found["read_by_llm_alone"]) == (1, 1)
    first = found["disagreements"][0]
    assert (first["rules"], first["llm"], first["n"]) == ("sad", "fear", 4)
    assert [one["id"] for one in first["examples"]] == ["meld/1", "meld/2", "meld/6"]
    assert (first["examples"][0]["rules"], first["examples"][0]["llm"]) == ("sad", "fear")
    assert len(first["examples"][0]["text"]) == 200
    assert [one["n"] for one in found["disagreements"]] == [4, 1, 1]


def audit_of(world):
    return json.loads((world.results / "audit.json").read_text(encoding="utf-8"))


def test_score_writes_it_and_prints_it(whyser_eval, world):
    world.predictions[0]["text"] = "No idea."
    world.predictions[1]["text"] = "Sad and angry."
    status, out, err = whyser_eval(*world.score_arguments("--audit"))
    assert status == 0, err
    audit = audit_of(world)
    assert audit["parser"].startswith("rules-")
    assert audit["rules_against_llm"] is None
    (facts,) = audit["systems"]
    assert facts["stages"] == {"tag": 14, "lexicon": 1, "unread": 1}
    lost = {label: one for label, one in facts["classes"].items() if one["unread"]}
    assert lost == {"angry": {"n": 2, "unread": 1, "two_emotions": 0}}
    assert "Read by rules-" in out and "50.0%" in out


def test_it_is_silent_unless_asked(whyser_eval, world):
    _, out, _ = whyser_eval(*world.score_arguments())
    assert "Read by" not in out
    _, out, _ = whyser_eval(*world.score_arguments("--audit", "--json"))
    json.loads(out)


def options(reading, *more):
    return ("--reader-endpoint", reading.url, "--reader-model", "judge", *more)


def test_a_model_that_reads_all_is_held_against_the_rules(reading, whyser_eval, world):
    reading.reply = lambda data: json.dumps({"emotion": "neutral", "second": None})
    status, out, err = whyser_eval(
        *world.score_arguments(*options(reading, "--reader", "llm", "--audit"))
    )
    assert status == 0, err
    found = audit_of(world)["rules_against_llm"]
    # Every second answer says neutral, and of the others those two whose class it is.
    assert (found["n"], found["agreement"]) == (16, 10 / 16)
    assert found["read_by_rules_alone"] == 6
    assert "Rules against model: 16 answers, 62.5% alike" in out


def test_hybrid_is_held_against_the_rules_on_a_seeded_sample(reading, whyser_eval, world):
    reading.reply = lambda data: json.dumps({"emotion": "neutral", "second": None})
    assert whyser_eval(*world.score_arguments(*options(reading)))[0] == 0
    assert audit_of(world)["rules_against_llm"] is None
    assert reading.asked == []
    for _ in range(2):
        more = options(reading, "--audit", "--audit-sample", 5)
        assert whyser_eval(*world.score_arguments(*more))[0] == 0
        assert audit_of(world)["rules_against_llm"]["n"] == 5
    assert len({json.dumps(data) for data in reading.data}) == len(reading.asked) <= 5


def test_hostile_text_stays_text_in_the_table(reading, whyser_eval, world):
    for row in world.predictions:
        row["text"] = "[bold]\x1b[31m\u202e sad [/bold]"
    reading.reply = lambda data: json.dumps({"emotion": None, "second": None})
    _, out, err = whyser_eval(
        *world.score_arguments(*options(reading, "--reader", "llm", "--audit"))
    )
    assert "[bold][31m sad [/bold]" in out, err
    assert "\x1b[31m" not in out and "\u202e" not in out
