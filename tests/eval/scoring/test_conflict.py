"""Words against voice: known systems, who is left out, and where the emotions come from."""

import json
import random
import re
from pathlib import Path

import pytest

from whyser.prompting.answer import render_answer

CLASSES = ("angry", "happy", "neutral", "sad")
METRICS = ("congruent_accuracy", "conflict_accuracy", "words_rate")


def follows(share, what):
    """A rule of answering: that share follows one side, the rest is guessed."""

    def answer(draw, words, voice):
        followed = {"words": words, "voice": voice}.get(what)
        return followed if followed and draw.random() < share else draw.choice(CLASSES)

    return answer


#: A system that follows the words, one that follows the voice, one that guesses.
SYSTEMS = {
    "reads": follows(0.7, "words"),
    "listens": follows(0.7, "voice"),
    "guesses": follows(0, None),
}


@pytest.fixture
def emis(world):
    """As EMIS: every sentence in the voice of each emotion, half of them said by a woman."""
    draw = random.Random(0)
    world.utterances, world.predictions, world.emotions = [], [], {}
    for sentence in range(48):
        words = CLASSES[sentence % 4]
        for voice in CLASSES:
            gender = ("female", "male")[sentence // 4 % 2]
            number = len(world.utterances)
            row = world.utterance(number, voice, gender=gender)
            world.utterances.append(row)
            world.emotions[row["id"]] = words
            for name, answer in SYSTEMS.items():
                text = render_answer(answer(draw, words, voice))
                world.predictions.append(world.prediction(row["id"], text, model=name))
    return world


def words_file(world, emotions=None, name="words.csv", head="id,words"):
    path = world.folder / name
    rows = (emotions or world.emotions).items()
    path.write_text("\n".join([head, *map(",".join, rows)]) + "\n", encoding="utf-8")
    return path


def score(world, whyser_eval, *more):
    status, out, err = whyser_eval(
        *world.score_arguments("--classes", ",".join(CLASSES), "--draws", "300", *more)
    )
    assert status == 0, err
    return out, err


def figures(world, system, subset="all"):
    scores = world.scores()
    return {name: scores[system, "none", subset, name] for name in METRICS}


def test_a_reader_a_listener_and_a_guesser_are_told_apart(emis, whyser_eval):
    """On conflicts the intervals of any two do not overlap; on congruent utterances the reader and
    the listener look alike."""
    out, _ = score(emis, whyser_eval, "--words", words_file(emis))
    found = {name: figures(emis, name) for name in SYSTEMS}
    by_voice = [found[name]["conflict_accuracy"] for name in ("reads", "guesses", "listens")]
    by_words = [found[name]["words_rate"] for name in ("listens", "guesses", "reads")]
    assert by_voice[0]["high"] < by_voice[2]["low"] and by_voice[1]["high"] < by_voice[2]["low"]
    assert by_words[0]["high"] < by_words[2]["low"] and by_words[1]["high"] < by_words[2]["low"]
    reads, listens = (found[name]["congruent_accuracy"] for name in ("reads", "listens"))
    assert reads["low"] < listens["value"] < reads["high"]
    # The guesser follows neither side more than the other.
    (voice, words) = (found["guesses"][name] for name in METRICS[1:])
    assert voice["low"] < words["value"] < voice["high"]
    # Of 48 sentences 12 are neutral; the others agree with one voice of four.
    assert {one["congruent_accuracy"]["n"] for one in found.values()} == {36}
    assert {one["words_rate"]["n"] for one in found.values()} == {36 * 3}
    assert "congruent" in out
    # These are the values that the page shows.
    page = (Path(__file__).resolve().parents[3] / "docs/scores.md").read_text(encoding="utf-8")
    for name, label in {"reads": "reads the words", "listens": "listens to the voice",
                        "guesses": "guesses"}.items():  # fmt: skip
        values = [f"{found[name][metric]['value']:.3f}" for metric in METRICS]
        assert re.search(rf"\| {label} \| {values[0]} .*\| {values[1]} .*\| {values[2]} ", page)


def test_the_values_are_counted_from_the_answers(emis, whyser_eval):
    score(emis, whyser_eval, "--words", words_file(emis))
    answers = {
        row["id"]: row["text"].split("emotion is ")[1].split("<")[0]
        for row in emis.predictions
        if row["model"] == "listens"
    }
    rows = [
        (emis.emotions[row["id"]], row["label"], answers[row["id"]], row["gender"])
        for row in emis.utterances
        if emis.emotions[row["id"]] != "neutral"
    ]
    for subset, wanted in (("all", {"female", "male"}), ("gender:male", {"male"})):
        found = figures(emis, "listens", subset)
        own = [(w, v, a) for w, v, a, gender in rows if gender in wanted]
        conflicts = [(w, v, a) for w, v, a in own if w != v]
        agreed = [v == a for w, v, a in own if w == v]
        for metric, hits, n in (
            ("congruent_accuracy", sum(agreed), len(agreed)),
            ("conflict_accuracy", sum(v == a for _, v, a in conflicts), len(conflicts)),
            ("words_rate", sum(w == a for w, _, a in conflicts), len(conflicts)),
        ):
            assert found[metric]["value"] == pytest.approx(hits / n), (subset, metric)
            assert found[metric]["n"] == n


def test_chance_baselines_have_them_too(emis, whyser_eval):
    score(emis, whyser_eval, "--words", words_file(emis))
    constant = figures(emis, "constant:angry")
    # The words are angry in a third of the utterances with an emotion, and so is a third of them.
    assert constant["congruent_accuracy"]["value"] == pytest.approx(1 / 3)
    assert constant["conflict_accuracy"]["value"] == pytest.approx(24 / 108)
    assert constant["words_rate"]["value"] == pytest.approx(1 / 3)
    prior = figures(emis, "prior")
    assert all(one["low"] < 0.25 < one["high"] for one in prior.values())
    assert [one["n"] for one in prior.values()] == [36, 108, 108]


def test_without_words_there_are_none(emis, whyser_eval):
    score(emis, whyser_eval)
    assert not {metric for *_, metric in emis.scores()} & set(METRICS)
    assert json.loads((emis.results / "provenance.json").read_text())["conflict"] is None


def test_neutral_words_count_if_they_are_asked_for(emis, whyser_eval):
    _, err = score(emis, whyser_eval, "--words", words_file(emis), "--neutral-words")
    assert "agree in 48 utterances and conflict in 144; left out: none" in err
    assert [one["n"] for one in figures(emis, "reads").values()] == [48, 144, 144]


def test_who_is_left_out_is_counted_by_reason(emis, whyser_eval):
    ids = list(emis.emotions)
    del emis.emotions[ids[0]]
    emis.emotions |= {ids[1]: "", ids[2]: "contempt", ids[3]: "other", "msp_podcast/none": "sad"}
    path = words_file(emis)
    _, err = score(emis, whyser_eval, "--words", path)
    reasons = {
        "neutral words": 48,
        "the emotion of the words is none of the classes": 2,
        "not in words.csv": 1,
        "no emotion of the words is known": 1,
    }
    record = json.loads((emis.results / "provenance.json").read_text())
    assert record["conflict"] == {
        "words": str(path),
        "voice": None,
        "neutral_words": False,
        "origins": {"words": "words.csv", "voice": "the majority labels"},
        "left_out": reasons,
        "unused": {"words.csv": 1, "the majority labels": 0},
    }
    (note,) = [
        one
        for one in record["notes"]
        if one.startswith("words (words.csv) and voice (the majority labels) agree in")
    ]
    assert f"note: {note}" in err
    assert "neutral words (48)" in note and "1 ids of words.csv are not scored" in note
    assert record["inputs"][-1]["path"] == str(path)
    assert 192 - sum(reasons.values()) == sum(
        one["n"] for name, one in figures(emis, "reads").items() if name != "words_rate"
    )


def test_an_unread_answer_follows_neither(emis, whyser_eval):
    emis.predictions = [
        row | {"text": "I cannot tell."} for row in emis.predictions if row["model"] == "reads"
    ]
    score(emis, whyser_eval, "--words", words_file(emis))
    assert [one["value"] for one in figures(emis, "reads").values()] == [0, 0, 0]


def test_the_signature_says_what_the_emotions_were(emis, whyser_eval):
    def signed(*more):
        score(emis, whyser_eval, "--words", *more)
        found = {system: figures(emis, system)["words_rate"] for system in ("reads", "prior")}
        texts = {one["signature"].split("|conflict:")[1].split("|")[0] for one in found.values()}
        assert "|conflict:" not in emis.scores()["reads", "none", "all", "wa"]["signature"]
        (text,) = texts
        return text

    first = signed(words_file(emis))
    assert signed(words_file(emis)) == first
    assert signed(words_file(emis), "--neutral-words") != first
    one = next(iter(emis.emotions))
    assert signed(words_file(emis, emis.emotions | {one: "sad"})) != first


def answers_file(world, name, control, labels):
    rows = [
        world.prediction(id_, f"I think the emotion is {label}.", model="m", control=control)
        for id_, label in labels.items()
    ]
    return world.write_jsonl(world.folder / name, rows)


def test_answers_to_the_transcript_are_the_words(emis, whyser_eval):
    score(emis, whyser_eval, "--words", words_file(emis))
    table = figures(emis, "reads")
    score(emis, whyser_eval, "--words",
          answers_file(emis, "text.jsonl", "transcript", emis.emotions))  # fmt: skip
    assert figures(emis, "reads") == table


def test_the_voice_is_a_column_or_a_system_that_measures_it(emis, whyser_eval):
    """And not the majority label, which is all sad here."""
    voice = {row["id"]: row["label"] for row in emis.utterances}
    score(emis, whyser_eval, "--words", words_file(emis))
    majority = figures(emis, "listens")
    both = {id_: f"{words},{voice[id_]}" for id_, words in emis.emotions.items()}
    measured = answers_file(emis, "cues.jsonl", "none", voice)
    for row in emis.utterances:
        row.update(label="sad", votes=[])
    for more in (
        ("--words", words_file(emis, both, "both.csv", "id,words,voice")),
        ("--words", words_file(emis), "--voice", measured),
        ("--words", words_file(emis), "--voice", words_file(emis, voice, "v.csv", "id,voice")),
    ):
        score(emis, whyser_eval, *more)
        for name, row in figures(emis, "listens").items():
            assert row["value"] == majority[name]["value"], (name, more)
    record = json.loads((emis.results / "provenance.json").read_text())
    assert record["conflict"]["voice"].endswith("v.csv")


def test_the_words_of_transcripts(emis, whyser_eval):
    for row in emis.utterances:
        words = emis.emotions[row["id"]]
        row["transcript"] = f"I am so {words}." if words != "neutral" else "The train is late."
    _, err = score(emis, whyser_eval, "--words", "transcripts")
    assert "agree in 36 utterances and conflict in 108" in err
    assert "no emotion of the words is known (48)" in err


def test_speakers_are_drawn_with_all_of_their_utterances(emis, whyser_eval):
    score(emis, whyser_eval, "--words", words_file(emis))
    utterances = figures(emis, "reads")
    score(emis, whyser_eval, "--words", words_file(emis), "--resample-by", "speaker")
    speakers = figures(emis, "reads")
    for name in METRICS:
        assert speakers[name]["value"] == utterances[name]["value"]
        assert speakers[name]["low"] != utterances[name]["low"]


def test_systems_are_compared_by_them(emis, whyser_eval):
    words = words_file(emis)
    score(emis, whyser_eval, "--words", words)
    found = {name: figures(emis, name) for name in SYSTEMS}
    status, out, err = whyser_eval(
        "compare", "--references", emis.references_file, "--predictions", emis.predictions_file,
        "--classes", ",".join(CLASSES), "--against", "reads", "--words", words, "--json",
        "--draws", "200",
    )  # fmt: skip
    assert status == 0, err
    assert "note: words (words.csv)" in err
    rows = {
        (row["system"], row["metric"]): row for row in json.loads(out) if row["subset"] == "all"
    }
    for name in METRICS:
        row = rows["listens", name]
        assert row["value"] == pytest.approx(
            found["listens"][name]["value"] - found["reads"][name]["value"]
        )
        assert row["n"] == found["reads"][name]["n"]
    assert rows["listens", "words_rate"]["p_holm"] < 0.05 < rows["listens", METRICS[0]]["p"]


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("id,mood\nmsp_podcast/clip_0,sad\n", (), "w.csv:1: no column 'words'"),
        ("id,words\nclip_0,sad\n", (), "its ids are clip_0. Write ids as the references have them"),
        ("id,words\nmsp_podcast/clip_0,sadd\n", (), "w.csv:2: unknown emotion 'sadd'"),
        ("id,words\nmsp_podcast/clip_0,sad\n", ("--voice",), "w.csv:1: no column 'voice'"),
    ],
)
def test_a_bad_file_is_named_and_nothing_is_written(emis, whyser_eval, text, more, words):
    path = emis.folder / "w.csv"
    path.write_text(text)
    given = ("--words", path, *(part for one in more for part in (one, path)))
    status, _, err = whyser_eval(*emis.score_arguments("--classes", ",".join(CLASSES), *given))
    assert status == 1
    assert words in err
    assert not emis.results.exists()


@pytest.mark.parametrize("more", [("--voice", "v.csv"), ("--neutral-words",)])
def test_the_other_options_need_the_words(emis, whyser_eval, more):
    status, _, err = whyser_eval(*emis.score_arguments(*more))
    assert status == 1
    assert f"{more[0]} needs --words" in err


# ---- a system that is scored against itself ------------------------------------------------


def own_rows(world, control="none", of="reads", **changes):
    """Answers of one scored system, in a file of its own."""
    rows = [
        row | {"control": control} | changes
        for row in world.predictions
        if row["model"] == of and row["control"] == "none"
    ]
    return world.write_jsonl(world.folder / "own.jsonl", rows)


def refused(world, whyser_eval, *more):
    arguments = world.score_arguments("--classes", ",".join(CLASSES), *more)
    status, _, err = whyser_eval(*arguments)
    assert status == 1, err
    assert not world.results.exists()
    return err


@pytest.mark.parametrize("how", ["same file", "a copy", "another name"])
def test_the_words_are_not_the_answers_of_a_scored_system(emis, whyser_eval, how):
    if how == "same file":
        emis.predictions = [row for row in emis.predictions if row["model"] == "reads"]
        emis.write()
        path = emis.predictions_file
    else:
        path = own_rows(emis, **({} if how == "a copy" else {"model": "other"}))
    err = refused(emis, whyser_eval, "--words", path)
    assert (
        f"{path}: has the answers of reads (open) itself, which is scored: a system follows its "
        "own answers, whatever it hears. Give answers to the control transcript, of any model."
    ) in err


def test_the_same_model_in_the_other_form_is_the_same_system(emis, whyser_eval):
    err = refused(emis, whyser_eval, "--words", own_rows(emis, form="closed"))
    assert "has the answers of reads (open) itself" in err


@pytest.mark.parametrize(
    ("side", "control"),
    [("words", "noise"), ("words", "silence"), ("voice", "transcript"), ("voice", "shuffled")],
)
def test_answers_to_another_control_say_neither(emis, whyser_eval, side, control):
    given = ["--words", words_file(emis)] if side == "voice" else []
    path = own_rows(emis, control, of="listens")
    err = refused(emis, whyser_eval, *given, f"--{side}", path)
    assert (
        f"{path}: has only answers of listens (open, {control}), which say nothing of the {side} "
        "alone"
    ) in err


def test_a_system_that_may_have_heard_is_warned_of(emis, whyser_eval):
    _, err = score(emis, whyser_eval, "--words", answers_file(emis, "t", "none", emis.emotions))
    assert "warning: nothing shows that m (open), whose answers are the emotion of the words" in err
    _, err = score(
        emis, whyser_eval, "--words", answers_file(emis, "t", "transcript", emis.emotions)
    )
    assert "warning: " not in err
    # A system that only ever says one word is not another one that does.
    one_word = dict.fromkeys(emis.emotions, "sad")
    emis.predictions += [
        row | {"model": "dull", "text": "I think the emotion is sad."}
        for row in emis.predictions
        if row["model"] == "reads"
    ]
    score(emis, whyser_eval, "--words", answers_file(emis, "t", "none", one_word))


def test_a_row_that_is_its_own_reference_is_named(emis, whyser_eval):
    """The answers to the transcript are scored as a control too."""
    given = [row | {"control": "transcript"} for row in emis.predictions if row["model"] == "reads"]
    emis.predictions += given
    path = emis.write_jsonl(emis.folder / "text.jsonl", given)
    _, err = score(emis, whyser_eval, "--words", path)
    warning = (
        "reads (open, transcript) is scored against its own answers, which are the emotion of the "
        "words, and follows them whatever it hears. Only the scores of other systems say something."
    )
    assert f"warning: {warning}" in err
    assert warning in json.loads((emis.results / "provenance.json").read_text())["warnings"]
    assert emis.scores()["reads", "transcript", "all", "words_rate"]["value"] == 1

    _, err = score(emis, whyser_eval, "--words", words_file(emis), "--voice", own_rows(emis))
    assert (
        "warning: reads (open) is scored against its own answers, which are the emotion of the "
        "voice, and follows them whatever it hears."
    ) in err
    emis.predictions = [row for row in emis.predictions if row["model"] == "reads"]
    emis.results = emis.folder / "alone"
    err = refused(emis, whyser_eval, "--words", words_file(emis), "--voice", own_rows(emis))
    assert "has the answers of reads (open) itself" in err


# ---- no conflict ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "counts", "cure"),
    [
        ("voice", "144 congruent, 0 conflicting, 48 left out (neutral words (48)). ",
         "Take a corpus in which words and voice differ"),
        ("neutral", "0 congruent, 0 conflicting, 192 left out (neutral words (192)). ",
         "--neutral-words counts neutral words as any other emotion."),
        ("transcripts", "0 congruent, 0 conflicting, 192 left out (no emotion of the words is "
         "known (192)). ", "Few transcripts name an emotion: give --words the answers"),
    ],
)  # fmt: skip
def test_without_a_conflict_there_is_a_warning(emis, whyser_eval, words, counts, cure):
    named = {row["id"]: row["label"] if words == "voice" else "neutral" for row in emis.utterances}
    given = "transcripts" if words == "transcripts" else words_file(emis, named)
    _, err = score(emis, whyser_eval, "--words", given)
    said = " ".join(err.split())
    assert (
        "warning: no utterance is in conflict, so conflict_accuracy and words_rate have no value: "
        f"{counts}{cure}"
    ) in said
    warnings = json.loads((emis.results / "provenance.json").read_text())["warnings"]
    assert sum("no utterance is in conflict" in one for one in warnings) == 1


def test_compare_warns_alike(emis, whyser_eval):
    named = {row["id"]: row["label"] for row in emis.utterances}
    emis.write()
    status, _, err = whyser_eval(
        "compare", "--references", emis.references_file, "--predictions", emis.predictions_file,
        "--classes", ",".join(CLASSES), "--against", "reads", "--words", words_file(emis, named),
        "--draws", "200",
    )  # fmt: skip
    assert status == 0, err
    assert "warning: no utterance is in conflict" in err
