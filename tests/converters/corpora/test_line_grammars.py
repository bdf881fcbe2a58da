"""Whatever a line contains: no traceback, every dropped item reported, no other line affected.

The tests damage files in two ways. `damaged` makes any change: a converter must read the file with
a log that adds up, or say why it cannot read the whole file. `other_line` damages one line without
adding or removing lines: every utterance that the line is not about must stay the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whyser.io.errors import InputError
from whyser.records.utterance import Utterance
from whyser_converters.corpora.conversion_log import ConversionLog
from whyser_converters.corpora.crema_d import prepare_crema_d
from whyser_converters.corpora.iemocap import prepare_iemocap
from whyser_converters.corpora.meld import prepare_meld
from whyser_converters.corpora.msp_podcast import prepare_msp_podcast
from whyser_converters.corpora.ravdess import prepare_ravdess

Prepare = Callable[..., Iterator[Utterance]]

TURNS = [f"MSP-PODCAST_0001_{number:04}" for number in (8, 139, 140)]
CONSENSUS = "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n" + "".join(
    f"{turn}.wav,N,2.4,4.0,2.8,30,Male,Test1\n" for turn in TURNS
)
VOTE = "WORKER00000001; Other-confused; Concerned,Confused; A:3.000000; V:3.000000; D:4.000000;"
PLAIN_VOTE = "WORKER00000018; Neutral; A:1.000000; V:4.000000; D:2.000000;"
DETAILED = "FileName,EmoDetail\n" + "".join(
    f'{turn}.wav,{PLAIN_VOTE}\n{turn}.wav,"{VOTE}"\n' for turn in TURNS
)
FIELDS = "FileName,WorkerID,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom\n" + "".join(
    f'{turn}.wav,W1,Neutral,"Neutral,Sad",1,2,3\n{turn}.wav,W2,Sad,Sad,1,2,3\n' for turn in TURNS
)
LABELS_TXT = "\n".join(
    f"{turn}.wav; N; A:2.4; V:4.0; D:2.8;\n{VOTE}\n{PLAIN_VOTE}\n" for turn in TURNS
)
PARTITION = "".join(f"Test1; {turn}.wav\n" for turn in TURNS)

TALK = "Ses01F_impro01"
EVALUATION = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n" + "\n".join(
    f"[6.2901 - 8.2357]\t{TALK}_F00{number}\tneu\t[2.5000, 2.5000, 2.5000]\n"
    "C-E2:\tNeutral; Anger;\t()\nC-F1:\tNeutral;\t(curious)\nA-E3:\tval 3; act 2; dom  ;\t()\n"
    for number in range(3)
)
SPOKEN = "".join(f"{TALK}_F00{number} [006.2901-008.2357]: Excuse me.\n" for number in range(3))

MELD_HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    "StartTime,EndTime\r\n"
)
MELD = MELD_HEADER + "".join(
    f'{number},"Oh my God, he\u2019s lost it.",Phoebe,sadness,negative,0,{number},4,7,'
    '"00:20:57,256","0:21:00,049"\r\n'
    for number in range(3)
)

CREMA_D = '"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"\n' + "".join(
    f'"10000{number}",0,0,0,1,10,0,"1001_{sentence}_NEU_XX",11,0.9,"N"\n'
    for number, sentence in enumerate(("IEO", "TIE", "IOM"), 1)
)
RESPONSES = (
    '"","localid","ttr","queryType","questNum","clipName","sessionNums","respEmo"\n'
    + "".join(
        f'"{number}","r{number}",3000,1,5,"1001_{sentence}_NEU_XX",{number},"N"\n'
        for number, sentence in enumerate(("IEO", "TIE", "IOM"), 1)
    )
)

#: What stands between the fields of the five corpora, and what has gone wrong in others.
SPOILS = st.text(max_size=6) | st.sampled_from(
    [*';,":\t\n\r -[]%(/0\0\ufeff\x85\x92\u2028\u00e9', "<audio>", "A:", "Ses", ".wav", "9" * 5000]
)
#: The same without what ends a line; a quote that is never closed is among them.
SPOILS_OF_A_LINE = SPOILS.filter(lambda text: not set(text) & set("\n\r\x0b\x0c\x1c\x1d\x1e"))


@st.composite
def damaged(draw: st.DrawFn, text: str) -> bytes:
    """The text with up to four spots replaced, now and then cut short or with a stray byte."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        stop = draw(st.integers(start, min(len(text), start + draw(st.sampled_from([0, 1, 40])))))
        text = text[:start] + draw(SPOILS) + text[stop:]
    data = text.encode("utf-8", "replace")
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.binary(max_size=2)) + draw(st.sampled_from([data, b""]))
    return data


@st.composite
def one_line_spoilt(draw: st.DrawFn, text: str) -> tuple[int, bytes]:
    """The number of a line (never the first) and the text with that line damaged inside itself."""
    lines = text.splitlines(keepends=True)
    number = draw(st.sampled_from([n for n, line in enumerate(lines) if n and line.strip()]))
    line = lines[number]
    body = line.rstrip("\r\n")
    start = draw(st.integers(0, len(body)))
    stop = draw(st.integers(start, min(len(body), start + draw(st.sampled_from([0, 1, 40])))))
    middle = draw(SPOILS_OF_A_LINE).encode("utf-8", "replace")
    if draw(st.booleans()):
        middle += draw(st.sampled_from([b"\xff", b"\x81", b'"', b'"""', b"\0"]))
    before, after = "".join(lines[:number]), "".join(lines[number + 1 :])
    spoilt = body[:start].encode() + middle + body[stop:].encode() + line[len(body) :].encode()
    return number, before.encode() + spoilt + after.encode()


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


FAST = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

Files = dict[str, bytes | str]


def lay(root: Path, files: Files) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def read(prepare: Prepare, root: Path, files: Files) -> tuple[list[Utterance], ConversionLog]:
    lay(root, files)
    log = ConversionLog()
    utterances = list(prepare(root, log=log))
    log.close()
    return utterances, log


def adds_up(prepare: Prepare, root: Path, files: Files) -> None:
    """Utterances that can be written and a log that adds up, or one clear error."""
    try:
        utterances, log = read(prepare, root, files)
    except InputError as error:
        assert str(error)
        return
    assert log.read == len(utterances) + sum(log.dropped.values())
    for utterance in utterances:
        line = utterance.model_dump_json()
        assert "\n" not in line
        assert Utterance.model_validate_json(line) == utterance
    for problem in log.problems:
        str(problem).encode("utf-8", "backslashreplace")
        assert problem.file
    # What is dropped has been said to be faulty, and what is faulty ends a strict run.
    assert bool(log.dropped) <= bool(log.problems)
    if log.problems:
        with pytest.raises(InputError):
            list(prepare(root))


@dataclass(frozen=True)
class Grammar:
    """A file of three utterances, the others it needs, and the utterance that a line is about.

    `about` is the position of the utterance, by the number of the line counted from 0; in
    `candidates` every line is one, so that a line that is spoilt is still read.
    """

    prepare: Prepare
    file: str
    text: str
    others: Files
    about: Callable[[int], int]
    candidates: bool = False


GRAMMARS = {
    "msp_podcast consensus": Grammar(
        prepare_msp_podcast,
        "Labels/labels_consensus.csv",
        CONSENSUS,
        {"Labels/labels_detailed.csv": DETAILED},
        lambda line: line - 1,
        candidates=True,
    ),
    "msp_podcast votes": Grammar(
        prepare_msp_podcast,
        "Labels/labels_detailed.csv",
        DETAILED,
        {"Labels/labels_consensus.csv": CONSENSUS},
        lambda line: (line - 1) // 2,
    ),
    "msp_podcast votes by field": Grammar(
        prepare_msp_podcast,
        "Labels/labels_detailed.csv",
        FIELDS,
        {"Labels/labels_consensus.csv": CONSENSUS},
        lambda line: (line - 1) // 2,
    ),
    "msp_podcast labels.txt": Grammar(
        prepare_msp_podcast,
        "Labels/labels.txt",
        LABELS_TXT,
        {"Labels/labels_consensus.csv": CONSENSUS},
        lambda line: line // 4,
    ),
    "msp_podcast partition": Grammar(
        prepare_msp_podcast,
        "Partitions.txt",
        PARTITION,
        {"Labels/labels_consensus.csv": CONSENSUS.replace(",Test1", ",")},
        lambda line: line,
    ),
    "iemocap evaluation": Grammar(
        prepare_iemocap,
        f"Session1/dialog/EmoEvaluation/{TALK}.txt",
        EVALUATION,
        {f"Session1/dialog/transcriptions/{TALK}.txt": SPOKEN},
        lambda line: (line - 2) // 5,
    ),
    "iemocap transcripts": Grammar(
        prepare_iemocap,
        f"Session1/dialog/transcriptions/{TALK}.txt",
        SPOKEN,
        {f"Session1/dialog/EmoEvaluation/{TALK}.txt": EVALUATION},
        lambda line: line,
    ),
    "meld": Grammar(
        prepare_meld, "train_sent_emo.csv", MELD, {}, lambda line: line - 1, candidates=True
    ),
    "crema_d counts": Grammar(
        prepare_crema_d, "processedResults/tabulatedVotes.csv", CREMA_D, {}, lambda line: line - 1
    ),
    "crema_d answers": Grammar(
        prepare_crema_d,
        "finishedResponses.csv",
        RESPONSES,
        {"processedResults/tabulatedVotes.csv": CREMA_D},
        lambda line: line - 1,
    ),
}


@pytest.mark.parametrize("name", GRAMMARS)
@FAST
@given(data=st.data())
def test_the_log_adds_up(folder: Path, name: str, data: st.DataObject) -> None:
    grammar = GRAMMARS[name]
    files: Files = {**grammar.others, grammar.file: data.draw(damaged(grammar.text))}
    adds_up(grammar.prepare, folder / name, files)


@pytest.mark.parametrize("name", GRAMMARS)
@FAST
@given(data=st.data())
def test_one_bad_line_costs_one_utterance(folder: Path, name: str, data: st.DataObject) -> None:
    grammar = GRAMMARS[name]
    root = folder / f"one line of {name}"
    whole, _ = read(grammar.prepare, root, {**grammar.others, grammar.file: grammar.text})
    assert len(whole) == 3
    number, spoilt = data.draw(one_line_spoilt(grammar.text))
    files: Files = {**grammar.others, grammar.file: spoilt}
    found, log = read(grammar.prepare, root, files)
    assert log.read == len(found) + sum(log.dropped.values())
    # It may have become a line about another of the three, which it then spoils instead.
    line = spoilt.split(b"\n")[number]
    named = {turn.id for turn in whole if turn.id.partition("/")[2].encode() in line}
    touched = {whole[grammar.about(number)].id, *named}
    spared = [turn for turn in whole if turn.id not in touched]
    assert [turn for turn in found if turn.id in {each.id for each in spared}] == spared
    if grammar.candidates:
        assert log.read == 3


@FAST
@given(rows=damaged(CONSENSUS), partition=damaged(PARTITION))
def test_msp_podcast_consensus_and_partition(folder: Path, rows: bytes, partition: bytes) -> None:
    files: Files = {"Labels/labels_consensus.csv": rows, "Partition.txt": partition}
    adds_up(prepare_msp_podcast, folder / "consensus", files)


@FAST
@given(demographics=damaged('"ActorID","Sex"\n1001,"Male"\n'), clicks=damaged(
    '"","ttr","queryType","sessionNums","questNum"\n"1",10001,1,1,5\n'
))  # fmt: skip
def test_crema_d_actors_and_first_clicks(folder: Path, demographics: bytes, clicks: bytes) -> None:
    files: Files = {
        "processedResults/tabulatedVotes.csv": CREMA_D,
        "finishedResponses.csv": RESPONSES,
        "finishedEmoResponses.csv": clicks,
        "VideoDemographics.csv": demographics,
    }
    adds_up(prepare_crema_d, folder / "crema_d", files)


@settings(max_examples=50, deadline=None)
@given(stem=st.text("0123456789-x ", min_size=1, max_size=24))
def test_ravdess_names(stem: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        files: Files = {
            f"Actor_01/{stem}.wav": b"",
            f"Actor_01/03-01-{stem}-01.wav": b"",
            "Actor_01/03-01-03-01-01-01-01.wav": b"",
        }
        utterances, log = read(prepare_ravdess, Path(name), files)
        assert log.read == len(utterances) + sum(log.dropped.values())
        written = len(list(Path(name).rglob("*.wav")))
        assert log.read + sum(log.unused.values()) == written
        assert "ravdess/03-01-03-01-01-01-01" in {item.id for item in utterances}


@FAST
@given(spaces=st.lists(st.sampled_from(["", " ", "  ", "\t"]), min_size=6, max_size=6))
def test_spaces_around_the_fields_of_a_vote_change_nothing(folder: Path, spaces: list[str]) -> None:
    fields = ["WORKER00000018", "Neutral", "Neutral,Sad", "A:1.0", "V:4.0", "D:2.0"]
    pairs = zip(spaces, fields, strict=True)
    padded = "; ".join(f"{space}{field}{space}" for space, field in pairs) + ";"
    root = folder / "spaces"
    (root / "Labels").mkdir(parents=True, exist_ok=True)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS)
    (root / "Labels/labels.txt").write_text(f"{TURNS[0]}.wav; N; A:1; V:4; D:2;\n{padded}\n")
    utterance = next(prepare_msp_podcast(root))
    (vote,) = utterance.votes
    assert (vote.rater, vote.primary, vote.raw) == ("WORKER00000018", "neutral", "Neutral")
    assert vote.secondary == ("neutral", "sad")


@pytest.mark.parametrize("vote", ["W1; ; Sad; A:1; V:2; D:3;", " ; Sad; Sad; A:1; V:2; D:3;"])
def test_a_vote_without_a_rater_or_a_choice_is_refused(folder: Path, vote: str) -> None:
    root = folder / "blank"
    (root / "Labels").mkdir(parents=True, exist_ok=True)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS)
    (root / "Labels/labels_detailed.csv").write_text(f"FileName,EmoDetail\n{TURNS[0]}.wav,{vote}\n")
    with pytest.raises(InputError, match="malformed vote") as caught:
        list(prepare_msp_podcast(root))
    assert (Path(str(caught.value.file)).name, caught.value.line) == ("labels_detailed.csv", 2)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("04-01-03-01-01-01-01", "modality code '04'"),
        ("03-03-03-01-01-01-01", "channel code '03'"),
        ("03-01-03-03-01-01-01", "intensity code '03'"),
        ("03-01-03-01-01-03-01", "repetition code '03'"),
    ],
)
def test_every_field_of_a_ravdess_name_is_checked(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / "Actor_01").mkdir()
    (tmp_path / f"Actor_01/{name}.wav").touch()
    with pytest.raises(InputError, match=f"bad {what}"):
        list(prepare_ravdess(tmp_path))


def test_iemocap_lines_that_are_not_votes_may_be_empty(tmp_path: Path) -> None:
    path = tmp_path / f"Session1/dialog/EmoEvaluation/{TALK}.txt"
    path.parent.mkdir(parents=True)
    path.write_text(EVALUATION.replace("val 3; act 2; dom  ;\t()", "") + "A-F1:\n")
    utterances = list(prepare_iemocap(tmp_path))
    assert [[vote.raw for vote in each.votes] for each in utterances] == [["Neutral"]] * 3


def test_iemocap_dialogs_of_which_one_name_begins_another(tmp_path: Path) -> None:
    """Both hold an M001, and only the dialog tells them apart."""
    dialogs = ("Ses05M_script01_1", "Ses05M_script01_1b")
    for name in dialogs:
        folder = tmp_path / "Session5/dialog"
        for kind, text in (
            ("EmoEvaluation", f"[1.0 - 2.0]\t{name}_M001\tang\t[1.5, 4.0, 4.5]\n"),
            ("transcriptions", f"{name}_M001 [001.0-002.0]: Of {name}.\n"),
        ):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            (folder / kind / f"{name}.txt").write_text(text)
    utterances = list(prepare_iemocap(tmp_path))
    assert [item.transcript for item in utterances] == [f"Of {name}." for name in dialogs]
    assert [str(item.audio).split("/")[3] for item in utterances] == list(dialogs)
    assert {item.speaker for item in utterances} == {"iemocap/Ses05M"}


@pytest.mark.parametrize("dialogs", [("Ses03M_impro05a", "Ses03M_impro05b")])
def test_iemocap_dialogs_in_two_parts(tmp_path: Path, dialogs: tuple[str, str]) -> None:
    folder = tmp_path / "Session3/dialog/EmoEvaluation"
    folder.mkdir(parents=True)
    for name in dialogs:
        (folder / f"{name}.txt").write_text(f"[1.0 - 2.0]\t{name}_F001\tang\t[1.5, 4.0, 4.5]\n")
        # The distribution holds AppleDouble files.
        (folder / f"._{name}.txt").write_bytes(b"\0\5\x16\7")
    utterances = list(prepare_iemocap(tmp_path))
    assert [item.dialogue for item in utterances] == [f"iemocap/{name}" for name in dialogs]
    assert {item.session for item in utterances} == {"iemocap/Ses03"}
