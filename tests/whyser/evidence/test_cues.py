from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import Result
from typer.testing import CliRunner

from whyser.evidence.acoustics import Acoustics
from whyser.evidence.cues import FEWEST_CLIPS, Cues, measure_corpus, read_cues, relate
from whyser.io.errors import BadInput, InputError, Problems
from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances
from whyser.teacher.cli import app


def utterance(number: int, speaker: str | None, gender: str | None = "female") -> Utterance:
    return Utterance(
        id=f"c/{number}", corpus="c", split="train", audio=f"{number}.wav", duration=1.0,
        sampling_rate=16000, channels=1, transcript="one two", speaker=speaker, gender=gender,
        label="sad", label_raw="S",
    )  # fmt: skip


def at_pitch(hertz: float | None) -> Acoustics:
    return Acoustics(hertz, 4.0, 60.0, 4.0, 0.0)


def cues_of(pairs: list[tuple[Utterance, float | None]]) -> list[Cues]:
    return list(relate([one for one, _ in pairs], [at_pitch(hertz) for _, hertz in pairs]))


def test_a_level_is_relative_to_the_speaker() -> None:
    pitches = [90, 95, 98, 100, 102, 105, 110, 160]
    low = [(utterance(n, "c/low"), float(hertz)) for n, hertz in enumerate(pitches)]
    high = [(utterance(100 + n, "c/high"), 2.0 * hertz) for n, hertz in enumerate(pitches)]
    found = cues_of(low + high)
    assert {cues.reference for cues in found} == {"speaker"}
    levels = [cues.pitch.level for cues in found if cues.pitch]
    assert levels[:8] == levels[8:]
    assert levels[0] == "low"
    assert levels[7] == "high"
    # 160 Hz against a median of 101 Hz: 12 * log2(160 / 101) = 7.96 semitones.
    assert found[7].pitch is not None
    assert found[7].pitch.deviation == pytest.approx(7.96, abs=0.02)


def test_a_speaker_with_few_clips_is_compared_with_the_gender() -> None:
    many = [(utterance(n, f"c/{n}", "female"), 200.0) for n in range(FEWEST_CLIPS)]
    lone = (utterance(90, "c/lone", "male"), 100.0)
    unknown = (utterance(91, None, None), 200.0)
    found = cues_of([*many, lone, unknown])
    assert [cues.reference for cues in found] == ["gender"] * FEWEST_CLIPS + ["corpus"] * 2


def test_an_unmeasured_family_is_none_and_spoils_no_median() -> None:
    pairs = [(utterance(n, "c/1"), 100.0 if n else None) for n in range(FEWEST_CLIPS + 1)]
    first, *others = cues_of(pairs)
    assert first.pitch is None
    assert "pitch" not in first.measured()
    assert all(cues.pitch and cues.pitch.deviation == 0 for cues in others)


def test_a_tiny_difference_of_a_steady_speaker_is_normal() -> None:
    # All clips within a fifth of a semitone: their spread is smaller than what is heard.
    pairs = [(utterance(n, "c/1"), 100.0 + 0.1 * n) for n in range(10)]
    assert {cues.pitch.level for cues in cues_of(pairs) if cues.pitch} == {"normal"}


def write_corpus(folder: Path, utterances: list[Utterance]) -> Corpus:
    write_utterances(folder / "utterances.jsonl", utterances)
    card = CorpusCard(
        corpus="c", title="c", licence="none", source="none", audio_root=".", classes=("sad",),
        utterances=len(utterances), hours=0.0, read=0, whyser="0",
    )  # fmt: skip
    write_card(folder / "corpus.json", card)
    return Corpus(folder / "utterances.jsonl")


@pytest.fixture
def half_readable(tmp_path: Path) -> Corpus:
    """Three clips of which the second alone can be read."""
    corpus = write_corpus(tmp_path, [utterance(n, "c/1") for n in range(3)])
    soundfile.write(tmp_path / "1.wav", 0.3 * np.sin(np.arange(16_000) * 0.06), 16_000)
    (tmp_path / "2.wav").write_bytes(b"RIFFnothing")
    return corpus


def names(problems: list[InputError]) -> list[str]:
    return [Path(str(one.file)).name for one in problems]


def test_an_unreadable_clip_is_named_and_has_no_cues(half_readable: Corpus) -> None:
    problems = Problems("corpus")
    found = list(measure_corpus(half_readable, problems=problems))
    assert names(problems.found) == ["0.wav", "2.wav"]
    assert [one.id for one in found] == ["c/0", "c/1", "c/2"]
    assert [bool(one.measured()) for one in found] == [False, True, False]


def test_where_nobody_takes_them_unreadable_clips_are_all_named(half_readable: Corpus) -> None:
    with pytest.raises(BadInput) as caught:
        list(measure_corpus(half_readable))
    assert names(caught.value.problems) == ["0.wav", "2.wav"]


def test_a_corpus_without_a_readable_clip_is_refused(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [utterance(n, "c/1") for n in range(3)])
    with pytest.raises(BadInput):
        list(measure_corpus(corpus, problems=Problems("corpus")))


def run_cues(corpus: Corpus, output: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["cues", str(corpus.path), "--output", str(output), *options])


def test_the_command_goes_on_past_unreadable_clips(half_readable: Corpus, tmp_path: Path) -> None:
    output = tmp_path / "cues.jsonl"
    result = run_cues(half_readable, output)
    assert result.exit_code == 0
    assert len(list(read_cues(output))) == 3
    assert "0.wav: no such sound file" in result.stderr
    assert "2.wav: is not a readable sound file" in result.stderr
    assert "2 problems in" in result.stderr


def test_the_strict_command_writes_nothing(half_readable: Corpus, tmp_path: Path) -> None:
    result = run_cues(half_readable, tmp_path / "cues.jsonl", "--strict")
    assert result.exit_code == 1
    assert isinstance(result.exception, BadInput)
    assert not (tmp_path / "cues.jsonl").exists()


def test_voice_quality_is_measured_on_demand(half_readable: Corpus, tmp_path: Path) -> None:
    kinds = ("hnr", "jitter", "shimmer", "tilt")
    for option, expected in (("--voice-quality", True), ("--no-voice-quality", False)):
        output = tmp_path / f"{option}.jsonl"
        assert run_cues(half_readable, output, option).exit_code == 0
        _, found, _ = read_cues(output)
        assert [getattr(found, kind) is not None for kind in kinds] == [expected] * 4
        assert found.loudness_range is not None


def test_what_is_unmeasured_is_written_with_its_reason(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path, [utterance(n, "c/1") for n in range(4)])
    tone = 0.3 * np.sin(np.arange(16_000) * 0.06)
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000)
    for number, sound in enumerate((tone, noise, tone[:160], 0 * tone)):
        soundfile.write(tmp_path / f"{number}.wav", sound, 16_000)
    output = tmp_path / "cues.jsonl"
    result = run_cues(corpus, output)
    assert result.exit_code == 0
    whole, noisy, short, silent = read_cues(output)
    assert (whole.unmeasured, whole.pitch is not None) == ({}, True)
    assert whole.conditions is not None and whole.conditions.voiced == 1
    assert noisy.measured() == short.measured() == {}
    assert set(noisy.unmeasured.values()) == {"background noise"}
    assert set(short.unmeasured.values()) == {"too short"}
    assert set(silent.unmeasured.values()) == {"silence"}
    assert "not measurable, too short: pitch 1, pitch_range 1, loudness 1, rate 1" in result.stderr


def test_an_unreadable_clip_says_so(half_readable: Corpus) -> None:
    absent, readable, _ = measure_corpus(half_readable, problems=Problems("corpus"))
    assert set(absent.unmeasured.values()) == {"unreadable"}
    assert "unreadable" not in readable.unmeasured.values()


def test_a_clip_an_octave_below_the_speaker_has_no_pitch() -> None:
    pitches = [190.0, 195.0, 198.0, 200.0, 202.0, 205.0, 210.0, 320.0, 100.0]
    *others, low = cues_of([(utterance(n, "c/1"), hertz) for n, hertz in enumerate(pitches)])
    assert low.pitch is None
    assert low.unmeasured == {"pitch": "octave jumps"}
    # A voice can rise as far.
    assert all(cues.pitch for cues in others)


def test_a_speaker_of_wide_pitch_may_be_low() -> None:
    pitches = [100.0, 120.0, 150.0, 180.0, 200.0, 230.0, 270.0, 320.0, 380.0]
    assert all(
        one.pitch for one in cues_of([(utterance(n, "c/1"), p) for n, p in enumerate(pitches)])
    )


def test_an_older_file_is_written_as_it_was(tmp_path: Path) -> None:
    old = cues_of([(utterance(n, "c/1"), 200.0) for n in range(FEWEST_CLIPS)])[0]
    assert not {"unmeasured", "conditions"} & old.model_dump().keys()
    assert "unmeasured" not in old.model_dump_json()


def test_cues_written_before_voice_quality_are_read(tmp_path: Path) -> None:
    line = (
        '{"id":"c/1","reference":"speaker","pitch":{"value":220.0,"deviation":1.0,"strength":0.8,'
        '"level":"high"},"pitch_range":null,"loudness":null,"rate":null,"pauses":null}'
    )
    (tmp_path / "cues.jsonl").write_text(line + "\n", encoding="utf-8")
    (found,) = read_cues(tmp_path / "cues.jsonl")
    assert found.pitch is not None
    assert found.pitch.value == 220.0
    assert (found.loudness_range, found.hnr) == (None, None)


def test_a_corpus_without_genders_is_compared_with_itself() -> None:
    found = cues_of([(utterance(n, None, None), 100.0 + n) for n in range(3)])
    assert [cues.reference for cues in found] == ["corpus"] * 3
    assert found[1].pitch is not None and found[1].pitch.deviation == 0
