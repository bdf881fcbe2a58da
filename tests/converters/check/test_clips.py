from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.io.audio import audio_tokens
from whyser_converters.check import clips
from whyser_converters.check.clips import judge
from whyser_converters.check.model import QWEN2_AUDIO, Hearing

RATE = 16_000
STEP = 1 / 32_768


def kinds(path: Path) -> list[str]:
    return [fault.kind for fault in judge(str(path), QWEN2_AUDIO).faults]


def write(path: Path, samples: Any, subtype: str = "PCM_16", rate: int = RATE) -> Path:
    soundfile.write(path, np.asarray(samples), rate, subtype=subtype)
    return path


def square(peak: float, seconds: float = 1.0) -> np.ndarray[Any, Any]:
    """Alternates between the two levels, so that no two neighbours are equal."""
    return peak * np.where(np.arange(round(seconds * RATE)) % 2, 1.0, -1.0)


@pytest.mark.parametrize("seconds", [0.05, 0.1, 1.0, 6.3, 29.99, 30.0, 40.0])
def test_audio_tokens_follow_the_models_own_arithmetic(seconds: float) -> None:
    # Qwen2AudioEncoder._get_feat_extract_output_lengths on the frames of the mask.
    frames = round(seconds * RATE)
    mask = min(3000, -(-frames // 160))
    after_conv = (mask - 1) // 2 + 1
    assert audio_tokens(frames) == (after_conv - 2) // 2 + 1


@pytest.mark.parametrize("seconds", [0.05, 5.99, 6.0, 6.01, 30.0])
def test_a_shorter_window_gives_fewer_tokens(tmp_path: Path, seconds: float) -> None:
    path = write(tmp_path / "a.wav", square(0.1, seconds))
    mask = min(600, -(-round(seconds * RATE) // 160))
    clip = judge(str(path), Hearing(seconds=6))
    assert clip.tokens == ((mask - 1) // 2 + 1 - 2) // 2 + 1
    told = [f"{path}: only the first 6 s of {seconds:.1f} s are heard"] if seconds > 6 else []
    assert [fault.what for fault in clip.faults] == told


def test_tokens_count_the_sound_at_16_khz(tmp_path: Path) -> None:
    clip = judge(str(write(tmp_path / "a.wav", square(0.1, 3), rate=48_000)), QWEN2_AUDIO)
    assert (clip.seconds, clip.tokens, clip.faults) == (1.0, 25, ())


def test_a_clip_too_short_for_a_token_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", square(0.1, 0.02))
    [fault] = judge(str(path), QWEN2_AUDIO).faults
    assert (fault.kind, fault.warns) == ("clips without an audio token", False)
    assert fault.what.startswith(f"{path}: 0.020 s")


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize(("steps", "silent"), [(0, True), (15, True), (16, False)])
def test_silence_is_a_peak_below_16_steps(
    tmp_path: Path, subtype: str, steps: int, silent: bool
) -> None:
    path = write(tmp_path / "a.wav", square(steps * STEP), subtype)
    assert kinds(path) == (["silent clips"] if silent else [])


def test_silence_is_judged_by_what_the_model_hears(tmp_path: Path) -> None:
    tone = square(0.1)
    cases = {
        "an offset": np.full(RATE, 0.3),
        "channels that cancel": np.stack([tone, -tone], axis=1),
        "sound after 30 s": np.concatenate([np.zeros(30 * RATE), tone]),
    }
    for name, samples in cases.items():
        assert "silent clips" in kinds(write(tmp_path / "a.wav", samples)), name
    assert kinds(write(tmp_path / "b.wav", np.stack([tone, 0 * tone], axis=1))) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("position", [0, 9_000, RATE - 1])
def test_a_nan_is_found_wherever_it_stands(tmp_path: Path, bad: float, position: int) -> None:
    samples = square(0.1)
    samples[position] = bad
    [fault] = judge(str(write(tmp_path / "a.wav", samples, "FLOAT")), QWEN2_AUDIO).faults
    assert (fault.kind, fault.warns) == ("clips with NaN", False)


@pytest.mark.parametrize(
    ("run", "runs", "clipped"),
    [
        (3, 6, True),  # 18 of 16,000 samples: 0.11 %
        (3, 5, False),  # 15: 0.09 %
        (2, 100, False),  # loud, but never a plateau
    ],
)
@pytest.mark.parametrize("level", [1.0, -1.0])
@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_clipping_is_plateaus_at_full_scale(
    tmp_path: Path, run: int, runs: int, clipped: bool, level: float, subtype: str
) -> None:
    samples = square(0.5)
    for number in range(runs):
        samples[100 * number : 100 * number + run] = level
    faults = judge(str(write(tmp_path / "a.wav", samples, subtype)), QWEN2_AUDIO).faults
    assert [(fault.kind, fault.warns) for fault in faults] == (
        [("clipped clips", True)] if clipped else []
    )


def test_a_clip_over_30_s_is_a_warning(tmp_path: Path) -> None:
    assert kinds(write(tmp_path / "a.wav", square(0.1, 30))) == []
    [fault] = judge(str(write(tmp_path / "b.wav", square(0.1, 31))), QWEN2_AUDIO).faults
    assert fault.warns
    assert "only the first 30 s of 31.0 s are heard" in fault.what


@pytest.mark.parametrize("suffix", ["flac", "ogg"])
def test_a_clip_broken_in_the_middle_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 6 * RATE), RATE)
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + 3_000 * b"U" + whole[middle + 3_000 :])
    assert kinds(path) == ["missing or unreadable sound files"]


def test_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [str(write(tmp_path / f"{n}.wav", square(n * STEP, n / 10))) for n in range(10, 20)]
    one = clips.judge_all(paths, QWEN2_AUDIO)
    assert [bool(clip.faults) for clip in one.values()] == 6 * [True] + 4 * [False]
    monkeypatch.setattr(clips, "FEW_CLIPS", 1)
    assert clips.judge_all(paths, QWEN2_AUDIO) == one


def test_a_clip_is_read_once_however_many_rows_name_it(
    faults: Callable[..., str],
    row: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def counted(path: str, hearing: Hearing) -> clips.CheckedClip:
        read.append(Path(path).name)
        return judge(path, hearing)

    monkeypatch.setattr(clips, "judge", counted)
    assert faults(3 * [row()]) == ""
    assert read == ["a.wav"]


def test_what_spoils_a_clip_a_little_leaves_status_0(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    write(tmp_path / "long.wav", square(0.1, 31))
    write(tmp_path / "clipped.wav", np.ones(RATE) * np.repeat([1.0, -1.0], RATE // 2))
    table = dataset([row(audios=["long.wav"]), row(audios=["clipped.wav"]), row()])
    outcome = convert("check", table)
    assert outcome.status == 0
    assert "warning: " in outcome.err
    assert "row 0: " in outcome.err and "only the first 30 s" in outcome.err
    assert "row 1: " in outcome.err and "is clipped: 100.0%" in outcome.err
    assert outcome.err.endswith("no problem found\n")
    [line] = [line for line in outcome.out.splitlines() if "│ d " in line]
    assert [cell.strip() for cell in line.split("│")[-4:-1]] == ["1", "1", "0"]


def test_a_silent_clip_ends_with_status_1(
    convert: Callable[..., Any],
    dataset: Callable[..., Path],
    row: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    write(tmp_path / "silent.wav", np.zeros(RATE))
    outcome = convert("check", dataset([row(), row(audios=["silent.wav"])]))
    assert outcome.status == 1
    assert f"row 1: {tmp_path / 'silent.wav'}: is silent" in outcome.err
    assert "1 problem in " in outcome.err
