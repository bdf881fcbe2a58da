"""Claims in an answer are checked against the sound, and shown to people and to programs."""

import json

import numpy as np
import pytest

from whyser.io.errors import WhyserError
from whyser.prompting.answer import render_answer
from whyser_eval.asking.answers import Asker
from whyser_eval.asking.references import Reference, Usual, population
from whyser_eval.asking.report import AnswersReport
from whyser_eval.asking.terminal import print_answer, print_legend
from whyser_eval.asking.views import view

#: The clip's 180 Hz are 7 semitones above 120; it has 2 syllables.
MEN = population("male")
SPEAKER = Reference("speaker", "9 clips of the same speaker", {"loudness": Usual(20.0, 2.0)})


@pytest.fixture
def ask(system, speak):
    def call(references=(SPEAKER, MEN), said=None, **how):
        return Asker(system, list(references), said).ask(speak(**{"hertz": 180.0, **how}))

    return call


def test_claims_are_checked_against_the_voice(ask, system):
    answer = ask()
    assert (answer.label, answer.transcript) == ("angry", "Call me")
    outcomes = {claim.family: claim.outcome for claim in answer.claims}
    assert outcomes == {"loudness": "supported", "pitch": "supported", "rate": "contradicted"}
    assert answer.grounded == pytest.approx(2 / 3)
    pitch = answer.voice.cues["pitch"].cue
    assert pitch.value == pytest.approx(180, abs=2)
    assert pitch.deviation == pytest.approx(12 * np.log2(180 / 120), abs=0.2)
    assert {name: one.kind for name, one in answer.voice.cues.items()} == {
        "loudness": "speaker", "pitch": "population", "pitch_range": "population",
        "rate": "population",
    }  # fmt: skip
    assert system.heard[0].shape == (32_000,)


def test_the_rate_is_that_of_the_words_that_were_said(ask):
    few = ask().voice.cues["rate"].cue.value
    many = ask(said="Will you please call me back later today").voice.cues["rate"].cue.value
    assert many == pytest.approx(few * 10 / 2)
    assert "rate: by the words that the model heard" in list(ask().compared)
    assert not any("heard" in line for line in ask(said="Call me").compared)


def test_the_quality_of_the_voice_is_shown_where_a_claim_is_about_it(ask, system):
    usual = {name: Usual(0.0, 1.0) for name in ("hnr", "jitter", "shimmer", "tilt")}
    references = [Reference("speaker", "9 clips", usual), MEN]
    families = ["pitch", "pitch_range", "loudness", "rate", "pauses"]
    assert ask(references).shown == families
    system.text = render_answer("angry", transcript="Call me", rationale="The voice is harsh.")
    answer = ask(references)
    assert answer.shown == [*families, *usual]
    assert "hnr, jitter, shimmer, tilt: compared with 9 clips" in list(answer.compared)


def test_without_a_reference_a_claim_is_not_measurable(ask):
    answer = ask(references=[MEN])
    assert answer.claims[0].family == "loudness"
    assert answer.claims[0].outcome == "not_measurable"
    assert answer.voice.unmeasured["loudness"] == "no reference"


def test_noise_and_whispers_are_named(ask):
    noise = np.random.default_rng(0).normal(0, 0.1, 32_000)
    answer = ask(samples=noise)
    assert {claim.outcome for claim in answer.claims} == {"not_measurable"}
    (note,) = answer.notes
    assert note.startswith("Speech hardly stands out: noise, music or other voices")
    breath = noise * np.repeat(np.tile([1.0, 0.001], 5), 3200)
    (note,) = ask(samples=breath).notes
    assert note.startswith("Hardly any of it is voiced")


def test_without_praat_claims_are_shown_unchecked(system, speak):
    answer = Asker(system, [MEN], measures=False).ask(speak())
    assert answer.voice is None and answer.grounded is None
    assert {claim.outcome for claim in answer.claims} == {None}
    assert answer.notes == ["Nothing was measured: the extra 'acoustics' is not installed."]
    assert view(answer)["claims"][0]["outcome"] == "unchecked"


def test_an_answer_without_tags_is_its_own_rationale(ask, system):
    system.text, system.shares = "The speaker sounds sad, with a high pitch.", None
    answer = ask()
    assert (answer.label, answer.transcript, answer.shares) == ("sad", None, {})
    assert answer.rationale == system.text
    assert [claim.family for claim in answer.claims] == ["pitch"]
    # Without a transcript nobody knows the rate.
    assert answer.voice.unmeasured["rate"] == "no words"


def test_an_answer_that_was_cut_off_is_named(ask, system):
    system.is_cut = True
    assert ask().notes == ["The answer was cut off at its maximum length."]


def test_as_json_it_can_be_read_by_programs(ask, tmp_path):
    found = json.loads(json.dumps(ask().as_json()))
    assert found["clip"] == str(tmp_path / "clip.wav")
    assert (found["label"], found["system"], found["heard"]) == ("angry", "tiny", 2.0)
    assert found["shares"] == {"angry": 0.7, "sad": 0.2}
    assert found["references"] == {"speaker": SPEAKER.what, "population": MEN.what}
    for claim in found["claims"]:
        assert found["rationale"][claim["start"] : claim["end"]] == claim["words"]
    cues = {cue["cue"]: cue for cue in found["cues"]}
    assert cues["pitch"]["unit"] == "Hz" and cues["pitch"]["level"] == "high"
    assert cues["pauses"]["value"] is None and "other clips" in cues["pauses"]["reason"]


# ---- for people -----------------------------------------------------------------------------


def test_in_a_terminal_it_is_short_and_marks_each_claim(ask, capsys):
    print_answer(ask())
    print_legend()
    text = capsys.readouterr().out
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) < 25 and max(map(len, lines)) <= 88
    assert not any(line.endswith(" ") for line in lines)
    assert "loud✓" in text and "high✓" in text and "fast✗" in text
    assert "✗ “fast”: rate measured as low" in text
    (pitch,) = (line for line in lines if line.strip().startswith("pitch  "))
    assert pitch.split()[1:3] == ["180", "Hz"] and pitch.endswith("st higher")
    assert "angry ━━━━━━━━━━━━━━━━━ 70%" in text
    assert "pitch, pitch range, rate: compared with figures about men in general" in text


def test_colours_are_for_terminals(ask, monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_answer(ask())
    assert "\x1b[1;32m" in capsys.readouterr().out


def test_foreign_texts_cannot_command_a_terminal_or_a_page(ask, system, tmp_path, capsys):
    hostile = "\x1b[2J</script><script>alert(1)</script> [bold]\u202e"
    system.text = render_answer("angry", transcript=hostile, rationale=f"{hostile} A high pitch.")
    answer = ask()
    print_answer(answer)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown and "[bold]" in shown
    report = AnswersReport(tmp_path / "report.html")
    report.add(tmp_path / "clip.wav", answer)
    report.write("tiny\x1b")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page and "\x1b" not in page


def test_a_report_has_answers_and_problems(ask, tmp_path):
    answers = [ask(), WhyserError("clip.wav: is silent"), ask()]
    clips = [tmp_path / "a b.wav", tmp_path / "clip.wav", tmp_path / "c.wav"]
    output = tmp_path / "results" / "report.html"
    output.parent.mkdir()
    report = AnswersReport(output)
    for clip, answer in zip(clips, answers, strict=True):
        report.add(clip, answer)
    report.write("tiny")
    page = output.read_text(encoding="utf-8")
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    assert [list(one) for one in data["answers"]] == [
        ["answer", "audio"],
        ["problem"],
        ["answer", "audio"],
    ]
    assert data["answers"][0]["audio"] == "../a%20b.wav"
    pitch = data["answers"][0]["answer"]["sketch"]["pitch"]
    assert np.median([hertz for _, hertz in pitch]) == pytest.approx(180, abs=2)
    assert "Of 6 claims about the voice, 4 are supported" in page.replace("\n", " ")
