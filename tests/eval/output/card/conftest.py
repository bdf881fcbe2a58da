"""A small run as `./run.sh` leaves it: results, data and saves in one folder."""

import json

import pytest
import yaml

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser.records.training import TrainingFacts, write_training

from ...conftest import World, write_jsonl

CARD = {
    "title": "A corpus for a test",
    "licence": "CC BY-NC-SA 4.0",
    "source": "https://example.org/corpus",
    "audio_root": None,
    "classes": list(CLASSES),
    "options": {"split_scheme": "official"},
    "utterances": 16,
    "hours": 0.0123,
    "splits": {
        "train": {
            "utterances": 12,
            "hours": 0.01,
            "speakers": 3,
            "labels": {"sad": 9, "other": 2, "no_agreement": 1},
        },
        "test1": {"utterances": 4, "hours": 0.0023, "speakers": 2, "labels": {"sad": 4}},
    },
    "votes": {
        "votes": 64,
        "per_utterance": {3: 8, 5: 8},
        "strict": 14,
        "tied": 1,
        "as_label": 14,
        "fleiss_kappa": 0.4321,
    },
    "read": 19,
    "dropped": {"no sound": 3},
    "whyser": "0.1.0",
}


class Run(World):
    """`results/tiny`, trained on the two corpora of `cards` and tested on the first.

    A test changes `cards`, `settings`, `rows` and `plan` before it calls `write_run`.
    """

    def __init__(self, root):
        super().__init__(root)
        self.results = root / "results" / "tiny"
        self.data, self.saves = root / "data" / "tiny", root / "saves" / "tiny"
        self.cards = {
            "msp_podcast": CARD | {"corpus": "msp_podcast"},
            "second": CARD
            | {"corpus": "second", "title": "Second", "licence": "CC BY 4.0", "votes": None},
        }
        self.settings = {
            "model_name_or_path": "Qwen/Qwen2-Audio-7B-Instruct",
            "dataset": "whyser_train_reason",
            "dataset_dir": "data/tiny/sharegpt",
            "stage": "sft",
            "finetuning_type": "lora",
            "learning_rate": 1e-4,
            "max_samples": 5,
            "report_to": "none",
        }
        self.record = {
            "finished": True,
            "start": {"model_name_or_path": {"Qwen/Qwen2-Audio-7B-Instruct": self.start}},
        }
        self.rows = [
            self.row(number, corpus)
            for number, corpus in enumerate(["msp_podcast"] * 3 + ["second"] * 5)
        ]
        self.rationales = [
            {"id": row["id"], "text": "Low pitch.", "teacher": "measured-1", "prompt": "d842a494",
             "kept": number > 0, "reasons": [] if number else ["no content cue"]}
            for number, row in enumerate(self.rows)
        ]  # fmt: skip
        self.plan = {"name": "tiny", "data_run": "tiny", "sources": {"second": "/corpora/second"}}
        self.predictions += [
            row | {"control": "shuffled", "text": "no idea"} for row in self.predictions
        ]

    @property
    def start(self):
        return self.settings["model_name_or_path"]

    @staticmethod
    def row(number, corpus):
        return {
            "id": f"{corpus}/train{number}",
            "corpus": corpus,
            "split": "train",
            "form": "open",
            "label": "sad",
            "answer": render_answer("sad", transcript="Well.", rationale="Low pitch."),
        }

    def write(self):
        super().write()
        # Scores have the classes of the card beside the references.
        card = self.folder / "msp_podcast" / "corpus.json"
        card.write_text(json.dumps(self.cards["msp_podcast"]), encoding="utf-8")

    def write_run(self):
        """All files but the scores."""
        for name, card in self.cards.items():
            folder = self.data / "utterances" / name
            folder.mkdir(parents=True)
            (folder / "corpus.json").write_text(json.dumps(card), encoding="utf-8")
        (self.data / "run.json").write_text(json.dumps(self.plan), encoding="utf-8")
        write_jsonl(self.data / "sharegpt" / "train.manifest.jsonl", self.rows)
        table = {"whyser_train_reason": {"file_name": "train.json"}}
        (self.data / "sharegpt" / "dataset_info.json").write_text(json.dumps(table))
        folder = self.data / "rationales" / "msp_podcast"
        write_jsonl(folder / "rationales.jsonl", self.rationales)
        self.write_model(self.saves, self.settings)
        write_training(
            self.results,
            TrainingFacts(system="tiny", checkpoint=self.start, rows={}, teacher="measured cues"),
        )

    def write_model(self, folder, settings):
        folder.mkdir(parents=True)
        (folder / "whyser_settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        state = {"global_step": 1234, "epoch": 3.0, "log_history": [{"train_loss": 0.25}]}
        for name, value in {
            "whyser_training.json": self.record,
            "trainer_state.json": state,
            "adapter_config.json": {},
        }.items():
            (folder / name).write_text(json.dumps(value), encoding="utf-8")

    def text(self, name):
        return (self.results / "cards" / name / "README.md").read_text(encoding="utf-8")

    def metadata(self, name):
        return yaml.safe_load(self.text(name).split("---\n")[1])

    def lines(self, name):
        return self.text(name).splitlines()


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path)


@pytest.fixture
def card(run, whyser_eval):
    """Writes and scores the run, and writes its cards; returns status, output and errors."""

    def call(*more, scored=True):
        if scored:
            run.write_run()
            status, _, err = whyser_eval(*run.score_arguments())
            assert status == 0, err
        return whyser_eval("card", run.results, *more)

    return call
