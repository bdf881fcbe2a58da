from __future__ import annotations

import re
import wave
from collections import Counter
from pathlib import Path

import pytest

from whyser.demo.native_iemocap import CODES, DIALOGUES, WORDS

HEAD = re.compile(
    r"^\[(\d+\.\d+) - (\d+\.\d+)\]\t(\S+)\t(\w{3})\t\[([\d.]+), ([\d.]+), ([\d.]+)\]$"
)
NAME = re.compile(r"(Ses0[1-5][FM]_(?:impro\d\d[ab]?|script\d\d_\d[ab]?))_([FM])(\d{3})")
SPOKEN = re.compile(r"^(Ses\S+)\s+\[[\d.]+-[\d.]+\]:\s*(.*)$")
CODE_OF_WORD = {WORDS[name]: CODES[name] for name in WORDS}


@pytest.fixture(scope="module")
def root(corpora: Path) -> Path:
    return corpora / "iemocap"


@pytest.fixture(scope="module")
def blocks(root: Path) -> list[list[str]]:
    result = []
    for path in sorted(root.glob("Session*/dialog/EmoEvaluation/Ses*.txt")):
        header, *rest = path.read_text(encoding="latin-1").strip().split("\n\n")
        assert header.startswith("% [START_TIME")
        result += [block.splitlines() for block in rest]
    return result


def test_five_sessions_and_the_prefix_trap(root: Path) -> None:
    assert sorted(path.name for path in root.iterdir()) == [f"Session{n}" for n in range(1, 6)]
    assert {"Ses05M_script01_1", "Ses05M_script01_1b", "Ses03M_impro05a"} <= set(DIALOGUES)
    found = {path.stem for path in root.glob("Session*/dialog/EmoEvaluation/Ses*.txt")}
    assert found == set(DIALOGUES)


def test_the_head_is_the_plurality_of_the_outside_raters(blocks: list[list[str]]) -> None:
    codes: Counter[str] = Counter()
    several = 0
    for head, *lines in blocks:
        match = HEAD.match(head)
        assert match, head
        outside = [line.split("\t")[1] for line in lines if re.match(r"C-E\d+:\t", line)]
        assert len(outside) == 3
        chosen = [[w.strip() for w in words.split(";") if w.strip()] for words in outside]
        several += any(len(words) > 1 for words in chosen)
        (word, top), *rest = Counter(w for words in chosen for w in words).most_common(2)
        expected = "xxx" if rest and rest[0][1] == top else CODE_OF_WORD[word]
        assert match[4] == expected
        codes[expected] += 1
    assert several
    assert set(codes) == set(CODES.values())


def test_actors_rate_themselves_and_attributes_can_be_missing(blocks: list[list[str]]) -> None:
    for head, *lines in blocks:
        speaker = NAME.fullmatch(head.split("\t")[1])
        assert speaker
        assert sum(line.startswith(f"C-{speaker[2]}1:\t") for line in lines) == 1
        assert sum(bool(re.match(r"A-E\d+:\t", line)) for line in lines) >= 2
    assert any("dom  ;" in line for block in blocks for line in block)


def test_transcripts_hold_more_than_the_ratings(root: Path, blocks: list[list[str]]) -> None:
    rated = {block[0].split("\t")[1] for block in blocks}
    spoken, stray = {}, []
    for path in root.glob("Session*/dialog/transcriptions/Ses*.txt"):
        for line in path.read_text(encoding="latin-1").splitlines():
            if match := SPOKEN.match(line):
                spoken[match[1]] = match[2]
            else:
                stray.append(line)
    assert rated < set(spoken)
    assert stray
    assert all(line.startswith(("M: ", "F: ")) for line in stray)


def test_each_rated_turn_has_its_clip_as_long_as_its_times(
    root: Path, blocks: list[list[str]]
) -> None:
    for block in blocks:
        start, end, name = HEAD.match(block[0]).groups()[:3]  # type: ignore[union-attr]
        path = root / f"Session{name[4]}" / "sentences" / "wav" / name.rsplit("_", 1)[0]
        with wave.open(str(path / f"{name}.wav")) as clip:
            seconds = clip.getnframes() / clip.getframerate()
        assert seconds == pytest.approx(float(end) - float(start), abs=0.001)


def test_apple_double_files_lie_about(root: Path) -> None:
    assert {path.suffix for path in root.rglob("._*")} == {".txt", ".wav"}
