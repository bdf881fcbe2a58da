"""Counts the mel frames of a clip as LLaMA-Factory's loader and the feature extractor would."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError
from whyser_converters.check.clips import MISSING, length_faults
from whyser_converters.check.findings import CheckFault, Findings
from whyser_converters.convert.sound import in_threads
from whyser_converters.llamafactory.tokenize.rows import Rows
from whyser_converters.llamafactory.tokenize.settings import TokenizeRun

#: In other formats a header only estimates the length, and decoders differ by a few samples.
_EXACT_SUFFIXES = {".wav", ".flac"}

#: Two strides of 2, see `audio.mel_tokens`.
_FRAMES_PER_TOKEN = 4


def count_frames(run: TokenizeRun, rows: Rows, findings: Findings) -> Mapping[str, int]:
    """Mel frames of each sound; a sound that cannot be counted is reported for each of its rows."""
    frames: dict[str, int] = {}
    probed = in_threads(partial(_frames, run), iter(list(rows.sounds)))
    for path, (count, faults) in track(probed, "headers", len(rows.sounds)):
        frames[path] = count
        for fault in faults:
            for place in rows.sounds[path]:
                rows.report(fault, place, findings)
    return frames


def _frames(run: TokenizeRun, path: str) -> tuple[int, tuple[CheckFault, ...]]:
    try:
        info = audio.probe(Path(path))
        if not info.loads:
            what = "its header, which LLaMA-Factory believes, states no length or a wrong one"
            raise InputError(what, cure="Convert it to wav.")
        frames = _counted(run, path, info)
    except InputError as error:
        return 0, (CheckFault(MISSING, f"{path}: {error.what}", error.cure or ""),)
    tokens = audio.mel_tokens(frames)
    faults = length_faults(info, tokens, run.hearing.seconds)
    return frames, tuple(fault.of(path) for fault in faults)


def _counted(run: TokenizeRun, path: str, info: audio.AudioInfo) -> int:
    """The mel frames that the plugin expects; if the number of tokens is fixed, those for it."""
    if (tokens := run.hearing.tokens) is not None:
        return _FRAMES_PER_TOKEN * tokens
    frames: int = -(-_samples(run, path, info) // run.extractor.hop_length)
    return min(int(run.extractor.nb_max_frames), frames)


def _samples(run: TokenizeRun, path: str, info: audio.AudioInfo) -> int:
    """Samples at the extractor's rate."""
    if Path(path).suffix.lower() in _EXACT_SUFFIXES:
        return audio.resampled_frames(info.frames, info.sampling_rate)
    try:
        loaded: Any = run.template.mm_plugin._regularize_audios([path], audio.SAMPLING_RATE)
    except (RuntimeError, OSError) as error:
        what = f"LLaMA-Factory's loader cannot read it ({error})"
        raise InputError(what, file=path, cure="Convert it to wav.") from None
    return len(loaded["audios"][0])
