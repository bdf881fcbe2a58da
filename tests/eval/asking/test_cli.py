"""`whyser-eval ask` as a user calls it, of an endpoint."""

import json
import math
import os
import sys

import pytest
from tests.eval.asking.conftest import REASON
from tests.eval.endpoint import Endpoint, samples

from whyser.prompting.answer import render_answer

ANSWER = render_answer("angry", transcript="Call me", rationale=REASON)


def token(text, **alternatives):
    top = [
        {"token": f" {name}", "logprob": math.log(share)} for name, share in alternatives.items()
    ]
    return {"token": text, "logprob": top[0]["logprob"], "top_logprobs": top}


@pytest.fixture
def endpoint():
    found = Endpoint(lambda body: ANSWER)
    found.weighed = [token(" angry", angry=0.7, sad=0.2)]
    yield found
    found.close()


@pytest.fixture
def ask(whyser_eval, endpoint):
    def call(*arguments):
        return whyser_eval("ask", *arguments, "--endpoint", endpoint.url, "--model", "tiny")

    return call


def test_a_clip_is_answered(ask, endpoint, speak):
    status, out, _ = ask(speak(hertz=180.0), "--gender", "male")
    assert status == 0
    assert "angry ━" in out and "70%" in out and "high✓" in out and "fast✗" in out
    assert "compared with figures about men in general" in out
    assert out.count("not measurable") == 1
    heard, rate = samples(endpoint.asked[0])
    assert rate == 16_000 and heard.shape == (32_000,)
    # The second request continues the answer where it decides.
    assert endpoint.asked[1]["messages"][1]["content"].endswith("I think the emotion is")


def test_json_has_a_row_for_each_clip_and_says_why_one_has_no_answer(ask, speak, tmp_path):
    clips = speak("a.wav"), speak("b.wav", level=0.0)
    status, out, err = ask(*clips, "--json")
    answered, failed = json.loads(out)
    assert status == 1 and "1 of 2 clips have no answer" in err
    assert answered["label"] == "angry" and answered["shares"] == {"angry": 0.7, "sad": 0.2}
    assert failed["clip"] == str(clips[1]) and "is silent" in failed["error"]


def test_json_says_of_a_single_clip_too_why_it_has_no_answer(ask, speak):
    clip = speak(level=0.0)
    status, out, err = ask(clip, "--json")
    assert status == 1 and "1 of 1 clips have no answer" in err
    (failed,) = json.loads(out)
    assert set(failed) == {"clip", "error"} and "is silent" in failed["error"]


@pytest.mark.parametrize("option", ["", "--json", "--report"])
def test_an_endpoint_that_fails_is_asked_once_and_named_once(
    ask, endpoint, speak, tmp_path, option
):
    endpoint.answer = lambda body: (401, "wrong key")
    clips = [speak(f"{number}.wav") for number in range(4)]
    page = tmp_path / "answers.html"
    options = {"": (), "--json": ("--json",), "--report": ("--report", page)}[option]
    status, out, err = ask(*clips, *options)
    assert status == 1 and len(endpoint.asked) == 1
    assert err.count("wrong key") == 1 and "4 of 4 clips have no answer" in err
    if option == "--json":
        assert all("wrong key" in one["error"] for one in json.loads(out))
    else:
        assert out == ""  # not even what the marks mean
    assert page.exists() == (option == "--report")


def test_a_failure_names_the_endpoint_and_promises_nothing(ask, endpoint, speak):
    endpoint.answer = lambda body: (500, "CUDA out of memory")
    status, _, err = ask(speak())
    assert status == 1 and f"error: {endpoint.url}: status 500: CUDA out of memory" in err
    assert "Run the command again later." in err and "kept" not in err


def test_a_name_may_be_any_bytes(ask, speak, tmp_path):
    path = tmp_path / os.fsdecode(b"clips/bad\xff\nname.wav")
    speak("clips/plain.wav").rename(path)
    status, out, _ = ask(path)
    assert status == 0 and "bad⟨U+DCFF⟩␊name.wav  2.0 s, tiny" in out
    assert json.loads(ask(path, "--json")[1])[0]["clip"] == str(path)
    assert ask(path.parent, "--report", tmp_path / "answers.html")[0] == 0
    page = (tmp_path / "answers.html").read_text(encoding="utf-8")
    assert '"audio": "clips/bad%FF%0Aname.wav"' in page or (
        '"audio":"clips/bad%FF%0Aname.wav"' in page
    )


def test_a_folder_makes_a_report(ask, speak, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    speak("clips/a.wav"), speak("clips/b.wav")
    status, out, err = ask("clips")
    assert (status, out) == (0, "") and "2 of 2 clips are answered -> answers.html" in err
    assert "2 answers of" in (tmp_path / "answers.html").read_text(encoding="utf-8")
    assert ask("clips", "--report", "other.html")[0] == 0
    assert (tmp_path / "other.html").is_file()


def test_an_answer_does_not_need_probabilities(ask, endpoint, speak):
    endpoint.answer = lambda body: (400, "no logprobs") if body.get("logprobs") else ANSWER
    status, out, _ = ask(speak())
    assert status == 0 and "%" not in out.split("heard")[0] and "angry" in out


def test_the_clip_itself_is_not_another_of_its_speaker(ask, speak, tmp_path):
    clips = [speak(f"own/{number}.wav", hertz=120.0 + number) for number in range(8)]
    status, _, err = ask(clips[0], "--speaker-clips", tmp_path / "own")
    assert status == 1 and "--speaker-clips has 7 clips, too few" in err
    speak("own/8.wav")
    status, out, _ = ask(clips[0], "--speaker-clips", tmp_path / "own")
    assert status == 0 and "compared with 8 clips of the same speaker" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--transcript", "Hello"), "--transcript has the words of one clip"),
        (("--corpus", "utterances.jsonl"), "--corpus and --cues belong together"),
        (("--template", "whyser"), "--template is for a checkpoint"),
    ],
)
def test_options_that_do_not_fit_are_refused(ask, endpoint, speak, arguments, words):
    status, out, err = ask(speak("a.wav"), speak("b.wav"), *arguments)
    assert (status, out) == (1, "") and words in err
    assert not endpoint.asked


def test_a_checkpoint_that_is_not_there_is_named(whyser_eval, speak, tmp_path):
    status, _, err = whyser_eval("ask", speak(), "--model", tmp_path / "none")
    assert status == 1 and "no such folder" in err and "--endpoint" in err


def test_a_library_that_a_checkpoint_lacks_is_named(whyser_eval, speak, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    status, _, err = whyser_eval("ask", speak(), "--model", tmp_path)
    assert status == 1
    assert "a local checkpoint needs torch, which is not installed" in err
    assert "pip install 'whyser[train]'" in err


def test_an_endpoint_that_is_away_is_named(whyser_eval, endpoint, speak):
    endpoint.close()
    status, _, err = whyser_eval("ask", speak(), "--endpoint", endpoint.url, "--model", "tiny")
    assert status == 1 and endpoint.url in err


@pytest.mark.slow
def test_a_checkpoint_of_this_disk_answers(whyser_eval, speak, tmp_path, capsys):
    from whyser.demo.model import write_model

    write_model(tmp_path / "model")
    capsys.readouterr()  # what torch and its libraries print when they are imported
    status, out, _ = whyser_eval(
        "ask", speak(), "--model", tmp_path / "model", "--max-tokens", 8, "--json"
    )
    (found,) = json.loads(out)
    assert status == 0 and found["answer"] and found["system"] == "model"
    assert found["heard"] == 2.0
    assert "The answer was cut off at its maximum length." in found["notes"]
