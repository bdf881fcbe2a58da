"""Which sounds can be asked about, and what is said of the others."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.io.errors import InputError
from whyser_eval.asking.clips import find_clips, read_clip


def test_a_clip_is_read_as_16_khz_mono(tmp_path):
    path = tmp_path / "stereo.wav"
    tone = np.sin(np.arange(48_000) * 0.02)
    soundfile.write(path, np.stack([tone, 0 * tone], axis=1), 48_000)
    clip = read_clip(path, 30.0)
    assert clip.samples.shape == (16_000,) and clip.notes == ()
    assert (clip.duration, clip.heard) == (1.0, 1.0)
    assert np.abs(clip.samples).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        (np.zeros(32_000), "is silent \\(digital silence\\). Check the microphone"),
        (np.full(32_000, 1e-4), r"is silent \(its peak is at -8\d dB\)"),
        (np.full(800, 0.5), "lasts 0.05 s, which is too short for a word"),
    ],
)
def test_what_nobody_could_answer_about_is_refused(speak, samples, words):
    with pytest.raises(InputError, match=words):
        read_clip(speak(samples=samples), 30.0)


def test_of_a_long_clip_the_first_seconds_are_heard(speak):
    samples = np.concatenate([np.full(16_000, 0.5), np.full(32_000, 0.1)])
    clip = read_clip(speak(samples=samples), 1.0)
    assert clip.samples.shape == (16_000,) and clip.duration == 3.0
    assert clip.samples.min() == pytest.approx(0.5, abs=0.001)
    (note,) = clip.notes
    assert note.startswith("The model hears the first 1 s of 3.0 s")


def test_a_silent_beginning_is_named_as_such(speak):
    path = speak(samples=np.concatenate([np.zeros(16_000), np.full(16_000, 0.5)]))
    with pytest.raises(InputError, match="its first 1 s, which the model hears, are silent"):
        read_clip(path, 1.0)


@pytest.mark.parametrize("suffix", ["mp4", "flac"])
def test_what_is_compressed_is_decoded(tmp_path, speak, suffix):
    import av

    tone = (0.3 * np.sin(np.arange(32_000) * 0.1)).astype("float32")
    path = tmp_path / f"clip.{suffix}"
    if suffix == "flac":
        soundfile.write(path, tone, 16_000)
    else:
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16_000, layout="mono")
            frame = av.AudioFrame.from_ndarray(tone[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            for packet in [*stream.encode(frame), *stream.encode()]:
                container.mux(packet)
    clip = read_clip(path, 1.5)
    assert clip.heard == 1.5 and clip.duration == pytest.approx(2.0, abs=0.1)
    assert ("This is a video: only its sound is heard." in clip.notes) == (suffix == "mp4")


def test_a_missing_file_and_one_without_sound_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no such file\. Check its name"):
        read_clip(tmp_path / "nowhere.wav", 30.0)
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(InputError, match="is not a readable sound file"):
        read_clip(tmp_path / "text.wav", 30.0)


def test_what_comes_through_a_pipe_is_to_be_saved_first(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path / "pipe.wav", Path("/dev/null"), Path("-")):
        with pytest.raises(InputError, match=r"is not a file\. Save the sound to a file first"):
            read_clip(path, 30.0)


def test_the_clips_of_a_folder_are_found_in_order(speak, tmp_path):
    names = ["b/2.wav", "a/1.WAV", "b/10.mp3"]
    for name in [*names, "b/notes.txt", "b/.hidden.wav"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(io.BytesIO(b"x").getvalue())
    found = find_clips([tmp_path, tmp_path / "a/1.WAV"])
    assert [str(one.relative_to(tmp_path)) for one in found] == ["a/1.WAV", "b/10.mp3", "b/2.wav"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no sound file"):
        find_clips([tmp_path / "empty"])
