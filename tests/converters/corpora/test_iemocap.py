from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from whyser.records.utterance import AttributeVote

IMPRO = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Frustration; Excited;\t()
C-E4:\tOther;\t(sarcastic)
C-F1:\tAnger;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-E4:\tval 2; act 3; dom  ;\t(mildly aggravated but staying polite, attitude)
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[2.5000, 3.0000, 3.0000]
C-E2:\tExcited;\t()
C-E3:\tExcited; Happiness;\t()
C-E6:\tHappiness;\t()
C-M1:\tNeutral; Anger;\t()

[19.2900 - 20.7875]\tSes01F_impro01_F003\txxx\t[2.5000, 3.0000, 3.0000]
C-E2:\tSadness;\t()
C-E3:\tAnger;\t(caf\xe9)
"""

TRANSCRIPTS = """Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
M: So.
Ses01F_impro01_M000 [010.0100-011.3925]: [LAUGHTER]  Yes!
Ses01F_impro01_M001 [012.0100-012.3925]: Not in the evaluation.
"""

SCRIPT = """% head

[1.0000 - 2.0000]\t{name}\tang\t[1.5000, 4.0000, 4.5000]
C-E1:\tAnger;\t()
"""

SCRIPTS = {
    4: "Ses04M_script01_1",
    5: "Ses05M_script01_1b",
}


@pytest.fixture
def iemocap(tmp_path: Path, write_text: Any, write_wav: Any) -> Path:
    root = tmp_path / "IEMOCAP_full_release"
    ids = ["Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses01F_impro01_F003"]
    dialog = root / "Session1/dialog"
    write_text(dialog / "EmoEvaluation/Ses01F_impro01.txt", IMPRO, encoding="latin-1")
    write_text(dialog / "EmoEvaluation/._Ses01F_impro01.txt", "\0\5\x16\7 AppleDouble")
    write_text(dialog / "EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", "not read")
    write_text(dialog / "transcriptions/Ses01F_impro01.txt", TRANSCRIPTS)
    for session, name in SCRIPTS.items():
        ids.append(f"{name}_F001")
        dialog = root / f"Session{session}/dialog"
        write_text(dialog / f"EmoEvaluation/{name}.txt", SCRIPT.format(name=ids[-1]))
        text = f"{ids[-1]} [001.0000-002.0000]: Of {name}.\n"
        write_text(dialog / f"transcriptions/{name}.txt", text)
    for name in ids:
        folder = root / f"Session{name[4]}/sentences/wav/{name[:-5]}"
        write_wav(folder / f"{name}.wav")
    return root


def edit(root: Path, old: str, new: str, kind: str = "EmoEvaluation") -> None:
    path = root / f"Session1/dialog/{kind}/Ses01F_impro01.txt"
    text = path.read_text("latin-1")
    assert old in text
    path.write_text(text.replace(old, new), "latin-1")


def test_turns_become_utterances(converted: Any, iemocap: Path) -> None:
    result = converted("iemocap", iemocap)
    assert [item.id for item in result.utterances] == [
        "iemocap/Ses01F_impro01_F000",
        "iemocap/Ses01F_impro01_M000",
        "iemocap/Ses01F_impro01_F003",
        "iemocap/Ses04M_script01_1_F001",
        "iemocap/Ses05M_script01_1b_F001",
    ]
    assert [item.split for item in result.utterances] == ["train"] * 3 + ["dev", "test"]
    first = result.utterances[0]
    assert (first.label, first.label_raw, first.transcript) == ("neutral", "neu", "Excuse me.")
    assert first.audio == "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    assert result.card["audio_root"] == str(iemocap.resolve())
    assert "contempt" not in result.card["classes"]


def test_external_raters_only_first_label_is_primary(converted: Any, iemocap: Path) -> None:
    votes = converted("iemocap", iemocap, "--no-audio")["iemocap/Ses01F_impro01_F000"].votes
    assert [vote.rater for vote in votes] == ["E2", "E3", "E4"]
    assert [vote.primary for vote in votes] == ["neutral", "neutral", "other"]
    assert votes[1].secondary == ("frustration", "excited")
    assert [vote.raw for vote in votes] == ["Neutral", "Neutral", "Other (sarcastic)"]


def test_speaker_is_the_last_token(converted: Any, iemocap: Path) -> None:
    """Ses01F is who wears the markers; M000 is spoken by the man."""
    result = converted("iemocap", iemocap, "--no-audio")
    man = result["iemocap/Ses01F_impro01_M000"]
    assert (man.speaker, man.gender) == ("iemocap/Ses01M", "male")
    woman = result["iemocap/Ses04M_script01_1_F001"]
    assert (woman.speaker, woman.gender) == ("iemocap/Ses04F", "female")


def test_codes_without_a_class(converted: Any, iemocap: Path) -> None:
    result = converted("iemocap", iemocap, "--no-audio")
    excited = result["iemocap/Ses01F_impro01_M000"]
    assert (excited.label, excited.label_raw) == ("other", "exc")
    assert excited.primaries == ("other", "other", "happy")
    none = result["iemocap/Ses01F_impro01_F003"]
    assert (none.label, none.label_raw, none.transcript) == (None, "xxx", "")


def test_merge_exc(converted: Any, iemocap: Path) -> None:
    result = converted("iemocap", iemocap, "--no-audio", "--merge", "exc=happiness")
    excited = result["iemocap/Ses01F_impro01_M000"]
    assert (excited.label, excited.label_raw) == ("happy", "exc")
    assert excited.primaries == ("happy", "happy", "happy")
    assert (excited.votes[0].raw, excited.votes[1].secondary) == ("Excited", ("happy",))
    neutral = result["iemocap/Ses01F_impro01_F000"]
    assert neutral.votes[1].secondary == ("frustration", "happy")
    assert result.card["options"]["merge"] == "exc=happy"


def test_transcripts_are_joined_by_exact_id(converted: Any, iemocap: Path) -> None:
    """script01_1 is a prefix of script01_1b."""
    result = converted("iemocap", iemocap, "--no-audio")
    assert result["iemocap/Ses05M_script01_1b_F001"].transcript == "Of Ses05M_script01_1b."
    assert result["iemocap/Ses01F_impro01_M000"].transcript == "[LAUGHTER] Yes!"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tneu\t", "\tnue\t", "Ses01F_impro01.txt:3: bad emotion code 'nue'"),
        ("\tneu\t", "\tnue\t", "Did you mean 'neu'?"),
        ("C-E2:\tNeutral;", "C-E2:\tNeutrl;", "impro01.txt:4: bad label 'Neutrl' of annotator E2"),
        ("C-E2:\tNeutral;", "C-E2:\t;", "impro01.txt:4: annotator E2 chose nothing"),
        ("[10.0100 - 11.3925]", "[10.0100 -", "impro01.txt:12: malformed line '[10.0100 -"),
        ("01_M000", "01_X000", "impro01.txt:12: bad utterance id 'Ses01F_impro01_X000'"),
        ("Ses01F_impro01_M000", "Ses02F_impro01_M000", "impro01.txt:12: utterance 'Ses02F_"),
        ("01_F003", "01_F000", "impro01.txt:18: duplicate id 'iemocap/Ses01F_impro01_F000'"),
        ("01_F003", "01_F000", "(first on line 3)"),
        ("C-E3:\tAnger;\t(caf\xe9)\n", "C-E", "impro01.txt:20: malformed line 'C-E'"),
    ],
)
def test_bad_evaluation(faulty: Any, iemocap: Path, old: str, new: str, message: str) -> None:
    edit(iemocap, old, new)
    result = faulty("iemocap", iemocap, message)
    assert (len(result.utterances), result.card["read"]) == (4, 5)
    assert result.card["dropped"] == {"faulty line in Ses01F_impro01.txt": 1}


@pytest.mark.parametrize("faulty_one", ["C-E2:\tSadness;", "C-E2:\tNeutral;"])
def test_a_fault_in_one_of_two_entries_costs_both(
    converted: Any, iemocap: Path, faulty_one: str
) -> None:
    """Which of the two the faulty vote belongs to is not known once they have one name."""
    edit(iemocap, "01_F003", "01_F000")
    edit(iemocap, faulty_one, "C-E2:\tNo;")
    result = converted("iemocap", iemocap)
    assert "iemocap/Ses01F_impro01_F000" not in {item.id for item in result.utterances}
    assert (result.card["read"], len(result.utterances)) == (5, 3)


def test_every_broken_head_of_a_block_is_counted(converted: Any, iemocap: Path) -> None:
    edit(iemocap, "\n\n[19.2900 - 20.7875]\t", "\n[19.2900 - 20.7875] ")
    edit(iemocap, "[10.0100 - 11.3925]\t", "[10.0100 - 11.3925] ")
    result = converted("iemocap", iemocap)
    assert len(result.problems) == 2
    assert (result.card["read"], len(result.utterances)) == (5, 3)


def test_the_votes_below_a_broken_head_are_nobodys(converted: Any, iemocap: Path) -> None:
    edit(iemocap, "[10.0100 - 11.3925]", "10.0100 - 11.3925]")
    result = converted("iemocap", iemocap)
    above = result["iemocap/Ses01F_impro01_F000"]
    assert [vote.rater for vote in above.votes] == ["E2", "E3", "E4"]
    assert (len(result.problems), len(result.utterances)) == (1, 4)
    assert (result.card["read"], result.card["unused"]) == (5, {})


def test_a_gap_among_the_votes_costs_the_utterance_above(converted: Any, iemocap: Path) -> None:
    edit(iemocap, "C-E4:\tOther;\t(sarcastic)\nC-F1", "\nC-E4:\tOther;\t(sarcastic)\nC-F1")
    result = converted("iemocap", iemocap)
    assert "iemocap/Ses01F_impro01_F000" not in {item.id for item in result.utterances}
    assert result.card["dropped"] == {"faulty line in Ses01F_impro01.txt": 1}


def test_a_rater_may_answer_in_two_lines(converted: Any, iemocap: Path) -> None:
    edit(iemocap, "C-E4:\tOther;\t(sarcastic)", "C-E2:\tNeutral; Anger;\t()")
    votes = converted("iemocap", iemocap, "--no-audio")["iemocap/Ses01F_impro01_F000"].votes
    assert [(vote.rater, vote.primary, vote.secondary) for vote in votes] == [
        ("E2", "neutral", ("angry",)),
        ("E3", "neutral", ("frustration", "excited")),
    ]


def test_the_majority_is_recomputed_from_all_labels(converted: Any, iemocap: Path) -> None:
    """Of F000 neutral leads; M000 has excited and happiness twice each; F003 is a tie."""
    result = converted("iemocap", iemocap, "--no-audio")
    assert result.card["consensus"] == {"compared": 5, "different": 1}
    listed = (result.folder / "consensus_differences.csv").read_text()
    assert listed.splitlines()[1:] == ["iemocap/Ses01F_impro01_M000,exc,,exc exc hap hap"]


def test_two_texts_of_one_utterance(faulty: Any, iemocap: Path) -> None:
    """Which of them was spoken must not be guessed; the same text twice is one."""
    line = "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n"
    edit(iemocap, line, line + line.replace("me", "him"), "transcriptions")
    message = "transcriptions/Ses01F_impro01.txt:2: 'Ses01F_impro01_F000' has two texts"
    assert len(faulty("iemocap", iemocap, message).utterances) == 4
    edit(iemocap, "him", "me", "transcriptions")


def test_stage_marks_may_be_removed(converted: Any, iemocap: Path) -> None:
    result = converted("iemocap", iemocap, "--no-audio", "--stage-marks", "remove")
    assert result["iemocap/Ses01F_impro01_M000"].transcript == "Yes!"
    assert result["iemocap/Ses01F_impro01_F000"].transcript == "Excuse me."


@pytest.mark.parametrize("test", [1, 2, 3, 4, 5])
def test_one_session_is_left_out(converted: Any, iemocap: Path, test: int) -> None:
    items = converted(
        "iemocap", iemocap, "--no-audio", "--split-scheme", f"session_{test}"
    ).utterances
    for item in items:
        session = int(item.id.partition("Ses0")[2][0])
        expected = {test: "test", test - 1 or 5: "dev"}.get(session, "train")
        assert (item.dialogue, item.split) == (item.id.rpartition("_")[0], expected)


def test_reserved_mark_names_the_transcript(faulty: Any, iemocap: Path) -> None:
    edit(iemocap, "Yes!", "Yes <audio>!", "transcriptions")
    message = "transcriptions/Ses01F_impro01.txt:3: transcript contains '<audio>'"
    faulty("iemocap", iemocap, message, "--no-audio")


def test_transcript_cut_short(faulty: Any, iemocap: Path) -> None:
    edit(iemocap, "-012.3925]: Not in the evaluation.\n", "", "transcriptions")
    result = faulty("iemocap", iemocap, "transcriptions/Ses01F_impro01.txt:4: malformed line")
    # The evaluation knows no such utterance, so none is lost.
    assert result.card["unused"] == {"faulty line in Ses01F_impro01.txt": 1}
    assert len(result.utterances) == 5


@pytest.mark.parametrize("folder", ["EmoEvaluation", "transcriptions"])
def test_a_pipe_costs_its_dialog_or_its_texts(faulty: Any, iemocap: Path, folder: str) -> None:
    path = iemocap / f"Session1/dialog/{folder}/Ses01F_impro01.txt"
    path.unlink()
    os.mkfifo(path)
    result = faulty("iemocap", iemocap, f"{path}: is a pipe, a socket or a device, not a file")
    texts = {item.transcript for item in result.utterances if "impro01" in item.id}
    assert texts == (set() if folder == "EmoEvaluation" else {""})
    assert result.card["unused"]["faulty line in Ses01F_impro01.txt"] == 1


def test_a_loop_of_links_costs_its_dialog(faulty: Any, iemocap: Path) -> None:
    path = iemocap / "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    path.unlink()
    path.symlink_to(path.name)
    result = faulty("iemocap", iemocap, f"{path}: cannot be read (Too many levels of symbolic")
    assert result.utterances and not any("impro01" in item.id for item in result.utterances)


def test_files_in_utf_16_are_read(converted: Any, iemocap: Path) -> None:
    usual = converted("iemocap", iemocap).utterances
    for folder in ("EmoEvaluation", "transcriptions"):
        for path in (iemocap / "Session1/dialog" / folder).glob("Ses*.txt"):
            path.write_text(path.read_text("latin-1"), "utf-16")
    assert converted("iemocap", iemocap).utterances == usual


def test_evaluators_attributes_are_kept_and_the_actors_own_are_not(
    converted: Any, iemocap: Path
) -> None:
    # E5 rated the attributes and gave no label.
    edit(iemocap, "A-F1:\tval 3", "A-E5:\tact 5; val 1; dom 4;\t()\nA-F1:\tval 3")
    first = converted("iemocap", iemocap, "--no-audio")["iemocap/Ses01F_impro01_F000"]
    rated = [(vote.rater, vote.valence, vote.arousal, vote.dominance) for vote in first.votes]
    assert rated == [("E2", None, None, None), ("E3", 3, 2, 2), ("E4", 2, 3, None)]
    assert first.attribute_votes == (AttributeVote(rater="E5", arousal=5, valence=1, dominance=4),)
    assert first.attribute_means == {"arousal": 10 / 3, "valence": 2, "dominance": 3}
    assert first.attributes == {}


def test_the_head_lines_means_are_compared_or_kept(converted: Any, iemocap: Path) -> None:
    result = converted("iemocap", iemocap, "--no-audio")
    assert list(result.card["attributes"].items()) == [
        (name, [1.0, 5.0]) for name in ("arousal", "valence", "dominance")
    ]
    assert result.card["attribute_means"] == {"compared": 3, "different": 1}
    assert (result.folder / "attribute_differences.csv").read_text().splitlines()[1:] == [
        "iemocap/Ses01F_impro01_F000,dominance,2.5,2.0"
    ]
    # Nobody's values are there.
    means = {"valence": 1.5, "arousal": 4.0, "dominance": 4.5}
    assert result["iemocap/Ses04M_script01_1_F001"].attributes == means


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("val 3; act 2; dom  2", "val 6; act 2; dom  2", "bad valence '6' of Ses01F_impro01_F000"),
        ("A-E4:\tval 2; act 3; dom  ", "A-E3:\tval 2; act 3; dom 1", "second values 'val 2; act 3"),
    ],
)
def test_a_value_that_is_none_costs_only_itself(
    faulty: Any, iemocap: Path, old: str, new: str, message: str
) -> None:
    edit(iemocap, old, new)
    result = faulty("iemocap", iemocap, message, "--no-audio")
    vote = result["iemocap/Ses01F_impro01_F000"].votes[1]
    assert (vote.rater, vote.arousal) == ("E3", 2)
    assert result.card["unused"]["value of an attribute that is not on its scale"] == 1


def test_a_line_of_other_attributes_is_reported(
    converted: Any, convert: Any, iemocap: Path
) -> None:
    edit(iemocap, "A-E3:\tval 3; act 2; dom  2;", "A-E3:\tval 3; tension 2;")
    edit(iemocap, "[2.5000, 2.5000, 2.5000]", "[2.5000, 2.5000]")
    result = converted("iemocap", iemocap, "--no-audio")
    # Three values of the vote, and the head's.
    assert result.card["unused"] == {"value of an attribute that is not on its scale": 4}
    first = result["iemocap/Ses01F_impro01_F000"]
    assert (first.votes[1].valence, first.votes[2].valence) == (None, 2)
