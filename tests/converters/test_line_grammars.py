"""Whatever a line has become, a converter reads it or says what is wrong with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whyser.errors import InputError
from whyser.utterance import Utterance
from whyser_converters.crema_d import prepare_crema_d
from whyser_converters.iemocap import prepare_iemocap
from whyser_converters.meld import prepare_meld
from whyser_converters.msp_podcast import prepare_msp_podcast
from whyser_converters.ravdess import prepare_ravdess

TURN = "MSP-PODCAST_0001_0139.wav"
CONSENSUS = (
    "FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set\n"
    f"{TURN},N,2.4,4.0,2.8,30,Male,Test1\n"
)
VOTE = "WORKER00000001; Other-confused; Concerned,Confused; A:3.000000; V:3.000000; D:4.000000;"
PLAIN_VOTE = "WORKER00000018; Neutral; A:1.000000; V:4.000000; D:2.000000;"

TALK = "Ses01F_impro01"
EVALUATION = (
    "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n"
    f"[6.2901 - 8.2357]\t{TALK}_F000\tneu\t[2.5000, 2.5000, 2.5000]\n"
    "C-E2:\tNeutral; Anger;\t()\nC-F1:\tNeutral;\t(curious)\nA-E3:\tval 3; act 2; dom  ;\t()\n"
)
SPOKEN = f"{TALK}_F000 [006.2901-008.2357]: Excuse me.\n"

MELD = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,"
    'StartTime,EndTime\r\n1,"Oh my God, he\u2019s lost it.",Phoebe,sadness,negative,0,0,4,7,'
    '"00:20:57,256","0:21:00,049"\r\n'
)
CREMA_D = (
    '"","A","D","F","H","N","S","fileName","numResponses"\n'
    '"100001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11\n'
)

#: What stands between the fields of the five corpora, and what has gone wrong in others.
SPOILS = st.text(max_size=6) | st.sampled_from(
    [*';,":\t\n\r -[]%(/0\0\ufeff\x85\x92\u2028\u00e9', "<audio>", "A:", "Ses", ".wav", "9" * 5000]
)


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


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


FAST = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read_or_refused(
    prepare: Callable[[Path], Iterator[Utterance]], root: Path, files: dict[str, bytes | str]
) -> None:
    """Fails for anything but utterances that can be written, or an `InputError`."""
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    try:
        for utterance in prepare(root):
            line = utterance.model_dump_json()
            assert "\n" not in line
            assert Utterance.model_validate_json(line) == utterance
    except InputError as error:
        assert str(error)


@FAST
@given(rows=damaged(f'FileName,EmoDetail\n{TURN},{PLAIN_VOTE}\n{TURN},"{VOTE}"\n'))
def test_msp_podcast_votes_in_a_table(folder: Path, rows: bytes) -> None:
    files = {"Labels/labels_consensus.csv": CONSENSUS, "Labels/labels_detailed.csv": rows}
    read_or_refused(prepare_msp_podcast, folder / "detailed", files)


@FAST
@given(lines=damaged(f"{TURN}; N; A:2.4; V:4.0; D:2.8;\n{VOTE}\n{PLAIN_VOTE}\n\n"))
def test_msp_podcast_votes_in_a_text_file(folder: Path, lines: bytes) -> None:
    files = {"Labels/labels_consensus.csv": CONSENSUS, "Labels/labels.txt": lines}
    read_or_refused(prepare_msp_podcast, folder / "text", files)


@FAST
@given(rows=damaged(CONSENSUS), partition=damaged(f"Test1; {TURN}\n"))
def test_msp_podcast_consensus_and_partition(folder: Path, rows: bytes, partition: bytes) -> None:
    files = {"Labels/labels_consensus.csv": rows, "Partition.txt": partition}
    read_or_refused(prepare_msp_podcast, folder / "consensus", files)


@FAST
@given(lines=damaged(EVALUATION))
def test_iemocap_head_and_rater_lines(folder: Path, lines: bytes) -> None:
    name = f"Session1/dialog/EmoEvaluation/{TALK}.txt"
    read_or_refused(prepare_iemocap, folder / "evaluation", {name: lines})


@FAST
@given(lines=damaged(SPOKEN))
def test_iemocap_transcripts(folder: Path, lines: bytes) -> None:
    files: dict[str, bytes | str] = {
        f"Session1/dialog/EmoEvaluation/{TALK}.txt": EVALUATION,
        f"Session1/dialog/transcriptions/{TALK}.txt": lines,
    }
    read_or_refused(prepare_iemocap, folder / "transcripts", files)


@FAST
@given(rows=damaged(MELD))
def test_meld_rows(folder: Path, rows: bytes) -> None:
    read_or_refused(prepare_meld, folder / "meld", {"train_sent_emo.csv": rows})


@FAST
@given(rows=damaged(CREMA_D), demographics=damaged('"ActorID","Sex"\n1001,"Male"\n'))
def test_crema_d_rows(folder: Path, rows: bytes, demographics: bytes) -> None:
    files = {"processedResults/tabulatedVotes.csv": rows, "VideoDemographics.csv": demographics}
    read_or_refused(prepare_crema_d, folder / "crema_d", files)


@settings(max_examples=50, deadline=None)
@given(stem=st.text("0123456789-x ", min_size=1, max_size=24))
def test_ravdess_names(stem: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        read_or_refused(prepare_ravdess, Path(name), {f"Actor_01/{stem}.wav": b""})
        read_or_refused(prepare_ravdess, Path(name), {f"Actor_01/03-01-{stem}-01.wav": b""})


@FAST
@given(spaces=st.lists(st.sampled_from(["", " ", "  ", "\t"]), min_size=6, max_size=6))
def test_spaces_around_the_fields_of_a_vote_change_nothing(folder: Path, spaces: list[str]) -> None:
    fields = ["WORKER00000018", "Neutral", "Neutral,Sad", "A:1.0", "V:4.0", "D:2.0"]
    pairs = zip(spaces, fields, strict=True)
    padded = "; ".join(f"{space}{field}{space}" for space, field in pairs) + ";"
    root = folder / "spaces"
    (root / "Labels").mkdir(parents=True, exist_ok=True)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS)
    (root / "Labels/labels.txt").write_text(f"{TURN}; N; A:1; V:4; D:2;\n{padded}\n")
    (utterance,) = prepare_msp_podcast(root)
    (vote,) = utterance.votes
    assert (vote.rater, vote.primary, vote.raw) == ("WORKER00000018", "neutral", "Neutral")
    assert vote.secondary == ("neutral", "sad")


@pytest.mark.parametrize("vote", ["W1; ; Sad; A:1; V:2; D:3;", " ; Sad; Sad; A:1; V:2; D:3;"])
def test_a_vote_without_a_rater_or_a_choice_is_refused(folder: Path, vote: str) -> None:
    root = folder / "blank"
    (root / "Labels").mkdir(parents=True, exist_ok=True)
    (root / "Labels/labels_consensus.csv").write_text(CONSENSUS)
    (root / "Labels/labels_detailed.csv").write_text(f"FileName,EmoDetail\n{TURN},{vote}\n")
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
    (utterance,) = prepare_iemocap(tmp_path)
    assert [vote.raw for vote in utterance.votes] == ["Neutral"]


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
