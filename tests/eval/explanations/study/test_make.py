"""`whyser-eval study make`: what it draws, what it hides from raters, what it writes."""

import json
import os
import re
import shlex
from collections import Counter
from datetime import datetime
from itertools import pairwise

import pytest
import soundfile

from whyser.labels.classes import CLASSES
from whyser_eval.explanations.pairs import read_pairs
from whyser_eval.explanations.scored import Explanation
from whyser_eval.explanations.study.sample import balanced, shortage

from .making import REASON, Studio, material


@pytest.fixture
def studio(world, whyser_eval):
    made = Studio(world, whyser_eval)
    made.score()
    return made


@pytest.fixture
def made(studio):
    """The paper's study: 32 items in each test."""
    status, err = studio.make("--references", studio.write_references())
    assert status == 0, err
    return studio


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# What is drawn


def explained(number, gold):
    return Explanation(f"c/{number}", "s", "sad", gold, None, "", "Why.")


def test_emotions_come_in_turn_and_the_short_are_filled_up():
    found = [explained(number, CLASSES[number % 4]) for number in range(40)]
    found = [one for one in found if one.gold != "angry"] + found[:1]
    assert Counter(one.gold for one in balanced(found, 13, 0)) == {
        "angry": 1, "sad": 4, "happy": 4, "surprise": 4,
    }  # fmt: skip
    assert shortage("Test I", found, 16) == (
        "Test I: fewer than 2 of an emotion (angry 1, fear 0, disgust 0, contempt 0, neutral 0), "
        "filled up from the others"
    )
    assert shortage("Test I", found, 7) is None
    assert shortage("Test I", found[:3], 4) == "Test I: only 3 of 4 are available"


def test_more_of_one_emotion_change_nothing_of_another():
    few = [explained(number, CLASSES[number % 8]) for number in range(64)]
    more = few + [explained(number, "sad") for number in range(64, 128)]
    one, two = balanced(few, 24, 3), balanced(more, 24, 3)
    assert [x for x in one if x.gold != "sad"] == [x for x in two if x.gold != "sad"]
    assert balanced(few[::-1], 24, 3) == one != balanced(few, 24, 4)


def test_the_papers_two_tests(made):
    key = made.key
    first, second = key.of("accept"), key.of("prefer")
    assert Counter((one.condition, one.gold) for one in first) == {
        (condition, label): 2 for condition in ("match", "mismatch") for label in CLASSES
    }
    assert Counter((one.condition, one.gold) for one in second) == {
        ("mismatch", label): 4 for label in CLASSES
    }
    ids = [one.id for one in key.answers]
    assert len(set(ids)) == 64
    assert {one.systems for one in first} == {("whyser_tiny",)}
    # Which stands first is drawn, and close to half.
    assert 8 <= sum(one.systems[0] == "whyser_tiny" for one in second) <= 24
    assert (key.system, key.reference) == ("whyser_tiny", "a-teacher")


def test_the_key_is_true(made):
    rows = {row["id"]: row for row in made.world.utterances}
    items = {item["item"]: item for item in material(made.page)["items"]}
    for one in made.key.answers:
        shown = items[one.item]["candidates"]
        assert one.gold == rows[one.id]["label"]
        assert (one.condition == "match") == (one.prediction == one.gold)
        own = one.systems.index("whyser_tiny")
        number = int(one.id.rsplit("_", 1)[1])
        assert shown[own] == {"label": one.prediction, "text": REASON.format(number)}
        if one.test == "prefer":
            assert shown[1 - own]["label"] == one.gold
            assert shown[1 - own]["text"].startswith("The tone of")


def test_another_seed_draws_others(made):
    status, _ = made.make(
        "--references", made.world.folder / "references.jsonl", "--seed", 1,
        output=made.world.folder / "other",
    )  # fmt: skip
    other = json.loads((made.world.folder / "other.key.json").read_text())
    assert status == 0
    assert {one["id"] for one in other["answers"]} != {one.id for one in made.key.answers}


def test_shortages_are_told_and_tests_share_only_when_they_must(studio):
    status, err = studio.make("--accept", 64, "--prefer", 64, "--references",
                              studio.write_references())  # fmt: skip
    assert status == 0
    # Of 160 utterances 90 are mismatches: 32 of Test I, 58 others, 6 again.
    key = studio.key
    mismatches = sum(one.condition == "mismatch" for one in key.of("accept"))
    both = {one.id for one in key.of("accept")} & {one.id for one in key.of("prefer")}
    told = re.search(r"Test II: (\d+) are in Test I too", err)
    there = sum(not match for match in _matches(studio))
    assert mismatches == 32 and len(key.of("prefer")) == 64
    assert len(both) == 96 - there == (int(told[1]) if told else 0)


def _matches(studio):
    return [row["prediction"] == row["label"] for row in studio.world.samples()]


def test_a_test_may_be_left_out(studio):
    status, err = studio.make("--prefer", 0)
    assert status == 0, err
    assert list(material(studio.page)["choices"]) == ["accept", "prefer"]
    assert {item["test"] for item in material(studio.page)["items"]} == {"accept"}
    assert "intro-prefer" not in re.sub(r"<script>.*", "", studio.page, flags=re.S)
    assert not (studio.world.folder / "study.pairs.jsonl").exists()
    assert studio.key.reference is None


def test_utterances_without_consensus_or_sound_are_not_asked_about(world, whyser_eval):
    studio = Studio(world, whyser_eval, count=64)
    for row in world.utterances[:6]:
        row["label"] = None
        row["votes"] = [{"rater": "W", "primary": "sad", "secondary": [], "raw": "s"}]
    status, _, err = whyser_eval(*world.score_arguments("--all-inclusive"))
    assert status == 0, err
    for row in world.utterances[10:15]:
        (world.folder / "sound files" / row["audio"]).unlink()
    status, err = studio.make("--prefer", 0, "--accept", 100)
    assert status == 0
    assert "note: not used: 6 utterances without a majority label among the eight classes" in err
    assert "note: not used: 5 utterances without an audio file" in err
    left_out = {row["id"] for row in (*world.utterances[:6], *world.utterances[10:15])}
    assert not left_out & {one.id for one in studio.key.answers}


def test_a_study_of_nothing_is_refused(studio):
    status, err = studio.make("--prefer", 0, "--accept", 0)
    assert status == 1 and "the study has no items" in err


def test_an_odd_test_one_is_wrong_usage(studio):
    assert studio.make("--accept", 31)[0] == 2


def test_attention_checks_ask_for_a_choice(studio):
    status, err = studio.make("--attention-checks", 3, "--references", studio.write_references())
    assert status == 0, err
    items = {item["item"]: item for item in material(studio.page)["items"]}
    asked = {"accept": [], "prefer": []}
    for one in studio.key.answers:
        if one.expected:
            asked[one.test].append(one.expected)
            texts = [shown["text"] for shown in items[one.item]["candidates"]]
            if one.test == "accept":
                assert texts[0].endswith(f"please choose: {one.expected}.")
            else:
                chosen = texts[["first", "second"].index(one.expected)]
                assert chosen.endswith("please prefer this explanation.")
    assert sorted(asked["accept"]) == ["accept", "accept", "reject"]
    assert sorted(asked["prefer"]) == ["first", "first", "second"]
    assert len({one.id for one in studio.key.answers}) == 70
    assert len(studio.key.of("accept")) == len(studio.key.of("prefer")) == 32


def test_attention_checks_that_cannot_be_had_are_told(world, whyser_eval):
    studio = Studio(world, whyser_eval, count=8)
    studio.score()
    status, err = studio.make("--accept", 4, "--prefer", 0, "--attention-checks", 10)
    assert status == 0
    assert "note: attention checks: only 8 of 10 per test" in err
    assert sum(one.expected is not None for one in studio.key.answers) == 8


# ReferenceRationales


def test_without_references_it_says_how_to_have_them(studio):
    status, err = studio.make()
    assert status == 1 and not studio.output.exists()
    assert "Test II lacks 32 gold-referenced rationales" in err
    words = shlex.split(next(line for line in err.splitlines() if "whyser-teach" in line))
    assert words == shlex.split(
        f"whyser-teach listening {studio.world.references_file} --split test1 "
        f"--reference-for-study --ids {studio.world.folder}/study.wanted.txt "
        f"--output {studio.world.folder}/study.references.jsonl --endpoint URL --model NAME"
    )
    wanted = studio.wanted()
    labels = {row["id"]: row["label"] for row in studio.world.utterances}
    assert Counter(labels[one] for one in wanted) == {label: 6 for label in CLASSES}

    # What all references would have given is what those wanted give.
    assert studio.make("--references", studio.write_references(set(wanted)))[0] == 0
    few = studio.key
    assert studio.make("--references", studio.write_references(), "--force")[0] == 0
    assert few.answers == studio.key.answers


def test_a_dropped_reference_is_replaced_by_the_next(made):
    before = [one for one in made.key.of("prefer")]
    gone = {one.id for one in before if one.gold in ("sad", "fear")}
    lost = sorted(gone)[:3]
    references = made.write_references(**{one: {"kept": False} for one in lost})
    status, err = made.make("--references", references, "--force")
    assert status == 0
    assert "note: Test II: 3 references were dropped and replaced by the next ones" in err
    after = made.key.of("prefer")
    assert {one.id for one in before} - {one.id for one in after} == set(lost)
    assert Counter(one.gold for one in after) == Counter(one.gold for one in before)


def test_when_too_many_were_dropped_more_are_wanted(studio):
    studio.make()
    wanted = studio.wanted()
    dropped = {one: {"kept": False} for one in wanted[:30]}
    status, err = studio.make("--references", studio.write_references(set(wanted), **dropped))
    assert status == 1 and "Test II lacks 14 gold-referenced rationales" in err
    again = studio.wanted()
    assert set(wanted) < set(again)
    assert studio.make("--references", studio.write_references(set(again), **dropped))[0] == 0


def test_when_no_more_can_be_had_fewer_are_asked(studio):
    ids = [row["id"] for row in studio.world.utterances]
    dropped = {one: {"kept": False} for one in ids[8:]}
    status, err = studio.make("--accept", 0, "--references", studio.write_references(**dropped))
    assert status == 0
    assert "Test II: only 8 of 32 are available" in err
    assert len(studio.key.of("prefer")) == 8


def test_when_the_teachers_filters_kept_nothing_it_is_they_that_are_named(studio):
    dropped = {row["id"]: {"kept": False} for row in studio.world.utterances}
    status, err = studio.make("--references", studio.write_references(**dropped))
    assert status == 1 and not studio.output.exists()
    mismatches = _matches(studio).count(False)
    assert f"Test II: all {mismatches} gold-referenced rationales were dropped" in err


def test_what_no_teacher_can_explain_is_not_waited_for(studio):
    mute = {row["id"] for row in studio.world.utterances[::3]}
    for row in studio.world.utterances:
        if row["id"] in mute:
            row["transcript"] = ""
    studio.score()
    studio.make()
    wanted = set(studio.wanted())
    assert wanted and not wanted & mute
    status, err = studio.make("--references", studio.write_references(wanted))
    assert status == 0, err
    assert re.search(r"Test II: \d+ utterances are not used: the teacher needs a transcript", err)


def test_references_of_two_teachers_are_refused(studio):
    path = studio.write_references(**{"msp_podcast/clip_3": {"teacher": "another"}})
    status, err = studio.make("--references", path)
    assert status == 1
    assert "was written by 'another', other references by 'a-teacher'" in err


def test_a_system_that_is_its_own_teacher_keeps_apart(studio):
    changes = {row["id"]: {"teacher": "whyser_tiny"} for row in studio.world.utterances}
    assert studio.make("--references", studio.write_references(**changes))[0] == 0
    assert studio.key.reference == "whyser_tiny, told the label"
    assert {frozenset(one.systems) for one in studio.key.of("prefer")} == {
        frozenset({"whyser_tiny", "whyser_tiny, told the label"})
    }


def test_a_judge_can_weigh_the_same_pairs(made):
    pairs = read_pairs(made.world.folder / "study.pairs.jsonl")
    assert {pair.id for pair in pairs} == {one.id for one in made.key.of("prefer")}
    for pair in pairs:
        assert pair.systems == ("whyser_tiny", "a-teacher")
        assert pair.emotion == pair.gold == pair.second.label != pair.first.label


# What raters may not learn


def test_the_folder_tells_no_system_no_truth_and_no_name(made):
    inside = files(made.output)
    assert set(inside) == {"index.html", *(name for name in inside if name.endswith(".mp3"))}
    page = made.page
    for row in made.world.utterances:
        assert row["id"] not in page and row["audio"] not in page
    for word in ("whyser_tiny", "a-teacher", "msp_podcast", "sound files"):
        assert word not in page
    shown = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    for word in ("match", "gold", "consensus", "system", "seed"):
        assert word not in shown.replace("system-ui", "").replace("-apple-system", "")
    for item in material(page)["items"]:
        assert set(item) == {"item", "test", "audio", "candidates"}
        assert all(set(one) == {"label", "text"} for one in item["candidates"])


def test_names_of_items_tell_nothing_of_condition_or_emotion(made):
    """In the order of their names neither comes in blocks."""
    conditions = [one.condition for one in sorted(made.key.of("accept"), key=lambda a: a.item)]
    changes = sum(one != two for one, two in pairwise(conditions))
    assert changes >= 8
    assert [one.item for one in made.key.of("accept")] == [f"a{n:02}" for n in range(1, 33)]


def test_clips_keep_their_sound_and_lose_what_else_was_told(world, whyser_eval):
    studio = Studio(world, whyser_eval, count=16)
    studio.score()
    for row in world.utterances:
        path = world.folder / "sound files" / row["audio"]
        samples, rate = soundfile.read(path)
        with soundfile.SoundFile(path, "w", rate, 1, format="WAV") as stream:
            stream.title, stream.comment = f"very {row['label']}", "a secret"
            stream.write(samples)
        assert b"a secret" in path.read_bytes()
    assert studio.make("--prefer", 0)[0] == 0
    clips = list((studio.output / "audio").iterdir())
    assert clips
    for clip in clips:
        assert re.fullmatch(r"[0-9a-f]{16}\.mp3", clip.name)
        content = clip.read_bytes()
        assert b"a secret" not in content and b"very" not in content
        assert soundfile.info(clip).duration == pytest.approx(0.3, abs=0.1)
    # Who answers sooner than that is told of.
    assert {one.duration for one in studio.key.answers} == {0.3}


# What is written


@pytest.mark.parametrize(("here", "output"), [("", "."), ("audio", ".."), ("", "audio/..")])
def test_the_key_lies_beside_a_folder_without_a_name(studio, monkeypatch, tmp_path, here, output):
    page = tmp_path / "page"
    (page / "audio").mkdir(parents=True)
    monkeypatch.chdir(page / here)
    status, err = studio.make("--prefer", 0, output=output)
    assert status == 0, err
    assert (tmp_path / "page.key.json").is_file()
    assert sorted(path.name for path in page.iterdir()) == ["audio", "index.html"]
    assert studio.make("--prefer", 0, output=output)[0] == 0


def test_the_same_command_writes_the_same_bytes(made):
    before = files(made.world.folder)
    status, err = made.make("--references", made.world.folder / "references.jsonl")
    assert status == 0, err
    assert files(made.world.folder) == before
    assert datetime.fromisoformat(made.key.provenance["created"])
    assert made.key.study == material(made.page)["study"]


def test_another_study_is_not_written_over_unless_forced(made):
    before = files(made.world.folder)
    arguments = ("--prefer", 0, "--title", "Another")
    status, err = made.make(*arguments)
    assert status == 1
    assert "contains another study, which raters may have begun. Give another --output" in err
    assert files(made.world.folder) == before
    assert made.make(*arguments, "--force")[0] == 0
    names = {path.name for path in (made.output / "audio").iterdir()}
    assert names == {item["audio"].split("/")[1] for item in material(made.page)["items"]}
    assert not (made.world.folder / "study.pairs.jsonl").exists()


def test_a_folder_with_other_things_is_left_alone(studio):
    studio.output.mkdir()
    (studio.output / "thesis.tex").write_text("work of years")
    status, err = studio.make("--prefer", 0, "--force")
    assert status == 1 and "contains 'thesis.tex', which is not part of a study" in err
    assert files(studio.output) == {"thesis.tex": b"work of years"}


class Killed(BaseException):
    """Nothing catches it."""


@pytest.mark.parametrize("writes", range(1, 36, 6))
def test_a_killed_run_leaves_nothing_that_looks_whole(studio, monkeypatch, writes):
    """Dies at one rename after another; then the same command makes it whole."""
    rename = os.replace
    left = [writes]

    def failing(*paths, **options):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return rename(*paths, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", failing)
        with pytest.raises(Killed):
            studio.make("--prefer", 0)
    assert not (studio.output / "index.html").exists()
    assert studio.make("--prefer", 0)[0] == 0
    assert set(files(studio.output)) == {
        "index.html",
        *(item["audio"].split("/")[1] for item in material(studio.page)["items"]),
    }


def test_another_text_or_sound_is_another_study(made):
    names = [made.key.study]
    references = made.world.folder / "references.jsonl"
    texts = made.world.folder / "instructions.txt"
    texts.write_text("Listen.\n\nChoose.", encoding="utf-8")
    for more in (("--title", "T"), ("--consent", texts), ("--instructions-accept", texts),
                 ("--instructions-prefer", texts), ("--seed", 2)):  # fmt: skip
        assert made.make("--references", references, "--force", *more)[0] == 0
        names.append(made.key.study)
    for row in made.world.utterances:
        path = made.world.folder / "sound files" / row["audio"]
        samples, rate = soundfile.read(path)
        soundfile.write(path, samples / 2, rate)
    assert made.make("--references", references, "--force")[0] == 0
    names.append(made.key.study)
    assert len(set(names)) == 7


def test_a_sound_that_cannot_be_read_is_named(studio):
    for row in studio.world.utterances:
        (studio.world.folder / "sound files" / row["audio"]).write_bytes(b"RIFF")
    status, err = studio.make("--prefer", 0)
    assert status == 1
    assert re.search(r"clip \d+\.wav: cannot be read as audio", err)
    assert not studio.output.exists()


def test_help_has_defaults_and_an_example(whyser_eval):
    status, out, _ = whyser_eval("study", "make", "--help")
    assert status == 0 and "Example: whyser-eval study make" in " ".join(out.split())
    assert "[default: 32" in " ".join(out.split())
