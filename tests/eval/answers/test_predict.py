from __future__ import annotations

import inspect
import json
import math
import os
import signal
import subprocess
import sys
import time
from typing import get_args

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from whyser.chat import Token
from whyser.io.degraded import NAMES
from whyser.prompting.prompts import (
    CLOSED,
    CLOSED_COT,
    OPEN,
    OPEN_COT,
    OPTIONS,
    POOLS,
    TRANSCRIPT,
    emotion_question,
    lettered_options,
)
from whyser.records.draws import ORDER, drawn
from whyser.records.predictions import Control, read_predictions
from whyser.teacher.cli import app as teach_app
from whyser_converters.cli import app as convert_app
from whyser_eval.answers.predict.plan import Decoding
from whyser_eval.answers.predict.probabilities import decision, label_probabilities
from whyser_eval.answers.predict.template import template_of, trained_prompt
from whyser_eval.cli import app as eval_app

from ..endpoint import Endpoint, question, samples, sound

CLIPS = 6


@pytest.fixture
def endpoint():
    started = Endpoint(lambda body: "I think the emotion is sad")
    yield started
    started.close()


@pytest.fixture
def corpus(world):
    """Six test clips, each with a sound and a length of its own, and one without a consensus."""
    world.utterances = [
        *world.utterances[:CLIPS],
        world.utterance(90, None, ["sad", "happy"]),
        world.utterance(91, "sad", split="train"),
    ]
    world.write()
    for number, row in enumerate(world.utterances):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 1600 + 160 * number)
        soundfile.write(world.folder / "sound files" / row["audio"], noise, 16_000)
    return world


@pytest.fixture
def predict(whyser_eval, corpus, endpoint):
    """Runs the command; returns status, what it said, and the predictions."""

    def run(*arguments, output="predictions/out.jsonl"):
        path = corpus.folder / output
        status, out, err = whyser_eval(
            *("predict", corpus.references_file, "--output", path, "--endpoint", endpoint.url),
            *("--model", "tiny", "--form", "open", "--timeout", "5", *arguments),
        )
        written = [one for _, one in read_predictions(path)] if path.exists() else None
        return status, out + err, written

    return run


def provenance(corpus):
    path = corpus.folder / "predictions/out.provenance.json"
    return json.loads(path.read_text(encoding="utf-8"))


# ---- what is asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "asked", "name"),
    [
        ((), OPEN, "tiny"),
        (("--cot",), OPEN_COT, "tiny+CoT"),
        (("--form", "closed"), CLOSED, "tiny"),
        (("--form", "closed", "--cot", "--name", "Q2A+CoT"), CLOSED_COT, "Q2A+CoT"),
    ],
)
def test_the_four_questions_of_the_paper(predict, corpus, endpoint, arguments, asked, name):
    status, said, written = predict(*arguments)
    assert status == 0, said
    assert [one.id for one in written] == [row["id"] for row in corpus.utterances[:CLIPS]]
    assert {(one.model, one.form, one.prompt, one.control, one.options) for one in written} == {
        (name, asked.form, asked.hash, "none", ())
    }
    assert {question(body) for body in endpoint.asked} == {asked.text}
    # Greedy, 512 tokens (docs/design.md, "Where the paper is silent", 16): nothing is drawn,
    # so there is no seed either.
    for body in endpoint.asked:
        assert (body["temperature"], body["max_tokens"]) == (0, 512)
        assert "seed" not in body and "top_p" not in body
    own = [(corpus.folder / "sound files" / row["audio"]).read_bytes() for row in corpus.utterances]
    assert sorted(map(sound, endpoint.asked)) == sorted(own[:CLIPS])


def test_samples_are_drawn_with_a_seed_each(predict, endpoint):
    endpoint.answer = lambda body: f"seed {body['seed']}: sad"
    status, said, written = predict("--samples", "3")
    assert status == 0, said
    assert {(body["temperature"], body["top_p"]) for body in endpoint.asked} == {(0.7, 0.9)}
    assert len({body["seed"] for body in endpoint.asked}) == 3 * CLIPS
    assert all(len({one.text, *one.samples}) == 3 for one in written)
    again = {one.id: (one.text, one.samples) for one in written}
    _, _, other = predict("--samples", "3", "--seed", "1", output="other.jsonl")
    assert all(again[one.id] != (one.text, one.samples) for one in other)


def test_other_words_and_other_orders(predict, endpoint):
    status, said, written = predict("--control", "paraphrased", "--variants", "3")
    assert status == 0, said
    assert [one.variant for one in written] == [0, 1, 2] * CLIPS
    assert {question(body) for body in endpoint.asked} == set(POOLS["stem"][:3])
    assert written[0].prompt == OPEN.hash

    endpoint.asked.clear()
    arguments = ("--form", "closed", "--control", "reordered", "--variants", "4")
    status, said, written = predict(*arguments, output="orders.jsonl")
    assert status == 0, said
    orders = {one.variant: one.options for one in written}
    assert orders[0] == () and written[0].prompt == CLOSED.hash
    assert len(set(orders.values())) == 4
    assert all(set(order) == set(OPTIONS) for order in orders.values() if order)
    # Every text that was asked is that of the order which the prediction names.
    hashes = {
        emotion_question("closed", options=order or OPTIONS).hash for order in orders.values()
    }
    assert {one.prompt for one in written} == hashes
    # The orders are those of the seed: a run that resumes draws the same.
    _, _, again = predict(*arguments, output="again.jsonl")
    assert again == written


def test_all_utterances_and_the_first_ones(predict, corpus):
    _, _, written = predict("--all-utterances")
    assert len(written) == CLIPS + 1
    _, _, written = predict("--max-samples", "2", output="few.jsonl")
    assert [one.id for one in written] == first_drawn(corpus.utterances[:CLIPS], 2)


def first_drawn(rows, count):
    """The ids that the draw of the training rows puts first, in the file's order."""
    ids = [row["id"] for row in rows]
    chosen = sorted(ids, key=lambda id_: drawn(0, ORDER, id_))[:count]
    return [id_ for id_ in ids if id_ in chosen]


def test_max_samples_takes_the_first_by_the_draw(predict, corpus, endpoint):
    """Not the first of the file, whose order may be that of speakers or classes."""
    taken = {}
    for count in range(1, CLIPS + 2):
        status, said, written = predict("--max-samples", str(count), output=f"{count}.jsonl")
        assert status == 0, said
        taken[count] = [one.id for one in written]
        assert taken[count] == first_drawn(corpus.utterances[:CLIPS], count)
    # A larger sample holds the smaller ones, and another order of the file changes nothing.
    assert all({*taken[n]} < {*taken[n + 1]} for n in range(1, CLIPS))
    assert taken[CLIPS] == taken[CLIPS + 1]
    assert taken[3] != [row["id"] for row in corpus.utterances[:3]]
    corpus.utterances.reverse()
    corpus.write()
    _, _, written = predict("--max-samples", "3", "--seed", "7", output="turned.jsonl")
    assert [one.id for one in written] == taken[3][::-1]


def test_the_command_knows_every_control(whyser_eval):
    _, out, _ = whyser_eval("predict", "--help")
    assert f"<{'|'.join(get_args(Control))}>" in out.replace("\n", "")


# ---- controls on the sound ----------------------------------------------------------------


def test_under_silence_the_length_alone_is_left(predict, corpus, endpoint):
    status, said, written = predict("--control", "silence")
    assert status == 0, said
    heard = [samples(body) for body in endpoint.asked]
    assert all(rate == 16_000 and not clip.any() for clip, rate in heard)
    assert sorted(len(clip) for clip, _ in heard) == [1600 + 160 * n for n in range(CLIPS)]
    assert {one.control for one in written} == {"silence"}


def test_under_shuffling_everybody_hears_another(predict, corpus, endpoint):
    endpoint.answer = lambda body: f"heard {len(samples(body)[0])}"
    status, said, written = predict("--control", "shuffled", "--concurrency", "1")
    assert status == 0, said
    own = {row["id"]: 1600 + 160 * n for n, row in enumerate(corpus.utterances)}
    heard = {one.id: int(one.text.split()[1]) for one in written}
    assert all(heard[id_] != own[id_] for id_ in heard)
    assert sorted(heard.values()) == sorted(own[id_] for id_ in heard)
    # Another number of utterances changes nobody's sound.
    _, _, few = predict("--control", "shuffled", "--max-samples", "2", output="few.jsonl")
    answered = {one.id: one.text for one in written}
    assert len(few) == 2
    assert all(answered[one.id] == one.text for one in few)


def test_a_dataset_has_the_same_other_sounds(predict, corpus, endpoint):
    endpoint.answer = lambda body: f"heard {len(samples(body)[0])}"
    _, said, written = predict("--control", "shuffled", "--concurrency", "1")
    words = ["sharegpt", str(corpus.references_file), "--output", str(corpus.folder / "rows")]
    words += ["--split", "test1", "--target", "label", "--control", "shuffled"]
    done = CliRunner().invoke(convert_app, words)
    assert done.exit_code == 0, done.output
    sounds = [row["audios"][0] for row in json.loads((corpus.folder / "rows.json").read_text())]
    manifest = (corpus.folder / "rows.manifest.jsonl").read_text().splitlines()
    ids = [json.loads(line)["id"] for line in manifest]
    assert {one.id: one.text for one in written} == {
        id_: f"heard {soundfile.info(path).frames}" for id_, path in zip(ids, sounds, strict=True)
    }, said


@pytest.mark.parametrize("control", ["noise", "codec", "gain"])
def test_degraded_sound_is_as_long_and_the_same_in_a_dataset(predict, corpus, endpoint, control):
    heard = {}

    def answer(body):
        clip, _ = samples(body)
        heard[len(clip)] = clip / 2**15
        return f"heard {len(clip)}"

    endpoint.answer = answer
    status, said, written = predict("--control", control)
    assert status == 0, said
    assert {one.control for one in written} == {control}
    own = {
        row["id"]: soundfile.read(corpus.folder / "sound files" / row["audio"])[0]
        for row in corpus.utterances[:CLIPS]
    }
    assert {one.id: one.text for one in written} == {
        id_: f"heard {len(clip)}" for id_, clip in own.items()
    }
    assert provenance(corpus)["degraded"] == NAMES[control]
    folder = corpus.folder / f"predictions/out.{control}"
    assert len(list(folder.iterdir())) == CLIPS

    words = ["sharegpt", str(corpus.references_file), "--output", str(corpus.folder / "rows")]
    words += ["--split", "test1", "--target", "label", "--control", control]
    done = CliRunner().invoke(convert_app, words)
    assert done.exit_code == 0, done.output
    manifest = [
        json.loads(line)
        for line in (corpus.folder / "rows.manifest.jsonl").read_text().splitlines()
    ]
    assert {line["degraded"] for line in manifest} == {NAMES[control]}
    for line in manifest:
        clip, _ = soundfile.read(line["audio"], dtype="float32")
        assert np.array_equal(clip, heard[len(clip)])
        assert not np.allclose(clip, own[line["id"]], atol=0.01)


def test_under_the_transcript_nothing_is_heard(predict, corpus, endpoint):
    status, said, written = predict("--control", "transcript", "--concurrency", "1")
    assert status == 0, said
    assert all(sound(body) is None for body in endpoint.asked)
    assert [question(body) for body in endpoint.asked] == [
        f'The transcript of the audio is: "{row["transcript"]}"\n{OPEN.text}'
        for row in corpus.utterances[:CLIPS]
    ]
    # The question is the same one: a table shows the control beside the system.
    assert {one.prompt for one in written} == {OPEN.hash}
    assert provenance(corpus)["transcript_prompt"] == TRANSCRIPT.hash


# ---- probabilities ------------------------------------------------------------------------


def weighed(text, *alternatives):
    """A token of a reply; the alternatives as (text, probability)."""
    listed = [{"token": one, "logprob": math.log(p)} for one, p in alternatives]
    (own,) = (one for one in listed if one["token"] == text)
    return {**own, "top_logprobs": listed}


def token(text, *alternatives):
    logs = tuple((one, math.log(p)) for one, p in alternatives)
    return Token(text, dict(logs)[text], logs)


@pytest.mark.parametrize(
    ("text", "asked", "before", "by_letter"),
    [
        ("<asr>I am happy</asr><answer>I think the emotion is sad</answer>", OPEN,
         "<asr>I am happy</asr><answer>I think the emotion is", False),
        ("He sounds sad at first. Overall, I think the emotion is anger.", OPEN,
         "He sounds sad at first. Overall, I think the emotion is", False),
        ("The speaker sounds happy. Happy indeed.", OPEN, "The speaker sounds", False),
        ("C. Happy", CLOSED, "", True),
        ("The answer is (B).", CLOSED, "The answer is (", True),
        ("**C. Happy**", CLOSED, "**", True),
        ("C. Happy", OPEN, "C.", False),
    ],
)  # fmt: skip
def test_where_an_answer_decides(text, asked, before, by_letter):
    found = decision(text, asked)
    assert found is not None
    assert (found.before, found.by_letter) == (before, by_letter)


@pytest.mark.parametrize("text", ["I cannot listen to audio.", "", "Hm."])
def test_an_unread_answer_decides_nowhere(text):
    assert decision(text, OPEN) is None


def test_the_words_at_the_decision_are_the_labels():
    found = decision("I think the emotion is sad.", OPEN)
    tokens = [
        token(" sad", (" sad", 0.5), (" Angry", 0.2), (" happ", 0.1), (" fru", 0.05), (" s", 0.1)),
        token(".", (".", 1.0)),
    ]
    # "happ" can only become happy, "fru" only frustrated; " s" could be sad or surprise.
    assert label_probabilities(tokens, found, OPEN) == pytest.approx(
        {"sad": 0.5, "angry": 0.2, "happy": 0.1, "other": 0.05}
    )


def test_a_word_of_several_tokens_is_followed():
    found = decision("I think the emotion is sad", OPEN)
    tokens = [
        token(" s", (" s", 0.8), (" angry", 0.1)),
        token("ad", ("ad", 0.75), ("urprise", 0.25)),
    ]
    # sad: 0.8 x 0.75, surprise: 0.8 x 0.25
    assert label_probabilities(tokens, found, OPEN) == pytest.approx(
        {"angry": 0.1, "sad": 0.6, "surprise": 0.2}
    )


def test_letters_count_in_the_order_that_was_asked():
    asked = emotion_question("closed", options=OPTIONS[::-1])
    found = decision("I.", asked)
    assert lettered_options(asked.options)["I"] == "angry"
    tokens = [token("I", ("I", 0.6), ("A", 0.3), ("The", 0.1))]
    assert label_probabilities(tokens, found, asked) == pytest.approx({"angry": 0.6, "other": 0.3})


def test_a_server_that_began_anew_gives_no_probabilities():
    found = decision("I think the emotion is sad", OPEN)
    assert label_probabilities([token("Sure", ("Sure", 0.9), ("Ok", 0.1))], found, OPEN) is None


def test_probabilities_come_from_a_second_question(predict, corpus, endpoint):
    endpoint.weighed = [weighed(" sad", (" sad", 0.7), (" neutral", 0.2))]
    status, said, written = predict("--probabilities")
    assert status == 0, said
    for one in written:
        assert one.probabilities == pytest.approx({"sad": 0.7, "neutral": 0.2})
    going_on = [body for body in endpoint.asked if body.get("logprobs")]
    assert len(going_on) == CLIPS
    for body in going_on:
        assert body["messages"][-1] == {"role": "assistant", "content": "I think the emotion is"}
        assert body["continue_final_message"] and not body["add_generation_prompt"]
        assert body["top_logprobs"] == 20
    # Again from the ledger: the alternatives are in it.
    count = len(endpoint.asked)
    assert predict("--probabilities")[2] == written
    assert len(endpoint.asked) == count


def test_a_server_without_log_probabilities_ends_the_run(predict, corpus):
    status, said, written = predict("--probabilities")
    assert (status, written) == (1, None)
    assert "gives no log-probabilities of tokens" in said and "Leave --probabilities out" in said


# ---- stopped, resumed, refused ------------------------------------------------------------


@pytest.mark.slow
def test_a_killed_run_asks_nothing_twice(corpus, endpoint):
    endpoint.delay = 0.1
    output = corpus.folder / "out.jsonl"
    command = [
        *(sys.executable, "-c", "from whyser_eval.cli import main; main()", "predict"),
        *(corpus.references_file, "--form", "open", "--output", output, "--concurrency", "1"),
        *("--endpoint", endpoint.url, "--model", "tiny", "--samples", "3"),
    ]
    questions = 3 * CLIPS
    for kill_after in (4, 9):
        running = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
        )
        deadline = time.monotonic() + 30
        while len(endpoint.asked) < kill_after and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert kill_after <= len(endpoint.asked) < questions
        assert not output.exists()
    kept = len(output.with_suffix(".ledger.jsonl").read_bytes().splitlines())
    before = len(endpoint.asked)
    subprocess.run(command, check=True, capture_output=True)
    assert len(endpoint.asked) == before + questions - kept
    # Only what was at the endpoint at a kill was asked again.
    assert len(endpoint.asked) <= questions + 2
    assert len(list(read_predictions(output))) == CLIPS
    subprocess.run(command, check=True, capture_output=True)
    assert len(endpoint.asked) == before + questions - kept


def test_a_limit_stops_in_time_and_the_next_run_goes_on(predict, endpoint):
    status, said, written = predict("--max-requests", "2", "--concurrency", "1")
    assert (status, written) == (1, None)
    assert "Run the same command again to continue" in said
    status, said, written = predict()
    assert (status, len(written), len(endpoint.asked)) == (0, CLIPS, CLIPS)


def test_what_is_not_answered_is_told_and_nothing_is_written(predict, corpus, endpoint):
    refused = 1600 + 160 * 2
    endpoint.answer = lambda body: 400 if len(samples(body)[0]) == refused else "sad"
    status, said, written = predict()
    assert (status, written) == (1, None)
    assert "problem: msp_podcast/clip_2: " in said
    assert f"1 of {CLIPS} questions were not answered, so nothing is written" in said

    status, said, written = predict("--accept-failures")
    assert status == 0
    assert {one.id: one.text for one in written}["msp_podcast/clip_2"] == ""
    assert "score as misses" in said
    assert provenance(corpus)["not_answered"] == 1
    # All others were answered once.
    assert len(endpoint.asked) == CLIPS + 1


def test_thinking_is_no_part_of_an_answer(predict, corpus, endpoint):
    endpoint.answer = lambda body: "<thinking>Angry? Happy?</thinking>\n\nI think it is sad"
    status, said, written = predict()
    assert status == 0, said
    assert {one.text for one in written} == {"I think it is sad"}
    rows = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["thinking", "left", "out", str(CLIPS)] in rows
    ledger = (corpus.folder / "predictions/out.ledger.jsonl").read_text()
    assert ledger.count("Angry? Happy?") == CLIPS


def test_a_parameter_that_the_model_refuses_is_in_the_record(predict, corpus, endpoint):
    told = "Unsupported value: 'temperature' does not support 0 with this model."
    endpoint.answer = lambda body: (400, told) if "temperature" in body else "sad"
    status, said, written = predict("--concurrency", "1")
    assert status == 0, said
    assert len(written) == CLIPS and len(endpoint.asked) == CLIPS + 1
    assert provenance(corpus)["refused"] == ["temperature"]
    # The ledger remembers it for a run that asks nothing.
    status, _, _ = predict()
    assert (status, provenance(corpus)["refused"]) == (0, ["temperature"])


def test_a_password_in_the_address_is_written_nowhere(predict, corpus, endpoint, monkeypatch):
    host = endpoint.url.removeprefix("http://")
    status, said, _ = predict("--endpoint", f"http://me:secret-word@{host}?code=secret-code")
    assert status == 0, said
    files = [path.read_bytes() for path in corpus.folder.rglob("*") if path.is_file()]
    assert not any(b"secret-" in content for content in [*files, said.encode()])
    assert provenance(corpus)["endpoint"] == endpoint.url


def test_an_unreadable_clip_is_named(predict, corpus):
    (corpus.folder / "sound files/clip 0.wav").write_bytes(b"RIFF")
    status, said, _ = predict()
    assert status == 1
    assert "clip 0.wav: is not a readable sound file" in said


def test_a_dry_run_asks_nothing(predict, corpus, endpoint):
    status, said, written = predict("--dry-run", "--samples", "2")
    assert (status, written, endpoint.asked) == (0, None, [])
    assert ["requests", str(2 * CLIPS)] in [
        line.replace("│", " ").split() for line in said.splitlines()
    ]
    assert not (corpus.folder / "predictions").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--control", "reordered"), "Use --form closed"),
        (("--variants", "2"), "Use --variants with --control paraphrased"),
        (("--control", "paraphrased", "--variants", "11"), "Give --variants up to 10"),
        (("--samples", "2", "--temperature", "0"), "Give a temperature above 0"),
        (("--split", "nowhere"), "no utterance of split 'nowhere'"),
        (("--split", "train", "--control", "shuffled"), "the only utterance of its corpus"),
    ],
)
def test_refused(predict, arguments, message):
    status, said, written = predict(*arguments)
    assert (status, written) == (1, None)
    assert message in said


def test_a_corpus_that_is_given_twice_is_refused(predict, corpus):
    status, said, _ = predict(corpus.references_file)
    assert status == 1
    assert "duplicate id 'msp_podcast/clip_0'. Give each file once" in said


def test_of_several_test_splits_one_must_be_named(predict, corpus):
    corpus.utterances[0]["split"] = "test2"
    corpus.write()
    status, said, _ = predict()
    assert status == 1
    assert "has the test splits test1, test2. Give --split" in said


# ---- provenance ---------------------------------------------------------------------------


def test_the_record_says_how_it_was_asked(predict, corpus, endpoint, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    with_token = f"{endpoint.url}?token=secret"
    status, said, _ = predict("--cot", "--endpoint", with_token)
    assert status == 0, said
    found = provenance(corpus)
    assert (found["system"], found["model"], found["endpoint"]) == (
        "tiny+CoT", "tiny", endpoint.url,
    )  # fmt: skip
    assert found["questions"] == [
        {"variant": 0, "name": "open_cot", "prompt": OPEN_COT.hash, "text": OPEN_COT.text}
    ]
    assert found["decoding"] == {"samples": 1, "seed": 0, "temperature": 0.0, "max_tokens": 512}
    assert found["template"] == {"said": None, "found": None, "prompt": None}
    files = [path.read_bytes() for path in corpus.folder.rglob("*") if path.is_file()]
    assert not any(b"secret" in content for content in files)


def marked(sound: str) -> str:
    return f"<|audio_bos|>{sound}<|audio_eos|>"


@pytest.mark.parametrize(
    ("sound", "template"),
    [
        (marked("<|AUDIO|>" * 25), "whyser"),
        # A current vLLM that was given the template of an old one.
        ("<|AUDIO|>" * 25, "official"),
        # An old one tells no tokens of sound, and adds marks where they stand already.
        ("<|AUDIO|>", "whyser"),
        (marked("<|AUDIO|>"), "official"),
        (f"Audio 1: {marked('<|AUDIO|>' * 25)}\n", "official"),
    ],
)
def test_the_template_behind_a_prompt(sound: str, template: str) -> None:
    assert template_of(trained_prompt("Why?", sound), "Why?") == template


def test_the_template_is_what_the_server_writes(predict, corpus, endpoint):
    endpoint.template = lambda text: trained_prompt(text, marked("<|AUDIO|>" * 25))
    status, said, _ = predict("--template", "whyser")
    assert status == 0, said
    assert provenance(corpus)["template"] == {
        "said": "whyser", "found": "whyser",
        "prompt": trained_prompt(OPEN.text, marked("<|AUDIO|>")),
    }  # fmt: skip
    status, said, _ = predict("--template", "official", output="other.jsonl")
    assert status == 1
    assert "uses the template 'whyser', not 'official'" in said

    endpoint.template = lambda text: f"Audio 1: <|AUDIO|>\n{text}"
    status, said, _ = predict("--template", "whyser", output="other.jsonl")
    assert status == 1
    assert "Run whyser-convert servable" in said


def test_a_run_does_not_go_on_under_another_template(predict, corpus, endpoint):
    endpoint.template = lambda text: trained_prompt(text, "<|AUDIO|>")
    status, said, written = predict("--max-requests", "2", "--concurrency", "1")
    assert (status, written) == (1, None)
    assert not provenance(corpus)["finished"]
    endpoint.template = lambda text: f"Audio 1: <|AUDIO|>\n{text}"
    status, said, written = predict()
    assert (status, written, len(endpoint.asked)) == (1, None, 2)
    assert "its answers were given to the template 'whyser'" in said
    endpoint.template = lambda text: trained_prompt(text, "<|AUDIO|>")
    status, said, written = predict()
    assert (status, len(written), len(endpoint.asked)) == (0, CLIPS, CLIPS)
    assert provenance(corpus)["finished"]


@pytest.mark.parametrize("more", [("--max-requests", "1"), ()])
def test_predictions_keep_their_record_until_others_replace_them(predict, corpus, endpoint, more):
    assert predict()[0] == 0
    folder = corpus.folder / "predictions"
    before = {name: (folder / name).read_bytes() for name in ("out.jsonl", "out.provenance.json")}
    endpoint.answer = lambda body: 400
    status, said, _ = predict("--cot", *more)
    assert status == 1, said
    assert before == {name: (folder / name).read_bytes() for name in before}
    begun = json.loads((folder / "out.ledger.provenance.json").read_text(encoding="utf-8"))
    assert begun["chain_of_thought"] and not begun["finished"]

    endpoint.answer = lambda body: "It is sad"
    status, said, written = predict("--cot")
    assert status == 0, said
    assert {one.prompt for one in written} == {OPEN_COT.hash}
    assert provenance(corpus)["chain_of_thought"] and provenance(corpus)["finished"]


def test_a_template_is_compared_with_that_of_every_earlier_run(predict, corpus, endpoint):
    endpoint.template = lambda text: trained_prompt(text, "<|AUDIO|>")
    assert predict()[0] == 0
    endpoint.template = lambda text: f"Audio 1: <|AUDIO|>\n{text}"
    status, said, _ = predict("--cot")
    assert status == 1
    assert "its answers were given to the template 'whyser'" in said
    assert not provenance(corpus)["chain_of_thought"]


def test_all_commands_that_ask_take_an_endpoint_alike():
    found = [*options_of_endpoints(eval_app), *options_of_endpoints(teach_app)]
    assert len(found) == 3
    assert found[0] == found[1] == found[2]
    assert {"endpoint", "model", "concurrency", "timeout", "max_cost", "dry_run"} <= found[0].keys()


def options_of_endpoints(app):
    """Name -> default and help, of every command that asks one about many items; without what is
    its own. `ask` and `listen` ask about what a person waits for, and have no limits."""
    for one in app.registered_commands:
        asking = inspect.signature(one.callback).parameters
        if {"endpoint", "dry_run"} <= asking.keys():
            names = list(asking)
            shared = [*names[names.index("endpoint") :], "dry_run"]
            yield {
                name: (asking[name].default, get_args(asking[name].annotation)[1].help)
                for name in shared
            }


def test_what_is_predicted_can_be_scored(predict, corpus, whyser_eval):
    for control in ("none", "shuffled"):
        predict("--control", control, output=f"{control}.jsonl")
    predictions = [("--predictions", corpus.folder / f"{name}.jsonl") for name in
                   ("none", "shuffled")]  # fmt: skip
    status, _, err = whyser_eval(
        *("score", "--references", corpus.references_file, *predictions[0], *predictions[1]),
        *("--output", corpus.folder / "results", "--draws", "0"),
    )
    assert status == 0, err
    assert "tiny (open) does not beat its own answers to shuffled audio" in err


def test_what_is_said_of_decoding_is_asked():
    """A top-p of 0 is one, too."""
    assert Decoding(2, top_p=0.0).parameters("a/1", 0)["top_p"] == 0
    assert Decoding(2).parameters("a/1", 0)["top_p"] == 0.9
