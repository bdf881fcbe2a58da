from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from whyser_converters.check.datasets import check_datasets
from whyser_converters.check.findings import Findings
from whyser_converters.check.settings import Job

MakeRow = Callable[..., dict[str, Any]]
Faults = Callable[..., str]


def test_a_good_row_has_no_fault_and_is_counted(
    faults: Faults, row: MakeRow, tmp_path: Path
) -> None:
    assert faults([row(), row()], cutoff_len=100, trains=True) == ""
    job = Job("d", tmp_path / "dataset_info.json", tmp_path)
    [summary] = check_datasets([job], Findings("d"))
    assert summary.row() == ("d", "2", "0.00", "50", "25", "0", "0", "0")


@pytest.mark.parametrize(
    ("content", "audios", "message"),
    [
        ("What?", ["a.wav"], "row 1: 0 <audio> in the messages for 1 audios"),
        ("<audio>He said <audio>.", ["a.wav"], "2 <audio> in the messages for 1 audios"),
        ("<audio>What?", ["gone.wav"], "gone.wav: no such sound file"),
        ("<audio>What?", [5], "'audios' is not a list of paths"),
        ("<audio>What?", {"path": "a.wav"}, "'audios' is not a list of paths"),
        ("<audio><|AUDIO|>What?", ["a.wav"], "contains '<|AUDIO|>'"),
        ("<audio><image>What?", ["a.wav"], "contains '<image>'"),
        ("What?", [], "warning: "),
    ],
)
def test_a_bad_row_is_named(
    faults: Faults, row: MakeRow, content: str, audios: Any, message: str
) -> None:
    found = faults([row(), row(content, audios)])
    assert message in found
    assert "d.json: row 1: " in found
    assert "row 0" not in found


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"messages": "hello", "audios": []}, "no list of messages"),
        ({"conversations": [], "audios": []}, "no list of messages under 'messages'"),
        ([1], "no list of messages"),
        ({"messages": [{"role": "user", "content": None}]}, "a message without text"),
    ],
)
def test_a_row_of_another_shape_is_named(
    faults: Faults, row: MakeRow, bad: Any, message: str
) -> None:
    found = faults([row(), bad])
    assert message in found
    assert "d.json: row 1: " in found


@pytest.mark.parametrize(
    "roles",
    [
        [],
        ["user"],
        ["assistant", "user"],
        ["user", "assistant", "user"],
        [None, "assistant"],
        # Our table has no system tag, so LLaMA-Factory takes it for a wrong role.
        ["system", "user", "assistant"],
    ],
)
def test_wrong_roles_are_named(faults: Faults, row: MakeRow, roles: list[str | None]) -> None:
    messages = [{"role": role, "content": "x"} for role in roles]
    found = faults([{"messages": messages, "audios": []}])
    assert f"roles are {roles}, expected ['user', 'assistant'] in turn" in found


def test_a_system_prompt_is_none_of_the_turns_where_the_table_names_it(
    faults: Faults, row: MakeRow
) -> None:
    tags = {
        **{"role_tag": "role", "content_tag": "content", "system_tag": "system"},
        **{"user_tag": "user", "assistant_tag": "assistant"},
    }
    given = row()
    # A placeholder in it is not counted: LLaMA-Factory puts no sound there.
    given["messages"].insert(0, {"role": "system", "content": "Listen to <audio>."})
    assert faults([given], {"tags": tags}) == ""


def test_an_empty_answer_is_named_where_it_is_learnt(faults: Faults, row: MakeRow) -> None:
    given = row()
    given["messages"][1]["content"] = " "
    assert "row 0: has an empty message" in faults([given], trains=True)
    # A test set whose labels are not released has none.
    assert faults([given]) == ""


def test_a_path_alone_is_a_sound_but_not_among_lists(faults: Faults, row: MakeRow) -> None:
    assert faults([row(audios="a.wav"), row(audios="a.wav")]) == ""
    assert "'audios' is a path in some rows and a list in others" in faults(
        [row(audios="a.wav"), row()]
    )


def test_a_sound_is_looked_for_where_llamafactory_does(
    faults: Faults, row: MakeRow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert faults([row(), row(audios=[str(tmp_path / "a.wav")])]) == ""
    table = tmp_path / "dataset_info.json"

    def missing() -> list[str]:
        findings = Findings("d")
        check_datasets([Job("d", table, tmp_path / "media")], findings)
        return findings.problems

    assert ["row 0: a.wav: no such sound file" in line for line in missing()] == [True]
    # From the working directory, when it is not in media_dir.
    monkeypatch.chdir(tmp_path)
    assert missing() == []


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_audio_and_text_must_fit_the_cutoff(
    faults: Faults, row: MakeRow, spare: int, fits: bool
) -> None:
    # 25 of audio; template 11 + 10 + 2; 5 bytes of question, 43 of answer: 2 + 11.
    found = faults([row()], cutoff_len=25 + 23 + 13 + spare)
    assert (found == "") == fits
    if not fits:
        assert "row 0: 25 audio tokens and about 36 of text and template" in found


def test_every_turn_and_a_system_prompt_of_its_own_count(faults: Faults, row: MakeRow) -> None:
    columns = {"messages": "messages", "audios": "audios", "system": "system"}
    given = {**row(), "system": "Be terse."}
    given["messages"] *= 2
    given["audios"] *= 2
    # 2 x 25 of audio; 5 + 3 of system; 2 turns of 10 + 2 + 2 + 11.
    assert faults([given], {"columns": columns}, cutoff_len=50 + 8 + 50) == ""
    assert "do not fit" in faults([given], {"columns": columns}, cutoff_len=50 + 8 + 49)


def test_a_text_counts_by_its_bytes(faults: Faults, row: MakeRow) -> None:
    # 40 letters of 3 bytes: 30 tokens instead of 10.
    given = row("<audio>" + 40 * "語")
    assert faults([given], cutoff_len=25 + 23 + 11 + 30) == ""
    assert "do not fit" in faults([given], cutoff_len=25 + 23 + 11 + 29)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"columns": {"messages": "messages", "audio": "audios"}}, "ignores columns 'audio'"),
        ({"columns": {"messages": "messages", "audio": "audios"}}, "Did you mean 'audios'?"),
        ({"columns": {"messages": "messages", "audio": "audios"}}, "would train without sound"),
        ({"columns": {"messages": "messages", "audios": "audio"}}, "1 <audio> in the messages"),
        ({"tags": {"role_tag": "role"}}, "names no content_tag, user_tag, assistant_tag"),
        ({"tags": {"rol_tag": "role"}}, "Did you mean 'role_tag'?"),
        ({"tag": {}}, "ignores 'tag'"),
        ({"hf_hub_url": "a/b"}, "is read from hf_hub_url"),
        ({"script_url": "a.py"}, "is read from script_url"),
        ({"cloud_file_name": "s3://a"}, "is read from cloud_file_name"),
        ({"file_name": None}, "names no local file"),
        ({"file_name": "rows.parquet"}, "rows.parquet: cannot be checked"),
        ({"columns": {}}, "names no messages, audios"),
        ({"columns": ["messages"]}, "columns is not a table of names"),
        ({"formatting": "alpaca"}, "has formatting 'alpaca' and names no prompt, response"),
        ({"formatting": "openai"}, "has formatting 'openai'"),
        ({"formatting": ["alpaca"]}, "has formatting ['alpaca']"),
        ({"ranking": True}, "names no chosen, rejected"),
    ],
)
def test_an_entry_that_llamafactory_reads_otherwise_is_named(
    faults: Faults, row: MakeRow, own: dict[str, Any], message: str
) -> None:
    assert message in faults([row()], own)


ALPACA = {
    "formatting": "alpaca",
    "columns": {"prompt": "ask", "query": "more", "response": "say", "audios": "audios"},
}


def test_alpaca_rows_are_read_as_llamafactory_reads_them(faults: Faults) -> None:
    """The test of `check.layout` holds the messages against LLaMA-Factory's own."""
    good = {"ask": "<audio>Which?", "more": "", "say": "sad", "audios": ["a.wav"]}
    bad = [
        good | {"ask": "Which?", "more": "A. Sad"},
        good | {"say": ""},
        good | {"say": None},
        good | {"audios": None},
    ]
    assert faults([good, good | {"ask": "Which?", "more": "<audio>"}], ALPACA, trains=True) == ""
    found = faults([good, *bad], ALPACA, trains=True)
    assert "row 0" not in found
    for words in (
        "row 1: 0 <audio> in the messages for 1 audios",
        "row 2: has an empty message",
        "row 3: has a message without text",
        "row 4: 1 <audio> in the messages for 0 audios",
    ):
        assert words in found


def test_broken_alpaca_rows_are_named(faults: Faults) -> None:
    columns = {**ALPACA["columns"], "history": "before"}
    good = {"ask": "<audio>Which?", "more": "", "say": "sad", "audios": ["a.wav"]}
    rows = [good | {"before": ["a"]}, good | {"before": [["a", "b", "c"]]}]
    found = faults(rows, ALPACA | {"columns": columns})
    assert found.count("'before' is not a list of pairs of a question and an answer") == 2
    # LLaMA-Factory reads only a list.
    assert faults([good | {"before": 3}], ALPACA | {"columns": columns}) == ""
    assert "'ask' or 'more' is not a text" in faults([good | {"ask": 3}], ALPACA)


def test_a_column_that_no_row_has_is_named(faults: Faults, row: MakeRow) -> None:
    """LLaMA-Factory would stop at the first row."""
    given = [{"ask": "<audio>Which?", "say": "sad", "audios": ["a.wav"]}]
    assert "no row has the column 'more', which the entry of 'd' names" in faults(given, ALPACA)
    columns = {"messages": "messages", "audios": "audios", "system": "sytem"}
    found = faults([{**row(), "system": "Be terse."}], {"columns": columns})
    assert "no row has the column 'sytem'" in found and "Did you mean 'system'?" in found


def test_alpaca_pairs_have_two_answers(faults: Faults) -> None:
    columns = {"prompt": "ask", "chosen": "good", "rejected": "bad", "audios": "audios"}
    entry = {"formatting": "alpaca", "ranking": True, "columns": columns}
    one = {"ask": "<audio>Which?", "good": "sad", "bad": "happy", "audios": ["a.wav"]}
    assert faults([one], entry, stage="dpo") == ""
    assert "its chosen and its rejected answer are the same" in faults(
        [one | {"bad": "sad"}], entry, stage="dpo"
    )
    assert "has no message under 'good' or 'bad'" in faults([one | {"bad": None}], entry)


def test_an_entry_that_is_no_object_is_named(dataset: Callable[..., Path], row: MakeRow) -> None:
    path = dataset([row()])
    path.write_text('{"d": "d.json"}', encoding="utf-8")
    findings = Findings("d")
    check_datasets([Job("d", path, path.parent)], findings)
    assert "dataset_info.json: dataset 'd' is not an object" in findings.problems[0]


@pytest.mark.parametrize("lost", ["formatting", "columns", "tags"])
def test_llamafactorys_defaults_are_not_ours(
    dataset: Callable[..., Path], row: MakeRow, lost: str
) -> None:
    path = dataset([row()])
    table = json.loads(path.read_text("utf-8"))
    del table["d"][lost]
    path.write_text(json.dumps(table), encoding="utf-8")
    findings = Findings("d")
    check_datasets([Job("d", path, path.parent)], findings)
    expected = {
        "formatting": "has formatting 'alpaca' (the default)",
        "columns": "would train without sound",
        "tags": "a message without text under 'value'",
    }
    assert expected[lost] in "\n".join(findings.problems)


def test_an_empty_dataset_is_a_problem(faults: Faults) -> None:
    assert "holds no rows" in faults([])


def test_rows_may_be_json_lines(dataset: Callable[..., Path], row: MakeRow, tmp_path: Path) -> None:
    path = dataset([], file_name="rows.jsonl")
    lines = [json.dumps(row()), json.dumps(row("What?"))]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    findings = Findings("d")
    check_datasets([Job("d", path, tmp_path)], findings)
    assert ["rows.jsonl: row 1: 0 <audio>" in line for line in findings.problems] == [True]


def manifest(folder: Path, *lines: dict[str, Any]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "d.manifest.jsonl").write_text(text, encoding="utf-8")


def test_a_manifest_of_another_build_is_named(faults: Faults, row: MakeRow, tmp_path: Path) -> None:
    manifest(tmp_path, *2 * [{"id": "a/1", "split": "train", "answer": "happy"}])
    found = faults([row()])
    # Which line is whose cannot be said.
    assert "row 0" not in found
    assert "2 lines for 1 rows" in found
    assert "duplicate id 'a/1'" in found


def test_a_row_must_be_that_of_its_line(faults: Faults, row: MakeRow, tmp_path: Path) -> None:
    answer = row()["messages"][1]["content"]
    manifest(
        tmp_path,
        {"id": "a/1", "answer": answer, "audio": "a.wav"},
        {"id": "a/2", "answer": "happy", "audio": "a.wav"},
        {"id": "a/3", "answer": answer, "audio": "b.wav"},
    )
    found = faults(3 * [row()])
    assert "row 0" not in found
    assert "row 1: its answer differs from its line in the manifest" in found
    assert "row 2: its audio differs from its line in the manifest" in found


def test_what_a_control_does_on_purpose_is_no_fault(
    faults: Faults, row: MakeRow, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    answer = row()["messages"][1]["content"]
    rows = [row(audios=["silent.wav"]), row("Which?", audios=[])]
    lines = [
        {"id": "a/1", "answer": answer, "audio": "silent.wav", "control": "silence"},
        {"id": "a/2", "answer": answer, "control": "transcript"},
    ]
    manifest(tmp_path, *lines)
    assert faults(rows) == ""
    # What is meant of one is a fault of the other, and of a row under no control.
    swapped = [{**lines[0], "control": "transcript"}, {**lines[1], "control": "silence"}]
    for others in (swapped, [{**line, "control": "none"} for line in lines]):
        manifest(tmp_path, *others)
        found = faults(rows)
        assert "row 0: " in found and "is silent" in found
        assert "row 1: has no sound" in found


def test_a_quiet_clip_may_be_silent_20_dB_quieter(
    faults: Faults, row: MakeRow, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(16_000), 16_000)
    line = {"id": "a/1", "answer": row()["messages"][1]["content"], "audio": "quiet.wav"}
    for control, said in (("gain", ""), ("noise", "is silent")):
        manifest(tmp_path, {**line, "control": control})
        found = faults([row(audios=["quiet.wav"])])
        assert said in found and bool(found) == bool(said)


def test_a_broken_manifest_hides_no_row(faults: Faults, row: MakeRow, tmp_path: Path) -> None:
    (tmp_path / "d.manifest.jsonl").write_text("{", encoding="utf-8")
    found = faults([row("What?")])
    assert "d.manifest.jsonl:1: not a valid JSON line" in found
    assert "row 0: 0 <audio>" in found


def test_an_unknown_dataset_is_named(dataset: Callable[..., Path], row: MakeRow) -> None:
    path = dataset([row()], "whyser")
    findings = Findings("d")
    check_datasets([Job("wyser", path, path.parent)], findings)
    assert "no dataset 'wyser'. Expected one of [whyser]. Did you" in findings.problems[0]


def test_test_rows_in_training_are_refused(faults: Faults, row: MakeRow, tmp_path: Path) -> None:
    manifest(tmp_path, {"id": "a/1", "split": "test1"})
    assert "1 rows of split 'test1' are used for training" in faults([row()], trains=True)
    assert faults([row()], trains=False) == ""


def test_a_sound_that_is_trained_on_is_not_evaluated_on(
    dataset: Callable[..., Path], row: MakeRow, write_noise: Callable[..., Path], tmp_path: Path
) -> None:
    write_noise(tmp_path / "b.wav")
    table = dataset([row()], "train")
    (tmp_path / "link").symlink_to(tmp_path)
    dataset([row(audios=["link/a.wav"]), row(audios=["b.wav"])], "dev")
    dataset([row(audios=["b.wav"])], "other")

    def problems(name: str) -> list[str]:
        findings = Findings("d")
        jobs = [Job("train", table, tmp_path, trains=True), Job(name, table, tmp_path)]
        check_datasets(jobs, findings)
        return findings.problems

    [problem] = problems("dev")
    assert "'dev' evaluates on 1 sounds that 'train' trains on, such as " in problem
    assert problems("other") == []


def test_two_datasets_may_train_on_one_sound(dataset: Callable[..., Path], row: MakeRow) -> None:
    table = dataset([row()], "reason")
    dataset([row()], "label")
    findings = Findings("d")
    jobs = [Job(name, table, table.parent, trains=True) for name in ("reason", "label")]
    check_datasets(jobs, findings)
    assert findings.problems == []


def test_one_fault_in_hundreds_of_rows_hides_no_other(
    convert: Callable[..., Any], dataset: Callable[..., Path], row: MakeRow
) -> None:
    table = dataset([*[row("What?") for _ in range(250)], row(audios=["gone.wav"])])
    outcome = convert("check", table)
    assert outcome.status == 1
    assert outcome.err.count("0 <audio> in the messages") == 10
    assert "... and 240 more rows with wrong placeholders" in outcome.err
    assert "row 250: gone.wav: no such sound file" in outcome.err
    assert f"251 problems in {table}" in outcome.err
    assert "Traceback" not in outcome.err
    [line] = [line for line in outcome.out.splitlines() if "251" in line]
    assert line.split("│")[-2].strip() == "251"


def test_a_good_dataset_ends_with_status_0(
    convert: Callable[..., Any], dataset: Callable[..., Path], row: MakeRow
) -> None:
    outcome = convert("check", dataset([row()]))
    assert (outcome.status, outcome.err) == (0, "no problem found\n")


def pair(row: MakeRow, *, chosen: Any = "sad", rejected: Any = "happy") -> dict[str, Any]:
    given = row()
    answers = {"chosen": chosen, "rejected": rejected}
    made = {
        key: {"role": "assistant", "content": one} if isinstance(one, str) else one
        for key, one in answers.items()
    }
    return {**given, "messages": given["messages"][:1], **made}


RANKING = {
    "ranking": True,
    "columns": {
        **{"messages": "messages", "audios": "audios"},
        **{"chosen": "chosen", "rejected": "rejected"},
    },
}


def test_a_good_pair_has_no_fault_and_counts_its_sound_once(
    faults: Faults, row: MakeRow, tmp_path: Path
) -> None:
    assert faults([pair(row)], RANKING, cutoff_len=100, trains=True, stage="dpo") == ""
    job = Job("d", tmp_path / "dataset_info.json", tmp_path)
    [summary] = check_datasets([job], Findings("d"))
    assert summary.row() == ("d", "1", "0.00", "25", "25", "0", "0", "0")


@pytest.mark.parametrize(
    ("chosen", "rejected", "message"),
    [
        ("sad", "sad", "its chosen and its rejected answer are the same"),
        ("sad", None, "has no message under 'chosen' or 'rejected'"),
        ("sad", "<audio> happy", "2 <audio> in the messages for 1 audios"),
        ("sad", {"role": "user", "content": "happy"}, "roles are ['user', 'user']"),
        ({"role": "assistant"}, "happy", "a message without text"),
        ("sad", " ", "has an empty message"),
        ("sad", "happy " * 50, "do not fit cutoff_len 100"),
    ],
)
def test_a_bad_pair_is_named(
    faults: Faults, row: MakeRow, chosen: Any, rejected: Any, message: str
) -> None:
    rows = [pair(row), pair(row, chosen=chosen, rejected=rejected)]
    found = faults(rows, RANKING, cutoff_len=100, trains=True, stage="dpo")
    assert found.count("d.json: row 1: ") == 1
    assert message in found


def test_what_both_readings_of_a_pair_share_is_told_once(faults: Faults, row: MakeRow) -> None:
    bad = pair(row)
    bad["messages"][0]["content"] = "What?"
    assert faults([bad], RANKING).count("0 <audio> in the messages") == 1


@pytest.mark.parametrize(
    ("entry", "stage", "message"),
    [
        (RANKING, "sft", "stage sft accepts no ranking dataset, and 'd' is one"),
        ({}, "dpo", "stage dpo needs a ranking dataset, and 'd' is not one"),
        ({"ranking": True}, "dpo", "dataset 'd' names no chosen, rejected"),
    ],
)
def test_a_dataset_that_the_stage_refuses_is_named(
    faults: Faults, row: MakeRow, entry: dict[str, Any], stage: str, message: str
) -> None:
    assert message in faults([row()], entry, stage=stage)


def test_a_test_split_that_says_when_to_stop_is_named(
    faults: Faults, row: MakeRow, tmp_path: Path
) -> None:
    line = {"id": "c/1", "split": "test1", "audio": "a.wav"}
    (tmp_path / "d.manifest.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    assert faults([row()]) == ""
    assert "1 rows of split 'test1' are used for early stopping" in faults([row()], chooses=True)
