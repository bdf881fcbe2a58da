"""What each branch of a model encodes: words, emotion, and measured cues of the voice.

A probe is a linear classifier of a branch's tokens. If the branches are disentangled, words can be
read from one and the voice from the other. Tokens of a bottleneck are sampled, as in training,
since their mean would show more than the model can use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from whyser.baselines.clips import read_task
from whyser.baselines.cues import read_all_cues
from whyser.evidence.cues import Cues
from whyser.io import audio
from whyser.io.console import track
from whyser.io.errors import InputError
from whyser.io.files import read_json
from whyser.records.corpus import Clip
from whyser.speechlm.connectors import VAE, pooled
from whyser.speechlm.feature_extraction_speechlm import SpeechLMFeatureExtractor
from whyser.speechlm.modeling_speechlm import SpeechLMForConditionalGeneration

#: Clips in a batch.
_AT_ONCE = 16
#: A probe tests the most frequent words that occur in 5 to 50 % of the transcripts.
_WORDS = 20
_SHARE = (0.05, 0.5)
_TRAITS = ("pitch", "rate", "loudness")
#: A probe sees the means of so many parts of a clip's tokens, since words depend on order.
_PARTS = 8

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Known:
    """The result of a probe for `what`, on `n` test clips.

    `recall` is the mean over classes (UA, balanced accuracy), `chance` that of guessing.
    """

    branch: str
    what: str
    recall: float
    chance: float
    n: int


def load_model(folder: Path, adapter: Path | None) -> SpeechLMForConditionalGeneration:
    """Loads a checkpoint with the installed code, and merges an adapter into it.

    Raises: `InputError` for another kind of model.
    """
    path = folder / "config.json"
    if read_json(path).get("model_type") != "whyser_speechlm":
        raise InputError(
            "is no model of whyser-speechlm", file=path, cure="Give a folder that it built."
        )
    model = SpeechLMForConditionalGeneration.from_pretrained(folder, dtype="auto")
    if adapter is not None:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    return model  # type: ignore[no-any-return]


def probe(
    folder: Path,
    utterances: Sequence[Path],
    cues: Sequence[Path],
    *,
    adapter: Path | None = None,
    split: str | None = None,
    seed: int = 0,
) -> Iterator[Known]:
    """Fits the probes on the training split, and scores them on the test split.

    Raises: `InputError` for another kind of model, and for clips without cues.
    """
    task = read_task(utterances, split=split, stops=False)
    clips = [*task.train, *task.dev, *task.test]
    measured = read_all_cues(cues, clips)
    train = np.arange(len(clips)) < len(clips) - len(task.test)
    model = load_model(folder, adapter)
    extractor = SpeechLMFeatureExtractor.from_pretrained(folder)
    targets = dict(_targets(clips, measured, train))
    for branch, features in sorted(tokens(model, extractor, clips, seed).items()):
        for what, columns in targets.items():
            found = [score for column in columns if (score := _recall(features, column, train))]
            if found:
                recalls, chances, counts = zip(*found, strict=True)
                means = float(np.mean(recalls)), float(np.mean(chances))
                yield Known(branch, what, *means, int(max(counts)))


def tokens(
    model: SpeechLMForConditionalGeneration, extractor: Any, clips: Sequence[Clip], seed: int
) -> dict[str, Floats]:
    """float[n, 8 H] a branch: the means of the eighths of a clip's tokens."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.eval()
    # The language model is not needed, and may be large.
    for name, part in model.named_children():
        if name.endswith(("_encoder", "_connector")):
            part.to(device)
    for module in model.modules():
        if isinstance(module, VAE):
            module.train()
    found: dict[str, list[Floats]] = {name: [] for name in model.config.branches}
    starts = range(0, len(clips), _AT_ONCE)
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for start in track(starts, "Listening", total=len(starts)):
            sounds = [audio.load(clip.path) for clip in clips[start : start + _AT_ONCE]]
            given = extractor(sounds, sampling_rate=audio.SAMPLING_RATE, return_tensors="pt")
            given = given.to(device)
            states = model.heard(
                given.get("input_features"), given.get("input_values"), given["audio_lengths"]
            )
            for name, own in found.items():
                encoder = model.config.branch(name).encoder
                connected, _ = getattr(model, f"{name}_connector")(*states[encoder])
                whole = torch.ones(connected.shape[:2], dtype=torch.bool, device=device)
                own.append(pooled(connected.float(), whole, _PARTS).flatten(1).cpu().numpy())
    return {name: np.concatenate(own) for name, own in found.items()}


def _targets(
    clips: Sequence[Clip], measured: Mapping[str, Cues], train: npt.NDArray[np.bool_]
) -> Iterator[tuple[str, list[list[str | None]]]]:
    """The targets of the probes by name: columns of a class a clip, None if unknown."""
    said = [set(_words(clip.utterance.transcript)) for clip in clips]
    learnt = (words for words, is_train in zip(said, train, strict=True) if is_train)
    counts = Counter(chain.from_iterable(learnt))
    lowest, highest = (share * train.sum() for share in _SHARE)
    frequent = [word for word, count in counts.most_common() if lowest <= count <= highest]
    yield "words", [[str(word in words) for words in said] for word in frequent[:_WORDS]]
    yield "emotion", [[clip.utterance.label for clip in clips]]
    for trait in _TRAITS:
        cued = [getattr(measured[clip.id], trait) for clip in clips]
        yield trait, [[cue.level if cue else None for cue in cued]]


def _words(transcript: str | None) -> list[str]:
    kept = "".join(one.lower() if one.isalpha() or one == "'" else " " for one in transcript or "")
    return kept.split()


def _recall(
    features: Floats, column: Sequence[str | None], train: npt.NDArray[np.bool_]
) -> tuple[float, float, int] | None:
    """Mean recall, chance level, and number of test clips; None with fewer than two classes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import recall_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    truth = np.array([value or "" for value in column])
    fitted, asked = train & (truth != ""), ~train & (truth != "")
    classes = sorted(set(truth[fitted]) & set(truth[asked]))
    if len(classes) < 2:
        return None
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    )
    model.fit(features[fitted], truth[fitted])
    told = model.predict(features[asked])
    recall = recall_score(truth[asked], told, labels=classes, average="macro", zero_division=0)
    return float(recall), 1 / len(classes), int(asked.sum())
