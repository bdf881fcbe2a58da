"""Small runs in a temporary folder, and the command as a user starts it."""

import json
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from whyser.labels.classes import CLASSES
from whyser.prompting.answer import render_answer
from whyser_eval import cli

#: Playwright drives whichever is installed; it downloads none. A machine without one skips these
#: tests, and says so: no package registry has a browser.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def chromium_arguments():
    """Further arguments of the browser; a module may have its own."""
    return []


@pytest.fixture(scope="module")
def chromium(needs, lacks, chromium_arguments):
    """The installed browser, one per module, because its event loop cannot be shared."""
    needs("playwright", "pip install -e '.[dev]'")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        lacks(f"no browser to open a page with: none of {', '.join(BROWSERS)}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--autoplay-policy=no-user-gesture-required", *chromium_arguments],
        )
        yield browser
        browser.close()


@pytest.fixture
def whyser_eval(monkeypatch, capsys):
    """Runs the command; returns (exit status, standard output, standard error)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["whyser-eval", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def write_jsonl(path: Path, rows) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def utterance(number, label, votes=(), **changes):
    return {
        "id": f"msp_podcast/clip {number}".replace(" ", "_"),
        "corpus": "msp_podcast",
        "split": "test1",
        "audio": f"clip {number}.wav",
        "duration": 0.1,
        "sampling_rate": 16000,
        "channels": 1,
        "transcript": f"These are the words of clip {number}.",
        "speaker": f"msp_podcast/{number % 3}",
        "gender": None,
        "label": label,
        "label_raw": "x",
        "votes": [
            {"rater": f"W{index}", "primary": vote, "secondary": [], "raw": vote}
            for index, vote in enumerate(votes)
        ],
    } | changes


def prediction(id_, text, **changes):
    return {
        "id": id_,
        "form": "open",
        "prompt": "9c01aa7e",
        "model": "tiny",
        "control": "none",
        "text": text,
    } | changes


def write_card(folder: Path, *, audio_root=None, classes=CLASSES) -> None:
    card = {
        "corpus": "msp_podcast",
        "title": "A corpus for a test",
        "licence": "none",
        "source": "none",
        "audio_root": str(audio_root) if audio_root else None,
        "classes": list(classes),
        "options": {},
        "utterances": 0,
        "hours": None,
        "read": 0,
        "whyser": "0.1.0",
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "corpus.json").write_text(json.dumps(card), encoding="utf-8")


class World:
    """A corpus of 16 utterances, two of each class, and a system that is right on half of them."""

    utterance = staticmethod(utterance)
    prediction = staticmethod(prediction)
    write_jsonl = staticmethod(write_jsonl)
    write_card = staticmethod(write_card)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results = folder / "results"
        self.utterances = [
            utterance(number, CLASSES[number % 8], [CLASSES[number % 8]] * 3 + ["neutral"])
            for number in range(16)
        ]
        self.predictions = [
            prediction(
                row["id"],
                render_answer(row["label"] if number % 2 else "neutral", rationale="Low pitch."),
            )
            for number, row in enumerate(self.utterances)
        ]

    def write(self) -> None:
        sound = self.folder / "sound files"
        sound.mkdir(parents=True, exist_ok=True)
        for row in self.utterances:
            soundfile.write(sound / row["audio"], np.zeros(1600, dtype="float32"), 16000)
        write_card(self.folder / "msp_podcast", audio_root=sound)
        self.references_file = write_jsonl(
            self.folder / "msp_podcast" / "utterances.jsonl", self.utterances
        )
        self.predictions_file = write_jsonl(self.folder / "predictions.jsonl", self.predictions)

    def score_arguments(self, *more):
        self.write()
        return (
            "score",
            "--references", self.references_file,
            "--predictions", self.predictions_file,
            "--output", self.results,
            "--draws", "50",
            *more,
        )  # fmt: skip

    def scores(self):
        rows = json.loads((self.results / "scores.json").read_text(encoding="utf-8"))
        return {(row["system"], row["control"], row["subset"], row["metric"]): row for row in rows}

    def samples(self):
        lines = (self.results / "samples.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


class Reading:
    """An endpoint that reads answers as a test defines.

    `reply` gets the data of a request, as {"options", "answer"} or {"word"}, and returns the text
    of the reply, or the status to fail with.
    """

    def __init__(self):
        self.reply = lambda data: json.dumps({"emotion": None, "second": None})
        self.asked = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/v1"

    @property
    def data(self):
        return [json.loads(body["messages"][0]["content"].splitlines()[-1]) for body in self.asked]

    def handler(reading):
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with reading.lock:
                    reading.asked.append(body)
                    reading.at_once += 1
                    reading.most_at_once = max(reading.most_at_once, reading.at_once)
                data = json.loads(body["messages"][0]["content"].splitlines()[-1])
                reply = reading.reply(data)
                with reading.lock:
                    reading.at_once -= 1
                status = reply if isinstance(reply, int) else 200
                message = {"content": reply if status == 200 else ""}
                answer = {
                    "model": "reader",
                    "choices": [{"finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
                }
                content = json.dumps(answer if status == 200 else {"error": "no"}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        return Handler


@pytest.fixture
def reading():
    found = Reading()
    thread = threading.Thread(
        target=found.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()
