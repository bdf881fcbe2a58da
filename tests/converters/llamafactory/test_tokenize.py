"""Tokenised rows equal LLaMA-Factory's to the last integer; rows that it would drop are refused."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml

from whyser.io.errors import InputError, WhyserError
from whyser_converters.datasets.dataset_info import TAGS, entry

pytestmark = pytest.mark.slow

QUESTION = "What is the emotion of the speaker?"
CLOSED = "Which?\n(a) angry\n(b) sad\n(c) happy"
ANSWER = "<asr>it is eleven o'clock</asr><answer>I think the emotion is sad</answer>"
MAIN = "from whyser_converters.cli import main; main()"

Row = dict[str, Any]


def turns(*contents: str, system: str = "") -> list[dict[str, str]]:
    roles = ["user", "assistant"] * len(contents)
    first = [{"role": "system", "content": system}] if system else []
    return first + [
        {"role": role, "content": content} for role, content in zip(roles, contents, strict=False)
    ]


@dataclass
class Workplace:
    """A folder with clips, row files and a YAML; datasets are tokenised by both."""

    folder: Path
    model: Path

    def clip(self, seconds: float, rate: int = 16_000, channels: int = 1, kind: str = "wav") -> str:
        samples = round(seconds * rate)
        path = self.folder / f"{samples}_{rate}_{channels}.{kind}"
        if not path.exists():
            noise = np.random.default_rng(0).normal(0, 0.1, (samples, channels))
            soundfile.write(str(path), noise, rate)
        return path.name

    def row(self, seconds: float = 0.5, question: str = QUESTION, answer: str = ANSWER) -> Row:
        return {"messages": turns(f"<audio>{question}", answer), "audios": [self.clip(seconds)]}

    def pair(self, seconds: float, chosen: str, rejected: str) -> Row:
        return {
            "messages": turns(f"<audio>{QUESTION}"),
            "chosen": {"role": "assistant", "content": chosen},
            "rejected": {"role": "assistant", "content": rejected},
            "audios": [self.clip(seconds)],
        }

    def dataset(self, name: str, rows: Sequence[Any], **more: Any) -> str:
        """Writes and registers it; rows with two answers as a ranking dataset."""
        (self.folder / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
        listed = entry(f"{name}.json")
        if "chosen" in rows[0]:
            answers = {"chosen": "chosen", "rejected": "rejected"}
            listed |= {"ranking": True, "columns": {**listed["columns"], **answers}}
        table = self.folder / "dataset_info.json"
        known = json.loads(table.read_text(encoding="utf-8")) if table.exists() else {}
        table.write_text(json.dumps({**known, name: {**listed, **more}}), encoding="utf-8")
        return name

    def yaml(self, **settings: Any) -> Path:
        path = self.folder / "run.yaml"
        common = {
            "model_name_or_path": str(self.model),
            "stage": "sft",
            "do_train": "dataset" in settings,
            "finetuning_type": "full",
            "dataset_dir": str(self.folder),
            "template": "qwen2_audio",
            "cutoff_len": 2048,
            "overwrite_cache": True,
            "output_dir": str(self.folder / "saves"),
            "report_to": "none",
            "use_cpu": True,
        }
        path.write_text(yaml.safe_dump({**common, **settings}), encoding="utf-8")
        return path

    def ours(self, path: Path, output: str = "tokenised", **options: Any) -> Any:
        from datasets import load_from_disk

        from whyser_converters.llamafactory.tokenize.settings import read_run
        from whyser_converters.llamafactory.tokenize.write import write

        write(read_run(path), self.folder / output, **options)
        return load_from_disk(str(self.folder / output))

    def stock(self, path: Path) -> Any:
        """As `llamafactory-cli train` does it with a `tokenized_path` of its own."""
        from datasets import load_from_disk
        from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
        from llamafactory.hparams import get_train_args
        from llamafactory.model import load_tokenizer

        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        folder = self.folder / "stock"
        shutil.rmtree(folder, ignore_errors=True)
        model, data, training, finetuning, _ = get_train_args(
            {**settings, "tokenized_path": str(folder)}
        )
        loaded = load_tokenizer(model)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data)
        stage = {"sft": "sft", "dpo": "rm"}[finetuning.stage]
        get_dataset(template, model, data, training, stage, **loaded)
        return load_from_disk(str(folder))

    def assert_same(self, **settings: Any) -> Any:
        path = self.yaml(**settings)
        stock, ours = self.stock(path), self.ours(path)
        assert list(ours) == list(stock)
        for split, expected in stock.items():
            assert ours[split].features == expected.features
            assert ours[split].to_dict() == expected.to_dict()
        return ours

    def refusal(self, **settings: Any) -> str:
        """What is said of the YAML; nothing is written."""
        before = sorted(self.folder.iterdir())
        path = self.yaml(**settings)
        with pytest.raises(WhyserError) as refused:
            self.ours(path)
        assert sorted({*self.folder.iterdir()} - {path}) == sorted({*before} - {path})
        return str(refused.value)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """PyTorch's threads do not survive the fork by which LLaMA-Factory starts its processes."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What LLaMA-Factory changes for its whole process: `default_system` in its table of templates,
    and with `neat_packing` the types of columns that `datasets` writes."""
    from datasets.arrow_writer import OptimizedTypedSequence
    from llamafactory.data.template import TEMPLATES

    template = TEMPLATES["qwen2_audio"]
    monkeypatch.setattr(template, "default_system", template.default_system)
    monkeypatch.setattr(OptimizedTypedSequence, "__init__", OptimizedTypedSequence.__init__)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from whyser.demo.model import write_model

    folder = tmp_path_factory.mktemp("model") / "model"
    write_model(folder, window=30)
    return folder


@pytest.fixture
def place(tmp_path: Path, model: Path) -> Workplace:
    return Workplace(tmp_path, model)


# ---- the same rows ------------------------------------------------------------------------


def test_lengths_from_a_tiny_clip_to_beyond_the_window(place: Workplace) -> None:
    # 4 frames of 10 ms buy the first token; one sample decides over a frame, and 4 over a token.
    seconds = [0.04, 0.1, 0.16, 0.16 + 1 / 16_000, 3.3, 29.99, 30.0, 30.5, 40.0]
    same = place.assert_same(dataset=place.dataset("a", [place.row(each) for each in seconds]))
    audio = same["train"]["input_ids"]
    assert [max(map(ids.count, ids)) for ids in audio[-3:]] == [750, 750, 750]


def test_a_window_of_six_seconds(place: Workplace, tmp_path: Path) -> None:
    from whyser.demo.model import write_model

    write_model(tmp_path / "six", window=6)
    name = place.dataset("a", [place.row(each) for each in (0.5, 5.99, 6.01, 9.0)])
    place.assert_same(dataset=name, model_name_or_path=str(tmp_path / "six"))


def test_a_speechlm_takes_as_many_tokens_of_any_clip(place: Workplace, speechlm: Path) -> None:
    rows = [place.row(each) for each in (0.01, 0.5, 5.99, 40.0)]
    sounds = [place.clip(1, 44_100, 2, "flac"), place.clip(1, 16_000, 1, "mp3")]
    rows.append({"messages": turns("<audio><audio>Which is sad?", "The first."), "audios": sounds})
    settings = {"model_name_or_path": str(speechlm), "trust_remote_code": True}
    same = place.assert_same(dataset=place.dataset("a", rows), **settings)
    audio = same["train"]["input_ids"]
    token = 1_003  # <|AUDIO|>, fourth after 1,000 tokens of text
    # Of the words 7, of the voice 3.
    assert [ids.count(token) for ids in audio] == [10, 10, 10, 10, 20]
    said = place.refusal(dataset="a", cutoff_len=20, **settings)
    assert "row 0: cutoff_len 20 " in said
    pairs = [place.pair(seconds, ANSWER, "angry") for seconds in (0.2, 9.0)]
    place.assert_same(dataset=place.dataset("p", pairs), stage="dpo", **settings)


def test_a_speechlm_needs_trust(place: Workplace, speechlm: Path) -> None:
    said = place.refusal(
        dataset=place.dataset("a", [place.row()]), model_name_or_path=str(speechlm)
    )
    assert said.endswith("Write trust_remote_code: true.")


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_rounded_as_the_resampler_does(
    place: Workplace, rate: int, channels: int
) -> None:
    import torch
    import torchaudio

    from whyser.io.audio import probe, resampled_frames

    # Just beyond a mel frame that buys a token, where rounding up in full precision would count.
    frames = [rate // 2, rate // 2 + 1, 5 * rate + 1, 66_080 * rate // 16_000 + 1]
    rows = []
    for length in frames:
        name = place.clip(length / rate, rate, channels)
        assert probe(place.folder / name).frames == length
        resampled = torchaudio.functional.resample(torch.zeros(1, length), rate, 16_000)
        assert resampled_frames(length, rate) == resampled.shape[1]
        rows.append({**place.row(), "audios": [name]})
    place.assert_same(dataset=place.dataset("a", rows))


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg"])
def test_compressed_sound(place: Workplace, kind: str) -> None:
    names = [
        place.clip(seconds, rate, 1, kind) for seconds in (0.7, 3.01) for rate in (16_000, 44_100)
    ]
    rows = [{**place.row(), "audios": [name]} for name in names]
    place.assert_same(dataset=place.dataset("a", rows))


CONVERSATIONS: Mapping[str, Callable[[Workplace], Row]] = {
    "one turn": lambda place: place.row(),
    "own system prompt": lambda place: {
        "messages": turns(f"<audio>{QUESTION}", ANSWER, system="You hear feelings."),
        "audios": [place.clip(1)],
    },
    "closed question": lambda place: place.row(1.5, CLOSED, "(b) sad"),
    "sound last": lambda place: {
        "messages": turns(f"{QUESTION}\n<audio>", "sad"),
        "audios": [place.clip(2)],
    },
    "two turns": lambda place: {
        "messages": turns(
            f"<audio>{QUESTION}", "sad", "Why?", "The voice is low \u2014 d\u00e9j\u00e0."
        ),
        "audios": [place.clip(0.8)],
    },
    "two sounds in one turn": lambda place: {
        "messages": turns("<audio><audio>Which is sad?", "The first."),
        "audios": [place.clip(0.3), place.clip(1.1)],
    },
    "a sound in each of three turns": lambda place: {
        "messages": turns("<audio>First?", "sad", "<audio>Then?", "happy", "<audio>Last?", "sad"),
        "audios": [place.clip(0.3), place.clip(0.9), place.clip(0.3)],
    },
    "no sound": lambda place: {"messages": turns("What is sad?", "A feeling."), "audios": []},
}


@pytest.mark.parametrize(
    "settings",
    [{}, {"train_on_prompt": True}, {"mask_history": True}, {"default_system": "Listen."}],
    ids=str,
)
def test_conversations(place: Workplace, settings: Mapping[str, Any]) -> None:
    rows = [build(place) for build in CONVERSATIONS.values()]
    name = place.dataset("a", rows, tags={**TAGS, "system_tag": "system"})
    place.assert_same(dataset=name, **settings)


@pytest.mark.parametrize("cutoff_len", [90, 100, 130])
def test_a_long_answer_is_cut_as_there(place: Workplace, cutoff_len: int) -> None:
    answers = [ANSWER, ANSWER * 8, "sad"]
    name = place.dataset("a", [place.row(0.4, answer=answer) for answer in answers])
    same = place.assert_same(dataset=name, cutoff_len=cutoff_len)
    assert max(map(len, same["train"]["input_ids"])) == cutoff_len


def test_ranking(place: Workplace) -> None:
    rows = [
        place.pair(seconds, chosen, rejected)
        for seconds in (0.2, 2.0, 35.0)
        for chosen, rejected in ((ANSWER, "angry"), ("sad", ANSWER * 2))
    ]
    name = place.dataset("a", rows)
    place.assert_same(dataset=name, stage="dpo")
    cut = place.assert_same(dataset=name, stage="dpo", cutoff_len=840, max_samples=4)
    assert len(cut["train"]) == 4


def test_a_mixture_with_oversampling_and_a_held_out_share(place: Workplace) -> None:
    first = place.dataset("a", [place.row(0.1 * n, answer=f"sad {n}") for n in range(1, 8)])
    second = place.dataset("b", [place.row(0.2 * n, CLOSED) for n in range(1, 6)], num_samples=9)
    place.assert_same(
        dataset=f"{first},{second}",
        mix_strategy="interleave_over",
        interleave_probs="0.3,0.7",
        max_samples=6,
        val_size=0.25,
    )


def test_evaluation_sets_by_name(place: Workplace) -> None:
    names = [place.dataset(name, [place.row(0.3), place.row(0.6, CLOSED)]) for name in "abc"]
    same = place.assert_same(
        dataset=names[0], eval_dataset="b,c", eval_on_each_dataset=True, do_eval=True
    )
    assert list(same) == ["train", "validation_b", "validation_c"]


def test_prediction_rows_end_with_the_question(place: Workplace) -> None:
    name = place.dataset("a", [place.row(0.3), place.row(31.0, CLOSED)])
    place.assert_same(eval_dataset=name, do_predict=True, predict_with_generate=True)


@pytest.mark.parametrize("how", ["packing", "neat_packing"])
def test_packing(place: Workplace, how: str) -> None:
    rows = [place.row(0.1 * (1 + n % 5), answer=ANSWER * (1 + n % 3)) for n in range(24)]
    place.assert_same(
        dataset=place.dataset("a", rows),
        cutoff_len=600,
        preprocessing_num_workers=2,
        preprocessing_batch_size=7,
        **{how: True},
    )


def test_what_is_the_trainers_concern_changes_nothing(place: Workplace) -> None:
    name = place.dataset("a", [place.row()])
    (place.folder / "saves").mkdir()
    (place.folder / "saves" / "model.safetensors").touch()
    plain = place.ours(place.yaml(dataset=name), "plain")
    mixed = place.ours(
        place.yaml(dataset=name, bf16=True, use_cpu=False, deepspeed="missing.json"), "mixed"
    )
    assert mixed["train"].to_dict() == plain["train"].to_dict()


# ---- resumption ---------------------------------------------------------------------------


@pytest.fixture
def many(place: Workplace) -> Path:
    """A YAML of 700 rows, three shards."""
    rows = [place.row(0.1 * (1 + n % 9), answer=f"sad {n}") for n in range(700)]
    return place.yaml(dataset=place.dataset("a", rows))


def written(place: Workplace, path: Path, workers: int = 1) -> tuple[int, int]:
    """Shards written, and shards in all."""
    from whyser_converters.llamafactory.tokenize.settings import read_run
    from whyser_converters.llamafactory.tokenize.write import write

    result = write(read_run(path), place.folder / "tokenised", workers)
    return result.new, result.shards


def test_processes_change_nothing(place: Workplace, many: Path) -> None:
    one, two = place.ours(many, "one", workers=1), place.ours(many, "two", workers=2)
    assert one["train"].to_dict() == two["train"].to_dict()


def test_what_is_finished_is_left_alone(place: Workplace, many: Path) -> None:
    assert written(place, many) == (3, 3)
    before = {path: path.stat().st_mtime_ns for path in (place.folder / "tokenised").rglob("*")}
    assert written(place, many, workers=2) == (0, 3)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_a_run_that_stops_goes_on_there(
    place: Workplace, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from whyser_converters.llamafactory.tokenize import shards

    stock, calls = shards._write, []

    def dying(path: Path, columns: Mapping[str, Any]) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        stock(path, columns)

    monkeypatch.setattr(shards, "_write", dying)
    with pytest.raises(KeyboardInterrupt):
        written(place, many)
    assert not (place.folder / "tokenised").exists()
    assert written(place, many) == (1, 3)
    expected = place.ours(many, "fresh")["train"].to_dict()
    assert place.ours(many)["train"].to_dict() == expected
    assert not list(place.folder.glob(".*"))


def test_a_killed_command_leaves_no_process_and_is_gone_on_with(
    place: Workplace, many: Path
) -> None:
    command = [sys.executable, "-c", SLOW + MAIN, "tokenize", str(many)]
    parts = place.folder / ".tokenised.parts"
    running = subprocess.Popen(
        [*command, "--output", str(place.folder / "tokenised"), "--workers", "2"],
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(parts.glob("[!.]*.arrow")):
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    deadline = time.monotonic() + 30
    while _group_lives(running.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert not (place.folder / "tokenised").exists()
    made, parts_in_all = written(place, many)
    assert made < parts_in_all == 3


#: Every part but the first takes an hour.
SLOW = """
import time
from whyser_converters.llamafactory.tokenize import shards
write = shards._write
def slow(path, columns):
    time.sleep(3600 * bool(list(path.parent.glob("[!.]*.arrow"))))
    write(path, columns)
shards._write = slow
"""


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("what", ["row", "setting", "sound"])
def test_what_has_changed_is_made_again(
    place: Workplace, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whyser_converters.llamafactory.tokenize.shards.ROWS", 25)
    clips = [place.row(0.1 * (1 + n % 9), answer=f"sad {n}") for n in range(70)]
    path = place.yaml(dataset=place.dataset("a", clips))
    assert written(place, path) == (3, 3)
    rows = json.loads((place.folder / "a.json").read_text(encoding="utf-8"))
    if what == "row":
        rows[30]["messages"][1]["content"] = "angry"
        place.dataset("a", rows)
    elif what == "sound":
        # Every ninth row hears it, so it is in every part.
        soundfile.write(str(place.folder / rows[0]["audios"][0]), np.zeros(16_000), 16_000)
    else:
        place.yaml(dataset="a", default_system="Listen.")
    # The finished folder keeps no parts: what is new is seen by its stamp, and made whole.
    assert written(place, path) == (3, 3)
    stock = place.stock(path)["train"].to_dict()
    assert place.ours(path)["train"].to_dict() == stock


def test_a_foreign_folder_is_refused(place: Workplace) -> None:
    path = place.yaml(dataset=place.dataset("a", [place.row()]))
    (place.folder / "tokenised").mkdir()
    (place.folder / "tokenised" / "thesis.tex").touch()
    with pytest.raises(InputError, match="was not written by this command"):
        place.ours(path)


# ---- refusals -----------------------------------------------------------------------------


def test_all_problems_are_told_at_once(place: Workplace) -> None:
    rows: list[Row] = [place.row() for _ in range(8)]
    rows[1] = {**place.row(), "audios": ["gone.wav"]}
    rows[2] = place.row(0.01)
    rows[3] = {**place.row(), "audios": []}
    rows[4]["messages"].reverse()
    rows[5] = place.row(answer=" ")
    rows[6] = place.row(20.0, answer=ANSWER * 30)
    said = place.refusal(dataset=place.dataset("a", rows), cutoff_len=400)
    for number, what in {
        1: "no such sound file",
        2: "no audio token",
        3: "1 <audio> in the messages for 0 audios",
        4: "roles are",
        5: "empty message",
        6: r"cutoff_len 400 leaves \d+ of 500 audio tokens",
    }.items():
        assert re.search(rf"a\.json: row {number}: .*{what}", said), (number, said)
    assert "row 0" not in said and "row 7" not in said
    assert "6 problems" in said


def test_a_clip_of_every_fault(place: Workplace) -> None:
    whole = (place.folder / place.clip(1.0)).read_bytes()
    (place.folder / "cut.wav").write_bytes(whole[:9_000])
    (place.folder / "pointer.wav").write_text("version https://git-lfs.github.com/spec/v1\n")
    (place.folder / "empty.wav").touch()
    streamed = io.BytesIO()
    soundfile.write(streamed, np.zeros(16_000), 16_000, format="FLAC")
    # The last 36 of these bits are the number of samples; 0 stands for an unknown one.
    form = int.from_bytes(streamed.getvalue()[18:26], "big") >> 36 << 36
    streamed.seek(18)
    streamed.write(form.to_bytes(8, "big"))
    (place.folder / "streamed.flac").write_bytes(streamed.getvalue())
    names = ("cut.wav", "pointer.wav", "empty.wav", "streamed.flac")
    rows = [{**place.row(), "audios": [name]} for name in names]
    said = place.refusal(dataset=place.dataset("a", rows))
    for what in ("cut short", "Git LFS pointer", "is empty", "states no length or a wrong one"):
        assert what in said


def test_a_turn_that_is_cut_away(place: Workplace) -> None:
    row = {
        "messages": turns(f"<audio>{QUESTION}", ANSWER, "Why?", ANSWER),
        "audios": [place.clip(0.3)],
    }
    name = place.dataset("a", [row])
    said = place.refusal(dataset=name, cutoff_len=45, train_on_prompt=True)
    assert "row 0: cutoff_len 45 cuts off an answer: 1 of 2 left" in said


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"stage": "kto"}, "stage is 'kto'"),
        ({"stage": "dpo"}, "stage dpo needs a ranking dataset"),
        ({"dataset": "b"}, "no dataset 'b'"),
        ({"template": "qwen2_omni"}, "template 'qwen2_omni' counts audio tokens in its own way"),
        ({"template": "qwen2_odio"}, "qwen2_odio does not exist"),
        ({"cutof_len": 3}, "cutof_len"),
        ({"mask_history": True, "train_on_prompt": True}, "incompatible"),
        ({"streaming": True, "max_steps": 2}, "streaming"),
        ({"model_name_or_path": "/nowhere/at/all"}, "/nowhere/at/all"),
        ({"max_samples": 1e3}, "max_samples is 1000.0, expected a whole number"),
        ({"cutoff_len": "2k"}, "cutoff_len is '2k', expected a whole number"),
    ],
    ids=str,
)
def test_a_yaml_that_cannot_be(place: Workplace, settings: Mapping[str, Any], what: str) -> None:
    place.dataset("a", [place.row()])
    assert what in place.refusal(**{"dataset": "a", **settings})


def test_without_llamafactory_it_says_what_to_install(
    convert: Callable[..., Any], place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = place.yaml(dataset=place.dataset("a", [place.row()]))
    monkeypatch.setitem(sys.modules, "llamafactory", None)
    outcome = convert("tokenize", path, "--output", place.folder / "out")
    assert (outcome.status, "pip install 'whyser[train]'" in outcome.err) == (1, True)


def test_wrong_usage(convert: Callable[..., Any], place: Workplace) -> None:
    path = place.yaml(dataset=place.dataset("a", [place.row()]))
    outcome = convert("tokenize", path, "cutoff_len", "--output", place.folder / "out")
    assert (outcome.status, "KEY=VALUE" in outcome.err) == (2, True)
    outcome = convert("tokenize", path)
    assert (outcome.status, "--output" in outcome.err) == (2, True)
    path.write_text("- a\n", encoding="utf-8")
    outcome = convert("tokenize", path, "dataset=a", "--output", place.folder / "out")
    assert (outcome.status, "holds no settings" in outcome.err) == (1, True)


def test_the_command_takes_overrides(convert: Callable[..., Any], place: Workplace) -> None:
    path = place.yaml(dataset=place.dataset("a", [place.row(), place.row()]))
    output = place.folder / "out"
    outcome = convert("tokenize", path, "max_samples=1", f"tokenized_path={output}")
    assert outcome.status == 0, outcome.err
    assert json.loads((output / "whyser_tokenize.json").read_text("utf-8"))["rows"] == {"train": 1}


# ---- training -----------------------------------------------------------------------------


def test_training_from_the_folder_is_training_from_the_rows(place: Workplace) -> None:
    rows = [place.row(0.2 * n, answer=f"{ANSWER} {n}") for n in range(1, 9)]
    path = place.yaml(
        dataset=place.dataset("a", rows), max_steps=2, logging_steps=1, save_strategy="no"
    )
    place.ours(path)
    losses = {}
    for tokenized in ("tokenised", "none_yet"):
        folder = place.folder / "saves" / tokenized
        command = [
            str(Path(sysconfig.get_path("scripts")) / "llamafactory-cli"),
            *("train", str(path), f"tokenized_path={place.folder / tokenized}"),
            *(f"output_dir={folder}", "overwrite_output_dir=true"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        log = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))["log_history"]
        losses[tokenized] = [line["loss"] for line in log if "loss" in line]
    assert len(losses["tokenised"]) == 2
    assert losses["tokenised"] == losses["none_yet"]
