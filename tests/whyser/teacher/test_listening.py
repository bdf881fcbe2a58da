from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser.chat import ChatError, Reply, Request
from whyser.chat.faults import TOKEN_LIMIT
from whyser.evidence.cues import FAMILIES, Cue, Cues
from whyser.prompting.prompts import RATIONALE, RATIONALE_MEASURED, RATIONALE_TEXT
from whyser.records.corpus import CorpusCard, write_card
from whyser.records.utterance import Utterance, Vote, write_utterances
from whyser.teacher.cli import main
from whyser.teacher.lesson import Lesson, choose_prompt
from whyser.teacher.listening import build_request, teach
from whyser.teacher.rationale import Rationale, read_rationales

SPOKEN = "I never want to see him here again."
GOOD = (
    'The words "never want to see him" come at a fast pace, and the voice is loud. The pitch lies '
    "high for this speaker, and every stressed word is pressed out with force to its very end."
)
#: An answer with an end of its own, and one that was not begun when the tokens were used up.
CUT, THOUGHT_AWAY = "|ends with|", "|no answer|"
LEAKING = GOOD + " That is anger."
#: The order of the training rows, which is that of sha256("0:order:ID").
IN_ORDER = ["c/4", "c/5", "c/3", "c/2", "c/1"]


def utterance(number: int = 1, split: str = "train") -> Utterance:
    return Utterance(
        id=f"c/{number}", corpus="c", split=split, audio=f"{number}.wav", duration=1.0,
        sampling_rate=16_000, channels=1, transcript=SPOKEN, speaker="c/1", gender=None,
        label="angry", label_raw="A",
    )  # fmt: skip


def cues(number: int = 1, **strengths: float) -> Cues:
    found = {
        family: Cue(value=1.0, deviation=0.0, strength=strength, level="high")
        for family, strength in strengths.items()
    }
    given = {family: found.get(family) for family in FAMILIES}
    return Cues(id=f"c/{number}", reference="speaker", **given)  # type: ignore[arg-type]


class Scripted:
    """Stands for a `Chat` that answers from a list, the last one for ever."""

    class settings:
        model = "teacher-1"

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = answers, list[Request]()

    async def ask(self, request: Request, *, label: str = "") -> Reply:
        text = self.answers[min(len(self.asked), len(self.answers) - 1)]
        self.asked.append(request)
        if text == THOUGHT_AWAY:
            raise ChatError("cut off", kind=TOKEN_LIMIT, status=200, cure="")
        said, _, reason = text.partition(CUT)
        return Reply(said, reason or "stop", "teacher-1", 10, 10)


def taught(chat: Scripted, lesson: Lesson | None = None, measured: Cues | None = None) -> Any:
    lesson = lesson or Lesson(RATIONALE)
    return asyncio.run(teach(chat, utterance(), None, measured, lesson))  # type: ignore[arg-type]


# ---- what is asked ------------------------------------------------------------------------


def test_the_prompt_is_the_papers() -> None:
    request = build_request(utterance(), None, None, Lesson(RATIONALE), 0)
    (message,) = request.messages
    (part,) = message["content"]
    lines = part["text"].split("\n")
    assert lines[:2] == [f"Given the Content: {SPOKEN}", "Emotion: angry"]
    assert lines[2] == (
        "Provide a detailed reasoning that explains how the emotion and its intensity relate to "
        "the spoken content and the audio's characteristics, such as tone, pitch, speaking style, "
        "clarity, and other acoustic properties."
    )
    assert lines[3:] == [
        "## Here are some rules you should follow:",
        "- DO NOT use the word angry in your reasoning.",
        "- DO NOT use open-ended questions or follow-up invitations in the reasoning. For example, "
        '"What do you think about this?", "What do you think?" or "If you want to talk more about '
        'this or have other thoughts, feel free to share."',
        '- DO NOT use "Well, you know" or "Well" in the reasoning.',
    ]


@pytest.mark.shared_data
def test_the_prompt_is_that_of_the_paper_itself(shared_data: Path) -> None:
    paper = next((shared_data.parent / "seeds").glob("001_*.txt")).read_text(encoding="utf-8")
    printed = paper[paper.index("Given the Content: {$CONTENT}") :].partition("```")[0].strip()
    ours = RATIONALE.text.replace("$CONTENT", "{$CONTENT}").replace("$EMOTION", "{$EMOTION}")
    assert ours == printed


def test_decoding_is_the_papers_and_every_attempt_has_a_seed() -> None:
    lesson = Lesson(RATIONALE, seed=7)
    first, again = (build_request(utterance(), None, None, lesson, n) for n in (0, 1))
    assert {**first.parameters, "seed": 0} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "max_tokens": 256,
        "seed": 0,
    }
    assert first.parameters["seed"] != again.parameters["seed"]
    assert first.parameters == build_request(utterance(), None, None, lesson, 0).parameters


@pytest.mark.parametrize("how", ["file", "path", "data", "input_audio", "none"])
def test_the_clip_comes_before_the_question(tmp_path: Path, how: Any) -> None:
    sound = tmp_path / "1.wav"
    soundfile.write(sound, np.zeros(1600), 16_000)
    request = build_request(utterance(), sound, None, Lesson(RATIONALE, audio=how), 0)
    kinds = [part["type"] for part in request.messages[0]["content"]]
    expected = {"none": [], "input_audio": ["input_audio"]}.get(how, ["audio_url"])
    assert kinds == [*expected, "text"]


def test_evidence_is_told_strongest_first() -> None:
    lesson = Lesson(RATIONALE_MEASURED)
    measured = cues(pitch=0.7, loudness=2.0)
    text = build_request(utterance(), None, measured, lesson, 0).messages[0]["content"][0]["text"]
    assert "relative to this speaker's usual voice: loudness high, pitch high\n" in text
    assert "$" not in text


def test_choice_of_the_prompt(tmp_path: Path) -> None:
    assert choose_prompt(measured=False, hears=True, file=None) is RATIONALE
    assert choose_prompt(measured=True, hears=True, file=None) is RATIONALE_MEASURED
    assert choose_prompt(measured=False, hears=False, file=None) is RATIONALE_TEXT
    own = tmp_path / "mine.txt"
    own.write_text("Why is $CONTENT ${EMOTION}, given $EVIDENCE?")
    assert Lesson(choose_prompt(measured=False, hears=True, file=own)).needs_cues
    for text in ("Why $EMOTION?", "$CONTENT $EMOTION $TONE"):
        own.write_text(text)
        with pytest.raises(Exception, match="contains the placeholders"):
            choose_prompt(measured=False, hears=True, file=own)


# ---- what is kept -------------------------------------------------------------------------


def test_a_good_answer_is_kept_at_once() -> None:
    chat = Scripted("Well, you know, " + GOOD + " What do you think?")
    rationale = taught(chat).rationale
    assert (rationale.text, rationale.kept, rationale.attempts) == (GOOD, True, 1)
    assert (rationale.teacher, rationale.prompt) == ("teacher-1", RATIONALE.hash)


def test_a_faulty_answer_is_asked_for_anew_with_another_seed() -> None:
    chat = Scripted(LEAKING, "Short.", GOOD)
    result = taught(chat)
    assert (result.rationale.kept, result.rationale.attempts) == (True, 3)
    assert result.inspections[0].faults == ("label leak",)
    assert len({request.parameters["seed"] for request in chat.asked}) == 3


def test_after_three_new_attempts_it_is_dropped_with_its_reasons() -> None:
    chat = Scripted(LEAKING)
    rationale = taught(chat).rationale
    assert (rationale.kept, rationale.reasons, rationale.attempts) == (False, ("label leak",), 4)
    assert len(chat.asked) == 4


def test_what_contradicts_the_sound_is_not_kept() -> None:
    one = Lesson(RATIONALE, attempts=1)
    true = taught(Scripted(GOOD), one, cues(pitch=2.0, loudness=1.5, rate=1.0)).rationale
    assert true.kept
    result = taught(Scripted(GOOD), one, cues(pitch=-2.0, loudness=1.5, rate=1.0))
    assert result.rationale.reasons == ("contradicts the measurement",)
    assert result.inspections[0].details == ("pitch high, measured -2.0",)


@pytest.mark.parametrize("reason", ["length", "MAX_TOKENS", "model_length", "content_filter"])
def test_an_answer_that_was_cut_off_is_not_kept(reason: str) -> None:
    chat = Scripted(f"{GOOD}{CUT}{reason}", GOOD)
    result = taught(chat)
    assert result.inspections[0].faults == ("cut off at the limit of tokens",)
    assert (result.rationale.kept, result.rationale.attempts) == (True, 2)
    only = taught(Scripted(f"{GOOD}{CUT}{reason}")).rationale
    assert (only.kept, only.reasons) == (False, ("cut off at the limit of tokens",))


def test_an_answer_that_was_lost_to_thinking_is_asked_for_anew() -> None:
    result = taught(Scripted(THOUGHT_AWAY, GOOD))
    assert (result.rationale.text, result.rationale.attempts) == (GOOD, 2)
    never = taught(Scripted(THOUGHT_AWAY)).rationale
    assert (never.text, never.kept, never.attempts) == ("", False, 4)
    assert never.reasons[0] == "cut off at the limit of tokens"


@pytest.mark.parametrize(
    "marks",
    ["<plan>Low pitch.</plan>{}", "<|plan|>{}", "{}</output>", "```\n{}\n```", "[PLAN] {}"],
)
def test_marks_of_an_unknown_format_are_never_trained_on(marks: str) -> None:
    rationale = taught(Scripted(marks.replace("{}", GOOD))).rationale
    # Special tokens of this form are taken out, as those of chat templates.
    assert rationale.kept == marks.startswith("<|")
    assert rationale.kept or rationale.reasons == ("markup",)


def test_marks_of_the_training_target_are_taken_out() -> None:
    rationale = taught(Scripted(GOOD + " </reason><|im_end|> <audio>")).rationale
    assert rationale.kept and "<" not in rationale.text


# ---- the command --------------------------------------------------------------------------


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    rows = [utterance(number) for number in range(1, 6)] + [utterance(6, "dev")]
    write_utterances(tmp_path / "utterances.jsonl", rows)
    card = CorpusCard(
        corpus="c", title="c", licence="", source="", audio_root=".", classes=("angry",),
        utterances=6, hours=None, read=6, whyser="0",
    )  # fmt: skip
    write_card(tmp_path / "corpus.json", card)
    for number in range(1, 7):
        noise = np.random.default_rng(number).uniform(-0.1, 0.1, 1600)
        soundfile.write(tmp_path / f"{number}.wav", noise, 16_000)
    lines = [cues(n, pitch=2.0, loudness=1.5, rate=1.0).model_dump_json() for n in range(1, 7)]
    (tmp_path / "cues.jsonl").write_text("\n".join([*lines, ""]))
    return tmp_path


@pytest.fixture
def listen(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    def call(*arguments: str) -> tuple[int, str]:
        fixed = [
            "listening",
            str(corpus / "utterances.jsonl"),
            "--output",
            str(corpus / "out.jsonl"),
        ]
        fixed += ["--model", "teacher-1"]
        if "--endpoint" not in arguments:
            fixed += ["--endpoint", "http://127.0.0.1:9/v1"]
        monkeypatch.setattr(sys, "argv", ["whyser-teach", *fixed, *arguments])
        try:
            main()
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
        said = capsys.readouterr()
        return status, said.out + said.err

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--split", "dev"], "rationales for split 'dev'"),
        (["--split", "test1"], "add --reference-for-study"),
        (["--split", "test1", "--for-evaluation-loss"], "take the dev split"),
        (["--split", "nowhere", "--for-evaluation-loss"], "take the dev split"),
        (["--evidence", "measured"], "Give --cues FILE"),
        (["--split", "nowhere", "--reference-for-study"], "no utterance of split 'nowhere'"),
    ],
)
def test_refused(
    listen: Callable[..., tuple[int, str]], arguments: Sequence[str], message: str
) -> None:
    status, said = listen(*arguments)
    assert status == 1
    assert message in said


def test_only_the_utterances_that_a_study_wants(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    ids = corpus / "wanted.txt"
    ids.write_text("c/2\nmeld/7\nc/4\n")
    status, said = listen("--endpoint", teacher.url, "--ids", str(ids))
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == ["c/4", "c/2"]
    assert f"note: 1 of the 3 ids in {ids} are not explained here" in said
    ids.write_text("meld/7\n")
    status, said = listen("--endpoint", teacher.url, "--ids", str(ids))
    assert status == 1
    what = f"no utterance of split 'train' with a class and a transcript among the ids in {ids}"
    assert what in said


def test_a_test_split_is_explained_for_a_study_alone(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    utterances = corpus / "utterances.jsonl"
    utterances.write_text(utterances.read_text().replace('"train"', '"test1"'))
    (corpus / "wanted.txt").write_text("c/2\n")
    arguments = [
        *("whyser-teach", "measured", str(utterances), "--cues", str(corpus / "cues.jsonl")),
        *("--output", str(corpus / "out.jsonl"), "--split", "test1"),
        *("--ids", str(corpus / "wanted.txt")),
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit):
        main()
    assert "add --reference-for-study" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", [*arguments, "--reference-for-study"])
    with suppress(SystemExit):
        main()
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == ["c/2"]


def test_a_dry_run_asks_nothing(listen: Callable[..., tuple[int, str]], corpus: Path) -> None:
    status, said = listen("--dry-run", "--price-in", "1", "--price-out", "2")
    assert status == 0, said
    cells = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["requests", "5"] in cells
    assert not (corpus / "out.jsonl").exists()
    assert not list(corpus.glob("*ledger*"))


class Teacher:
    """An endpoint in a thread: good for all but those that a rule says; `marks` frames answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.marks = "{}"

    def answer(self, body: dict[str, Any]) -> str:
        self.asked.append(body)
        return self.marks.replace("{}", LEAKING if len(self.asked) == 2 else GOOD)


@pytest.fixture
def teacher() -> Any:
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    mind = Teacher()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            choice = {"finish_reason": "stop", "message": {"content": mind.answer(body)}}
            data = json.dumps({"model": "teacher-1", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    mind.url = f"http://127.0.0.1:{server.server_port}/v1"  # type: ignore[attr-defined]
    yield mind
    server.shutdown()


@pytest.mark.parametrize(
    "marks",
    [
        "<think>Name no anger.</think>{}",
        "Name no anger.</think>{}",
        "<|channel>thought\nName no anger.\n<channel|>{}",
    ],
)
def test_thinking_is_never_trained_on(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any, marks: str
) -> None:
    teacher.marks = marks
    status, said = listen("--endpoint", teacher.url, "--max-tokens", "2000")
    assert status == 0, said
    assert {body["max_tokens"] for body in teacher.asked} == {2000}
    rationales = list(read_rationales(corpus / "out.jsonl"))
    assert len(rationales) == 5 and all(one.kept and one.text == GOOD for one in rationales)
    cells = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["thinking", "left", "out", "6"] in cells
    assert "Name no anger" in (corpus / "out.ledger.jsonl").read_text()


def test_a_run_and_the_same_again(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    arguments = ("--endpoint", teacher.url, "--cues", str(corpus / "cues.jsonl"))
    status, said = listen(*arguments)
    assert status == 0, said
    rationales = list(read_rationales(corpus / "out.jsonl"))
    assert [one.id for one in rationales] == IN_ORDER
    assert all(one.kept and one.text == GOOD for one in rationales)
    assert sorted(one.attempts for one in rationales) == [1, 1, 1, 1, 2]
    assert "5 of 5 rationales kept" in said
    rows = [line.replace("│", " ").split() for line in said.splitlines()]
    assert ["c", "angry", "5", "100.0%", "1.20", "0.0%", "16.7%", "16.7%"] in rows
    assert ["label", "leak", "16.7%", "16.7%"] in rows
    assert len(teacher.asked) == 6
    before = (corpus / "out.jsonl").read_bytes()
    status, said = listen(*arguments)
    assert status == 0
    assert len(teacher.asked) == 6
    assert (corpus / "out.jsonl").read_bytes() == before


def test_a_limit_stops_in_time_and_the_next_run_goes_on(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    arguments = ("--endpoint", teacher.url, "--concurrency", "1")
    status, said = listen(*arguments, "--max-requests", "3")
    assert status == 1
    assert "Run the same command again to continue" in said
    assert len(teacher.asked) == 3
    assert not (corpus / "out.jsonl").exists()
    status, said = listen(*arguments)
    assert status == 0, said
    assert len(teacher.asked) == 6


def test_an_unreadable_clip_is_named_and_skipped(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    (corpus / "3.wav").write_bytes(b"RIFF")
    status, said = listen("--endpoint", teacher.url)
    assert status == 0, said
    assert "3.wav: is not a readable sound file" in said
    (third,) = [one for one in read_rationales(corpus / "out.jsonl") if one.id == "c/3"]
    assert (third.kept, third.reasons) == (False, ("no answer",))


def test_a_key_is_written_nowhere(
    listen: Callable[..., tuple[int, str]],
    corpus: Path,
    teacher: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    status, said = listen("--endpoint", teacher.url, "--key-variable", "MY_KEY")
    assert status == 0
    files = [path.read_bytes() for path in corpus.iterdir() if path.is_file()]
    assert b"sk-very-secret" not in b"".join([*files, said.encode()])


# ---- in the order of the training rows, until enough are explained -------------------------


def test_the_order_is_that_of_the_training_rows(corpus: Path) -> None:
    """LLaMA-Factory trains on the first rows of the dataset, so they are taught first."""
    from whyser_converters.cli import main as convert

    rationales = [
        Rationale(
            id=f"c/{number}", label="angry", text=GOOD, teacher="t", prompt="p", kept=True,
            reasons=(), attempts=1,
        ).model_dump_json() for number in range(1, 6)
    ]  # fmt: skip
    (corpus / "all.jsonl").write_text("\n".join([*rationales, ""]))
    words = ["sharegpt", str(corpus / "utterances.jsonl"), "--split", "train"]
    words += ["--rationales", str(corpus / "all.jsonl"), "--output", str(corpus / "d/x")]
    with pytest.MonkeyPatch.context() as patch, suppress(SystemExit):
        patch.setattr(sys, "argv", ["whyser-convert", *words])
        convert()
    manifest = (corpus / "d/x.manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in manifest] == IN_ORDER


@pytest.mark.parametrize("concurrency", [1, 5])
def test_teaching_ends_when_enough_are_explained(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any, concurrency: int
) -> None:
    words = ("--endpoint", teacher.url, "--concurrency", str(concurrency))
    status, said = listen(*words, "--enough", "2")
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == IN_ORDER[:2]
    # The second answer leaks the label, and is asked for again. One more may be on its way.
    assert len(teacher.asked) in ((3, 4) if concurrency == 1 else (3, 4, 5, 6))
    assert "2 of 2 rationales kept" in said


def test_what_is_dropped_does_not_count(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    words = (
        "--endpoint",
        teacher.url,
        "--concurrency",
        "1",
        "--enough",
        "2",
        "--new-attempts",
        "0",
    )
    status, said = listen(*words)
    assert status == 0, said
    found = list(read_rationales(corpus / "out.jsonl"))
    assert [(one.id, one.kept) for one in found] == list(
        zip(IN_ORDER[:3], [True, False, True], strict=True)
    )


def test_more_is_taught_when_more_are_needed(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    words = ("--endpoint", teacher.url, "--concurrency", "1")
    listen(*words, "--enough", "2")
    first = list(read_rationales(corpus / "out.jsonl"))
    asked = len(teacher.asked)
    status, said = listen(*words, "--enough", "4")
    assert status == 0, said
    found = list(read_rationales(corpus / "out.jsonl"))
    assert [one.id for one in found] == IN_ORDER[:4]
    assert found[:2] == first
    # What was answered is in the ledger.
    assert len(teacher.asked) - asked <= 3
    before = len(teacher.asked)
    listen(*words, "--enough", "4")
    assert len(teacher.asked) == before


def test_fewer_than_enough_is_no_fault(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    status, said = listen("--endpoint", teacher.url, "--enough", "100")
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == IN_ORDER


def test_a_limit_before_enough_is_a_fault(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    words = ("--endpoint", teacher.url, "--concurrency", "1", "--enough", "4")
    status, said = listen(*words, "--max-requests", "2")
    assert status == 1
    assert "of 5 utterances are done" in said
    assert not (corpus / "out.jsonl").exists()


def test_the_first_n_are_those_of_the_training_rows(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    status, said = listen("--endpoint", teacher.url, "--max-samples", "2")
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == IN_ORDER[:2]


# ---- several corpora -----------------------------------------------------------------------


@pytest.fixture
def second(corpus: Path) -> Path:
    """Another corpus, `d`, with its own sound and cues."""
    folder = corpus / "d"
    folder.mkdir()
    rows = [
        utterance(number).model_copy(update={"id": f"d/{number}", "corpus": "d"})
        for number in range(1, 4)
    ]
    write_utterances(folder / "utterances.jsonl", rows)
    card = json.loads((corpus / "corpus.json").read_text())
    (folder / "corpus.json").write_text(json.dumps(card | {"corpus": "d", "utterances": 3}))
    for number in range(1, 4):
        noise = np.random.default_rng(10 + number).uniform(-0.1, 0.1, 1600)
        soundfile.write(folder / f"{number}.wav", noise, 16_000)
    measured = [cues(n, pitch=-2.0, loudness=1.5, rate=1.0) for n in range(1, 4)]
    lines = [
        one.model_copy(update={"id": f"d/{number}"}).model_dump_json()
        for number, one in enumerate(measured, 1)
    ]
    (folder / "cues.jsonl").write_text("\n".join([*lines, ""]))
    return folder


#: Of both corpora: sorted by sha256("0:order:ID").
OF_BOTH = sorted(
    [*IN_ORDER, "d/1", "d/2", "d/3"],
    key=lambda id_: hashlib.sha256(f"0:order:{id_}".encode()).digest(),
)


def test_corpora_are_taught_together_in_one_order(
    listen: Callable[..., tuple[int, str]], corpus: Path, second: Path, teacher: Any
) -> None:
    assert [id_ for id_ in OF_BOTH if id_.startswith("c/")] == IN_ORDER
    status, said = listen(str(second / "utterances.jsonl"), "--endpoint", teacher.url)
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == OF_BOTH
    rows = [line.replace("│", " ").split() for line in said.splitlines()]
    assert [row[:3] for row in rows if row[1:2] == ["angry"]] == [
        *(["c", "angry", "5"], ["d", "angry", "3"])
    ]


def test_each_corpus_is_checked_by_its_own_cues(
    listen: Callable[..., tuple[int, str]], corpus: Path, second: Path, teacher: Any
) -> None:
    """The voices of the second are low, and the teacher says that they are high."""
    words = [str(second / "utterances.jsonl"), "--endpoint", teacher.url, "--new-attempts", "0"]
    words += ["--cues", str(corpus / "cues.jsonl"), "--cues", str(second / "cues.jsonl")]
    status, said = listen(*words)
    assert status == 0, said
    found = list(read_rationales(corpus / "out.jsonl"))
    contradicting = {one.id for one in found if "contradicts the measurement" in one.reasons}
    assert contradicting == {"d/1", "d/2", "d/3"}


def test_each_clip_is_that_of_its_corpus(
    listen: Callable[..., tuple[int, str]], corpus: Path, second: Path, teacher: Any
) -> None:
    (second / "2.wav").write_bytes(b"RIFF")
    status, said = listen(str(second / "utterances.jsonl"), "--endpoint", teacher.url)
    assert status == 0, said
    failed = {one.id for one in read_rationales(corpus / "out.jsonl") if not one.kept}
    assert failed == {"d/2"}


def test_enough_counts_over_all_corpora(
    listen: Callable[..., tuple[int, str]], corpus: Path, second: Path, teacher: Any
) -> None:
    words = (str(second / "utterances.jsonl"), "--endpoint", teacher.url, "--concurrency", "1")
    status, said = listen(*words, "--enough", "4")
    assert status == 0, said
    assert [one.id for one in read_rationales(corpus / "out.jsonl")] == OF_BOTH[:4]


def test_a_corpus_is_given_once(listen: Callable[..., tuple[int, str]], corpus: Path) -> None:
    status, said = listen(str(corpus / "utterances.jsonl"))
    assert status == 1
    assert "two files are of one corpus. Give a file for each corpus." in said


def test_labels_of_annotators_count_as_one_utterance(
    listen: Callable[..., tuple[int, str]], corpus: Path, teacher: Any
) -> None:
    votes = tuple(
        Vote(rater=rater, primary=label, raw=label)
        for rater, label in (("a", "angry"), ("b", "sad"))
    )
    rows = [utterance(number).model_copy(update={"votes": votes}) for number in range(1, 6)]
    write_utterances(corpus / "utterances.jsonl", rows)
    words = ("--endpoint", teacher.url, "--concurrency", "1", "--labels", "annotators")
    status, said = listen(*words, "--enough", "2")
    assert status == 0, said
    found = list(read_rationales(corpus / "out.jsonl"))
    assert [(one.id, one.label) for one in found[:2]] == [("c/4", "angry"), ("c/4", "sad")]
    assert {one.id for one in found} == {*IN_ORDER[:2]}
