"""`whyser-eval study read` as a user runs it: the paper's figures, and every kind of bad file."""

import csv
import json
import re
from collections import Counter

import krippendorff
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whyser.io.errors import WhyserError
from whyser_eval.explanations.study.files import collect
from whyser_eval.explanations.study.read import studied
from whyser_eval.explanations.study.rows import read_studied
from whyser_eval.explanations.study.statistics import BootstrapSettings

#: Of ten raters: accepted of 16 matches and of 16 mismatches, and own preferred of 32. The sums
#: and the spread are the paper's.
MATCH = [9, 9, 10, 10, 11, 12, 13, 13, 14, 15]
MISMATCH = [7, 8, 8, 9, 10, 11, 12, 13, 13, 14]
PREFERRED = [6, 8, 10, 11, 11, 14, 14, 16, 18, 19]


@pytest.fixture
def paper(study):
    """Ten raters, whose choices lie on other items each."""
    matches = [one.item for one in study.key.of("accept") if one.condition == "match"]
    others = [one.item for one in study.key.of("accept") if one.condition == "mismatch"]
    counts = zip(MATCH, MISMATCH, PREFERRED, strict=True)
    for number, (match, mismatch, preferred) in enumerate(counts):
        favoured = {
            *(matches[(number * 3 + place) % 16] for place in range(match)),
            *(others[(number * 5 + place) % 16] for place in range(mismatch)),
            *(study.of("prefer")[(number * 7 + place) % 32] for place in range(preferred)),
        }
        study.rate(f"r{number:02d}", favoured.__contains__)
    return study


def percent(row):
    return tuple(round(100 * row[name], 1) for name in ("value", "low", "high"))


def test_the_papers_figures(paper, whyser_eval):
    """69.1 [58.9, 79.2], 72.5 and 65.6, 39.7 [30.2, 49.2] percent (paper, 3.4)."""
    status, shown, _ = whyser_eval(*paper.arguments())
    assert status == 0
    rows = paper.rows()
    assert percent(rows["all", "acceptance_rate", "t"]) == (69.1, 58.9, 79.2)
    assert rows["match", "acceptance_rate", "t"]["value"] == 116 / 160
    assert rows["mismatch", "acceptance_rate", "t"]["value"] == 105 / 160
    assert percent(rows["all", "preference_rate", "t"]) == (39.7, 30.2, 49.2)
    assert percent(rows["all", "acceptance_rate", "binomial"]) == (69.1, 63.8, 73.9)
    for told in ("69.1", "[58.9, 79.2]", "[63.8, 73.9]", "72.5", "65.6", "39.7", "[30.2, 49.2]"):
        assert told in shown


def test_p_is_below_a_twentieth_where_the_interval_lies_below_one_half(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    p = paper.rows()["all", "p_two_sided", None]["value"]
    assert p == pytest.approx(0.0366, abs=5e-4)


def test_every_figure_says_what_it_rests_on(paper, whyser_eval):
    whyser_eval(*paper.arguments("--seed", "3"))
    rows = paper.found()["rows"]
    assert len({row["signature"] for row in rows}) == len(rows)
    for row in rows:
        name, *pairs = row["signature"].split("|")
        told = dict(pair.split(":", 1) for pair in pairs if not pair.startswith("subset:"))
        assert name == row["metric"]
        assert told["study"] == "3fa9c1d2"
        assert told["drawn"] == "7"
        assert (told["n"], told["raters"], told["items"]) == tuple(
            str(row[name]) for name in ("n", "raters", "items")
        )
        assert told.get("interval") == row["interval"]
        assert (told.get("draws"), told.get("seed")) == (
            ("200", "3") if row["interval"] == "bootstrap" else (None, None)
        )
        assert pairs[-1].startswith("whyser:")


def test_emotions_add_up_to_the_whole(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    for metric in ("acceptance_rate", "preference_rate"):
        parts = [
            row
            for (subset, name, interval), row in paper.rows().items()
            if subset.startswith("emotion:") and (name, interval) == (metric, "binomial")
        ]
        whole = paper.rows()["all", metric, "binomial"]
        assert sum(row["n"] for row in parts) == whole["n"] == 320
        assert sum(row["n"] * row["value"] for row in parts) == pytest.approx(320 * whole["value"])


@pytest.mark.parametrize(
    ("subset", "test"), [("all", "accept"), ("match", "accept"), ("all", "prefer")]
)
def test_alpha_is_the_reference_implementations(paper, whyser_eval, subset, test):
    whyser_eval(*paper.arguments())
    with (paper.output / "judgements.csv").open(encoding="utf-8", newline="") as stream:
        lines = [
            line
            for line in csv.DictReader(stream)
            if line["test"] == test and subset in ("all", line["condition"])
        ]
    raters, names = (sorted({line[name] for line in lines}) for name in ("rater", "item"))
    table = np.full((len(raters), len(names)), np.nan)
    for line in lines:
        chosen = line["choice"] in ("accept", "system")
        table[raters.index(line["rater"]), names.index(line["item"])] = chosen
    (row,) = (
        row
        for row in paper.found()["rows"]
        if (row["test"], row["subset"], row["metric"]) == (test, subset, "krippendorff_alpha")
    )
    expected = krippendorff.alpha(reliability_data=table, level_of_measurement="nominal")
    assert row["value"] == pytest.approx(expected)


#: Fleiss (1971) of ten raters on items with these numbers of acceptances: the mean of
#: (a * (a - 1) + b * (b - 1)) / 90 over the items less chance, worked out by hand.
ACCEPTANCES = [10, 10, 8, 5, 2, 0, 9, 4]


def test_kappa_worked_out_by_hand(study, whyser_eval):
    study.make(study.items(accept=8, prefer=0))
    counts = dict(zip(study.of("accept"), ACCEPTANCES, strict=True))
    for number in range(10):
        study.rate(f"r{number}", lambda name, number=number: number < counts[name])
    whyser_eval(*study.arguments())
    # Pairs that agree: 90 + 90 + 58 + 40 + 58 + 90 + 72 + 42 = 540 of 720; 48 of 80 accepted, so
    # that chance agrees on 0.6 * 0.6 + 0.4 * 0.4 = 0.52.
    kappa = study.rows()["all", "fleiss_kappa", None]["value"]
    assert kappa == pytest.approx((540 / 720 - 0.52) / (1 - 0.52))


def test_judgements_are_one_line_an_answer(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    with (paper.output / "judgements.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 640
    counts = Counter((line["test"], line["choice"]) for line in lines)
    assert counts == {
        ("accept", "accept"): 221,
        ("accept", "reject"): 99,
        ("prefer", "system"): 127,
        ("prefer", "reference"): 193,
    }
    truth = {one.item: one for one in paper.key.answers}
    for line in lines:
        one = truth[line["item"]]
        assert (line["id"], line["gold"], line["condition"]) == (one.id, one.gold, one.condition)
        assert line["swapped"] in ("true", "false")


def test_preferences_are_what_a_judge_is_held_against(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    text = (paper.output / "preferences.jsonl").read_text(encoding="utf-8")
    pairs = [json.loads(line) for line in text.splitlines()]
    assert [pair["id"] for pair in pairs] == [one.id for one in paper.key.of("prefer")]
    assert all(sorted(pair["systems"]) == [paper.reference, paper.system] for pair in pairs)
    assert sum(pair["preferred"][paper.system] for pair in pairs) == 127
    assert sum(pair["preferred"][paper.reference] for pair in pairs) == 193


def test_the_same_command_writes_the_same_figures(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    names = ("study.json", "judgements.csv", "preferences.jsonl")
    first = [(paper.output / name).read_bytes() for name in names]
    whyser_eval(*paper.arguments())
    assert [(paper.output / name).read_bytes() for name in names] == first


def test_json_is_the_file(paper, whyser_eval):
    _, shown, _ = whyser_eval(*paper.arguments("--json"))
    assert json.loads(shown) == paper.found()
    assert read_studied(paper.output / "study.json").system == paper.system


def test_the_files_of_a_study_come_together(paper, whyser_eval, set_before):
    whyser_eval(*paper.arguments())
    assert set_before("study.json") == {"provenance.json", "judgements.csv", "preferences.jsonl"}


def test_provenance_names_the_key_and_every_file(paper, whyser_eval):
    whyser_eval(*paper.arguments())
    record = json.loads((paper.output / "provenance.json").read_text(encoding="utf-8"))
    assert len(record["inputs"]) == 11
    assert record["settings"]["draws"] == 200


def test_items_are_drawn_within_match_and_mismatch(study, whyser_eval):
    """As the study was: half and half by design, so that this half is no matter of chance."""
    right = {one.item for one in study.key.answers if one.condition == "match"}
    study.rate("r1", right.__contains__)
    study.rate("r2", right.__contains__)
    whyser_eval(*study.arguments())
    row = study.rows()["all", "acceptance_rate", "bootstrap"]
    assert (row["value"], row["low"], row["high"]) == (0.5, 0.5, 0.5)


def test_one_test_alone(study, whyser_eval):
    study.make(study.items(prefer=0))
    study.rate("r1", lambda _: True)
    study.rate("r2", lambda _: False)
    assert whyser_eval(*study.arguments("--draws", "0"))[0] == 0
    assert {row["test"] for row in study.found()["rows"]} == {"accept"}
    assert {row["interval"] for row in study.found()["rows"]} == {"t", "binomial", None}
    assert (study.output / "preferences.jsonl").read_text(encoding="utf-8") == ""


def test_one_rater_has_no_interval_over_raters(study, whyser_eval):
    study.rate("r1", study.of("accept")[:20].__contains__)
    status, _, told = whyser_eval(*study.arguments())
    assert status == 0
    row = study.rows()["all", "acceptance_rate", "t"]
    assert (row["value"], row["low"], row["high"]) == (20 / 32, None, None)
    assert "one rater says nothing of other raters; there is no t interval" in told


# Files that are refused


def edited(change):
    """A bad file by a forger who seals it anew, so that the check alone does not find it."""

    def make(study):
        record = study.file("r2", lambda _: True)
        change(record)
        study.write(study.sealed(record), "bad.json")

    return make


def raw(text):
    def make(study):
        study.answers.mkdir(parents=True, exist_ok=True)
        (study.answers / "bad.json").write_text(text(study), encoding="utf-8")

    return make


def whole(study, **more):
    return json.dumps(study.file("r2", lambda _: True) | more)


def reversed_order(record):
    record["answers"].reverse()


def twice(record):
    record["answers"].append(dict(record["answers"][0]))


def set_answer(**more):
    return edited(lambda record: record["answers"][40].update(more))


BAD = {
    "not JSON": (raw(lambda _: "hello"), "JSON"),
    "empty": (raw(lambda _: ""), "JSON"),
    "cut short": (raw(lambda study: whole(study)[:500]), "EOF"),
    "of another form": (raw(lambda study: whole(study, format="whyser-study-2")), "format: "),
    "with a field more": (raw(lambda study: whole(study, more=1)), "more: "),
    "the key itself": (raw(lambda study: study.key.model_dump_json()), "format: "),
    "changed": (raw(lambda study: whole(study, saved="")), "was changed"),
    "of another study": (
        edited(lambda r: r.update(study="00000000")),
        "belongs to study '00000000'",
    ),
    "an item too many": (set_answer(item="zz"), "'zz' is not in the key"),
    "answered twice": (edited(twice), "has two answers"),
    "of the other test": (set_answer(test="accept"), "does not belong to test 'accept'"),
    "another choice": (set_answer(choice="both"), "choice 'both', expected first or second"),
    "another order": (edited(reversed_order), "order differs from that shown to rater 'r2'"),
    "another place": (set_answer(place=63), "order differs from"),
    "another rater's order": (edited(lambda r: r.update(rater="r3")), "order differs from"),
    "another side": (
        edited(lambda r: r["answers"][40].update(swapped=not r["answers"][40]["swapped"])),
        "sides differ from",
    ),
    "a side where there is one": (
        edited(lambda r: r["answers"][3].update(swapped=True)),
        "sides differ from",
    ),
    "complete with holes": (edited(lambda r: r["answers"].pop()), "is marked complete"),
}


@pytest.mark.parametrize(("make", "told"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_by_name(study, whyser_eval, make, told):
    study.rate("r1", lambda _: True)
    make(study)
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "bad.json" in errors
    assert told in errors
    cure = "the key of that study" if "to study" in told else "the file as the page saved it"
    assert cure in errors
    assert "--skip-bad" in errors
    assert not study.output.exists()


@pytest.mark.parametrize(("make", "told"), BAD.values(), ids=BAD)
def test_and_told_where_the_rest_goes_on_without_it(study, whyser_eval, make, told):
    study.rate("r1", lambda _: True)
    make(study)
    status, _, _ = whyser_eval(*study.arguments("--skip-bad"))
    assert status == 0
    assert {row["rater"] for row in study.found()["raters"]} == {"r1"}
    assert any("bad.json" in line and told in line for line in study.found()["left_out"])


def test_all_bad_files_are_told_at_once(study, whyser_eval):
    study.rate("r1", lambda _: True)
    for number, (make, _) in enumerate(BAD.values()):
        make(study)
        (study.answers / "bad.json").rename(study.answers / f"bad{number}.json")
    _, _, errors = whyser_eval(*study.arguments())
    assert set(re.findall(r"bad\d+\.json", errors)) == {f"bad{n}.json" for n in range(len(BAD))}


def test_a_file_of_many_faults_hides_no_other(study, whyser_eval):
    for number in range(5):
        record = study.file(f"r{number}", lambda _: True)
        for one in record["answers"]:
            one["choice"] = "maybe"
        study.write(study.sealed(record))
    _, _, errors = whyser_eval(*study.arguments())
    assert "choice 'maybe', expected accept or reject (and 63 more)" in errors
    assert "5 problems in the raters' files" in errors


def test_one_rater_in_two_files_that_differ(study, whyser_eval):
    study.rate("r1", lambda _: True)
    study.write(study.file("r2", lambda _: True), "one.json")
    study.write(study.file("r2", lambda _: False), "two.json")
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "rater 'r2' has files with different answers" in errors
    assert "one.json" in errors and "two.json" in errors
    whyser_eval(*study.arguments("--skip-bad"))
    assert {row["rater"] for row in study.found()["raters"]} == {"r1"}


def test_one_rater_in_two_sessions_of_the_same_choices(study, whyser_eval):
    study.write(study.file("r2", lambda _: True), "one.json")
    study.write(study.file("r2", lambda _: True, session="another"), "two.json")
    assert whyser_eval(*study.arguments())[0] == 1


def test_a_copy_under_another_name(study, whyser_eval):
    study.rate("r1", lambda _: True)
    study.rate("r2", lambda _: True, session="session-r1")
    study.rate("r3", lambda _: True)
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "session 'session-r1' is used by the raters 'r1' and 'r2'" in errors
    whyser_eval(*study.arguments("--skip-bad"))
    assert {row["rater"] for row in study.found()["raters"]} == {"r3"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda key: key.update(answers=[]), "contains no items"),
        (lambda key: key.update(form="study-2"), "form: "),
        (lambda key: key.pop("system"), "system: "),
        (lambda key: key["answers"].append(key["answers"][0]), "is a duplicate"),
        (lambda key: key.update(system="other"), "the study to"),
        (lambda key: key["answers"][40].update(systems=["row11"]), "has the systems 'row11'"),
        (lambda key: key["answers"][40].update(systems=["row11"] * 2), "has the systems"),
        (lambda key: key["answers"][0].update(systems=["row11", "gold"]), "has the systems"),
        (lambda key: key["answers"][0].update(expected="maybe"), "is not a choice"),
    ],
)
def test_a_key_that_is_none(study, whyser_eval, change, told):
    study.rate("r1", lambda _: True)
    key = json.loads(study.key_file.read_text(encoding="utf-8"))
    change(key)
    study.key_file.write_text(json.dumps(key), encoding="utf-8")
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert f"{study.key_file}: " in errors
    assert told in errors


def test_a_folder_without_files(study, whyser_eval):
    study.answers.mkdir()
    (study.answers / "._r1.json").write_text("a Mac's own", encoding="utf-8")
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "contains no .json file" in errors


def test_a_path_that_leads_nowhere_is_no_bad_file(study, whyser_eval):
    study.rate("r1", lambda _: True)
    status, _, errors = whyser_eval(*study.arguments(study.folder / "r9.json", "--skip-bad"))
    assert status == 1
    assert "r9.json: no such file or folder" in errors


# Files that are counted and told


def test_the_same_file_counts_once(study, whyser_eval):
    study.rate("r1", lambda _: True)
    study.write(study.file("r1", lambda _: True), "r1 (1).json")
    status, _, told = whyser_eval(*study.arguments())
    assert status == 0
    assert study.rows()["all", "acceptance_rate", "t"]["raters"] == 1
    assert "the same as" in told and "r1 (1).json" in told


def test_a_path_given_twice_is_one_file(study, whyser_eval):
    path = study.rate("r1", lambda _: True)
    assert whyser_eval(*study.arguments(path))[0] == 0
    assert study.found()["left_out"] == []


@pytest.mark.parametrize("name", ["early.json", "unfinished.json"])
def test_an_earlier_save_gives_way_to_the_fuller_file(study, whyser_eval, name):
    study.rate("r1", lambda _: True)
    early = study.file("r1", lambda _: True, items=study.of("accept"), saved="2026-01-01T00:00:00Z")
    study.write(early, name)
    assert whyser_eval(*study.arguments())[0] == 0
    assert study.rows()["all", "preference_rate", "t"]["n"] == 32
    (line,) = study.found()["left_out"]
    assert f"{name}: an earlier save of" in line


def test_whoever_went_back_and_chose_anew_is_taken_at_the_last_word(study, whyser_eval):
    study.rate("r1", lambda _: True)
    early = study.file("r1", lambda _: False, saved="2026-01-02T10:20:00Z")
    study.write(early, "early.json")
    assert whyser_eval(*study.arguments())[0] == 0
    assert study.rows()["all", "acceptance_rate", "t"]["value"] == 1
    (line,) = study.found()["left_out"]
    assert "early.json: an earlier save of" in line


def test_a_later_save_that_lacks_answers_is_refused(study, whyser_eval):
    study.rate("r1", lambda _: True)
    late = study.file("r1", lambda _: True, items=study.of("accept"), saved="2026-01-03T00:00:00Z")
    study.write(late, "late.json")
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "rater 'r1' has files with different answers" in errors


def test_incomplete_files_are_left_out_or_kept(study, whyser_eval):
    study.rate("r1", lambda _: True)
    study.rate("r2", lambda _: False, items=study.of("accept")[:20])
    status, _, told = whyser_eval(*study.arguments())
    assert status == 0
    assert "rater 'r2' answered 20 of 64 items" in told
    assert study.rows()["all", "acceptance_rate", "binomial"]["n"] == 32

    _, _, told = whyser_eval(*study.arguments("--keep-incomplete"))
    rows = study.rows()
    # Every rater weighs alike in the one, every answer in the other.
    assert rows["all", "acceptance_rate", "t"]["value"] == 0.5
    assert rows["all", "acceptance_rate", "binomial"]["value"] == 32 / 52
    assert rows["all", "acceptance_rate", "bootstrap"]["value"] == 32 / 52
    assert rows["all", "preference_rate", "t"]["raters"] == 1
    assert "12 of 64 answers are missing" in told


def test_a_pair_that_nobody_answered_prefers_nobody(study, whyser_eval):
    answered = study.of("prefer")[:5]
    study.rate("r1", lambda _: True, items=answered)
    whyser_eval(*study.arguments("--keep-incomplete"))
    text = (study.output / "preferences.jsonl").read_text(encoding="utf-8")
    pairs = [json.loads(line) for line in text.splitlines()]
    assert [pair["id"] for pair in pairs] == [f"msp_podcast/{name}" for name in answered]


def test_nobody_is_left(study, whyser_eval):
    study.rate("r2", lambda _: False, items=study.of("accept"))
    status, _, errors = whyser_eval(*study.arguments())
    assert status == 1
    assert "no rater's file is left" in errors
    assert "rater 'r2' answered 32 of 64" in errors


def test_raters_can_be_left_out_by_name(study, whyser_eval):
    study.rate("r1", lambda _: True)
    study.rate("r2", lambda _: False)
    study.write(study.file("r3", lambda _: True) | {"saved": ""}, "changed.json")
    status, _, _ = whyser_eval(*study.arguments("--leave-out", "r2", "--leave-out", "r3"))
    assert status == 0
    assert {row["rater"] for row in study.found()["raters"]} == {"r1"}
    assert len(study.found()["left_out"]) == 2

    status, _, errors = whyser_eval(*study.arguments("--leave-out", "r22"))
    assert status == 1
    assert "no rater 'r22'" in errors and "Did you mean 'r2'?" in errors


# Raters


def remarks(study, whyser_eval):
    assert whyser_eval(*study.arguments())[0] == 0
    return {
        (row["rater"], row["test"]): " / ".join(row["remarks"]) for row in study.found()["raters"]
    }


def test_an_outlier_is_named_and_counts(study, whyser_eval):
    for number in range(9):
        study.rate_first(f"r{number}", "accept", 20 + number % 3)
    study.rate_first("odd", "accept", 1)
    found = remarks(study, whyser_eval)
    assert "outlier: share 3%" in found["odd", "accept"]
    assert "outlier: agrees with the others on" in found["odd", "accept"]
    assert not any("outlier" in found[f"r{number}", "accept"] for number in range(9))
    assert study.rows()["all", "acceptance_rate", "t"]["raters"] == 10


def test_too_few_raters_to_tell_an_outlier(study, whyser_eval):
    for number in range(3):
        study.rate_first(f"r{number}", "accept", 20)
    study.rate_first("odd", "accept", 1)
    assert "outlier" not in remarks(study, whyser_eval)["odd", "accept"]
    assert "accept: 4 raters are too few to tell an outlier" in study.found()["warnings"]


def test_always_the_same(study, whyser_eval):
    study.rate("r1", lambda _: True)
    sides = {one["item"]: one["swapped"] for one in study.file("r2", lambda _: True)["answers"]}
    own_first = {one.item: one.systems[0] == study.system for one in study.key.of("prefer")}
    study.rate("r2", lambda name: name in own_first and own_first[name] != sides[name])
    found = remarks(study, whyser_eval)
    assert found["r1", "accept"] == "always the same choice: accept"
    assert found["r1", "prefer"] == ""  # always the system's own is a preference
    assert found["r2", "accept"] == "always the same choice: reject"
    assert found["r2", "prefer"] == "always the one shown first"


def test_without_hearing(study, whyser_eval):
    study.make([one.model_copy(update={"duration": 4.0}) for one in study.items()])
    record = study.file("r1", study.of("accept")[::3].__contains__)
    record["answers"][0] |= {"plays": 0, "milliseconds": 10}
    record["answers"][1]["milliseconds"] = 3999
    record["answers"][2]["milliseconds"] = 4000
    study.write(study.sealed(record))
    found = remarks(study, whyser_eval)["r1", "accept"]
    assert "1 of 32 answered without playing the sound" in found
    assert "1 of 32 answered in less time than the sound takes" in found


def test_attention_checks_are_told_and_no_part_of_any_figure(study, whyser_eval):
    study.make(study.items(checks=3))
    study.rate("r1", lambda name: not name.startswith("c"))
    study.rate("r2", lambda name: name in ("a1", "c0", "c1"))
    found = remarks(study, whyser_eval)
    assert "failed" not in found["r1", "accept"]
    assert "failed 2 of 3 attention checks" in found["r2", "accept"]
    row = study.rows()["all", "acceptance_rate", "binomial"]
    assert (row["n"], row["value"]) == (64, 33 / 64)
    table = (study.output / "judgements.csv").read_text(encoding="utf-8")
    assert len(table.splitlines()) == 129


def test_a_raters_name_is_no_formula_of_a_spreadsheet(study, whyser_eval):
    study.rate('=HYPERLINK("x")', lambda _: True)
    study.rate("R-1", lambda _: True)
    assert whyser_eval(*study.arguments())[0] == 0
    with (study.output / "judgements.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert {line["rater"] for line in lines} == {'\'=HYPERLINK("x")', "R-1"}


def test_a_raters_name_cannot_command_the_terminal(study, whyser_eval):
    study.rate("\x1b[2J\u202e[bold]r1", lambda _: True)
    study.write({"format": "x", "\x1b[2J": 1}, "bad.json")
    _, shown, errors = whyser_eval(*study.arguments("--skip-bad"))
    assert "\x1b" not in shown + errors
    assert "[bold]r1" in shown
    _, _, errors = whyser_eval(*study.arguments("--skip-bad", "--leave-out", "r2"))
    assert "\x1b" not in errors


# Properties


@pytest.fixture
def small(study):
    study.make(study.items(accept=4, prefer=2))
    return study


def figures(study, paths):
    """All that is told of the raters, or None where a file is refused."""
    try:
        collected = collect(paths, study.key, keeps_incomplete=True)
    except WhyserError:
        return None
    return studied(collected, study.key, BootstrapSettings(20))


# The folder is one and the same for all examples; each writes its file anew.
@settings(max_examples=400, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_a_file_with_one_character_changed_is_refused_or_tells_the_same(small, data):
    text = json.dumps(small.file("r1", ("a1", "p0").__contains__, saved="2026"))
    before = figures(small, [raw_file(small, text)])
    assert before is not None
    place = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.sampled_from(["", *'0123456789abcdefprstu"{}[]:,. -\\\n']) | st.characters())
    length = data.draw(st.integers(0, 1))
    after = figures(small, [raw_file(small, text[:place] + new + text[place + length :])])
    assert after is None or after == before


def raw_file(study, text):
    path = study.answers / "one.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    return path


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    counts=st.lists(st.sets(st.sampled_from(["a0", "a1", "a2", "a3", "p0", "p1"])), max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_figures_do_not_depend_on_the_order_of_files(small, counts, order):
    paths = [
        small.rate(f"r{place}", favoured.__contains__) for place, favoured in enumerate(counts)
    ]
    before = figures(small, paths)
    order.shuffle(paths)
    assert figures(small, paths) == before
