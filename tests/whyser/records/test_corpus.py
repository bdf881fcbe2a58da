"""The sound of a corpus lies below its audio root, wherever links lead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from whyser.io.errors import InputError
from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, write_utterances

MakeCorpus = Callable[..., Corpus]


@pytest.fixture
def corpus(tmp_path: Path) -> MakeCorpus:
    """A corpus in `tmp_path/shared` with one utterance, which names this file."""
    (tmp_path / "shared/sound/deep").mkdir(parents=True)
    for name in ("secret.wav", "shared/sound/a.wav", "shared/sound/deep/b.wav", "shared/soundless"):
        (tmp_path / name).write_bytes(b"sound")

    def call(audio: str, root: str = "sound", folder: Path | None = None) -> Corpus:
        folder = folder or tmp_path / "shared"
        one: dict[str, Any] = {
            "id": "c/1", "corpus": "c", "split": "test", "audio": audio, "duration": 1.0,
            "sampling_rate": 16_000, "channels": 1, "transcript": "", "speaker": None,
            "gender": None, "label": "sad", "label_raw": "",
        }  # fmt: skip
        write_utterances(folder / "utterances.jsonl", [Utterance.model_validate(one)])
        card = CorpusCard(
            corpus="c", title="c", licence="", source="", audio_root=root, classes=("sad",),
            utterances=1, hours=0.0, read=1, whyser="0",
        )  # fmt: skip
        write_card(folder / "corpus.json", card)
        return Corpus(folder / "utterances.jsonl")

    return call


def path_of(corpus: Corpus) -> Path:
    [utterance] = corpus.utterances()
    return corpus.audio_path(utterance)


@pytest.mark.parametrize("audio", ["a.wav", "deep/b.wav", "deep/../a.wav", "gone.wav", "no/c.wav"])
def test_a_name_below_the_root_is_a_path(corpus: MakeCorpus, tmp_path: Path, audio: str) -> None:
    assert path_of(corpus(audio)) == tmp_path / "shared/sound" / audio
    # Also with an absolute root, and with an absolute name that stays below it.
    root = str(tmp_path / "shared/sound")
    assert path_of(corpus(audio, root)) == Path(root) / audio
    assert path_of(corpus(f"{root}/{audio}", root)) == Path(root) / audio


@pytest.mark.parametrize(
    "audio",
    [
        *("../secret.wav", "../../secret.wav", "deep/../../../secret.wav", "/etc/hostname"),
        *("..", ".", "", "../soundless", "a.wav/../../../secret.wav", "a\0.wav", "a\0/b.wav"),
    ],
)
def test_a_name_that_leads_out_is_refused(corpus: MakeCorpus, tmp_path: Path, audio: str) -> None:
    with pytest.raises(InputError) as caught:
        path_of(corpus(audio))
    assert str(caught.value).startswith(
        f"{tmp_path / 'shared/utterances.jsonl'}: the sound of c/1 is {audio!r}, which lies outside"
    )
    assert f"audio root {tmp_path / 'shared/sound'}. " in str(caught.value)


def test_a_link_that_leads_out_is_refused(corpus: MakeCorpus, tmp_path: Path) -> None:
    sound = tmp_path / "shared/sound"
    (sound / "out.wav").symlink_to(tmp_path / "secret.wav")
    (sound / "up").symlink_to(tmp_path)
    (sound / "within.wav").symlink_to("deep/b.wav")
    for audio in ("out.wav", "up/secret.wav", "up/shared/../secret.wav"):
        with pytest.raises(InputError, match="lies outside the audio root"):
            path_of(corpus(audio))
    assert path_of(corpus("within.wav")) == sound / "within.wav"
    assert path_of(corpus("up/shared/sound/a.wav")).read_bytes() == b"sound"


@pytest.mark.parametrize("root", ["sound", "stable/sound"])
def test_a_corpus_that_is_reached_by_a_link_keeps_its_name(
    corpus: MakeCorpus, tmp_path: Path, root: str
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "shared")
    (tmp_path / "shared/stable").symlink_to(tmp_path / "shared")
    assert path_of(corpus("a.wav", root, link)) == link / root / "a.wav"
    absolute = str(link / root)
    assert path_of(corpus("a.wav", absolute)) == link / root / "a.wav"


@pytest.mark.parametrize("scale", [[7, 1], [1, 1], [1], [1, 5, 7]])
def test_a_scale_has_a_lowest_and_a_highest_value(tmp_path: Path, scale: list[int]) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    card = {
        "corpus": "c", "title": "C", "licence": "none", "source": "none", "audio_root": None,
        "classes": ["sad"], "attributes": {"arousal": scale}, "utterances": 0, "hours": None,
        "read": 0, "whyser": "0",
    }  # fmt: skip
    (folder / "corpus.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=r"corpus.json: attributes.arousal"):
        _ = Corpus(folder / "utterances.jsonl").card
