"""Annotation as published corpora write it: their names, columns, marks, languages and encodings.

The rows are made up; the grammar of each is that of its corpus.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Corpus = Callable[[Iterable[str]], Path]


@pytest.fixture
def corpus(tmp_path: Path, write_wav: Any) -> Corpus:
    """A folder with these sound files."""

    def make(names: Iterable[str]) -> Path:
        for name in names:
            write_wav(tmp_path / "corpus" / name, seconds=1.0)
        return tmp_path / "corpus"

    return make


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def understood(convert: Any, tmp_path: Path) -> Callable[..., str]:
    """What a dry run says, without marks of tables and ends of lines."""

    def call(*arguments: object) -> str:
        outcome = convert("table", *arguments, tmp_path / "out", "--name", "mine", "--dry-run")
        assert outcome.status == 0, outcome.err
        return " ".join((outcome.out + outcome.err).split())

    return call


def merges(codes: str) -> list[str]:
    """`A=angry F=fear` as options."""
    return [word for code in codes.split() for word in ("--merge", code)]


def test_emodb(understood: Any, tabled: Any, corpus: Corpus) -> None:
    """Codes of sentences are no transcripts, though the field is called text."""
    folder = corpus(
        f"wav/{s}{t}{e}a.wav" for s in ("03", "08") for t in ("a01", "b03") for e in "WF"
    )
    words = ("--pattern", "{speaker:2}{text:3}{label:1}*.wav", *merges("W=angry F=happy"))
    result = tabled(folder, *words)
    assert {one.transcript for one in result.utterances} == {""}
    said = understood(folder, *words)
    assert "'text' is not taken for the transcript, since it holds codes such as 'a01'" in said
    stated = tabled(folder, *words, "--map", "transcript=text")
    assert {one.transcript for one in stated.utterances} == {"a01", "b03"}


def test_a_transcript_that_nobody_wrote_is_no_code(understood: Any, corpus: Corpus) -> None:
    folder = corpus(["a.wav"])
    table = write(folder / "t.csv", "file,emotion,text\na.wav,sad,\n")
    assert "is not taken for the transcript" not in understood(table)
    table = write(folder / "t.jsonl", '{"file": "a.wav", "emotion": "sad", "words": ["1", "2"]}\n')
    assert "is not taken for the transcript" not in understood(table)


def test_esd(tabled: Any, corpus: Corpus, tmp_path: Path) -> None:
    """Speakers are folders, and transcripts lines of text without a header, one file a speaker."""
    names = [
        f"{s}/{e}/{split}/{s}_{n:06d}.wav"
        for s in ("0001", "0011")
        for n, (e, split) in enumerate((("Angry", "train"), ("Sad", "evaluation")), start=1)
    ]
    folder = corpus(names)
    # Tabs, a comma in the text, and Chinese labels of the Chinese speakers.
    write(folder / "0001/0001.txt", "0001_000001\t打远一看,很美\t生气\n0001_000002\t好\t伤心\n")
    write(
        folder / "0011/0011.txt",
        "0011_000001\tThe nine, the eggs.\tAngry\n0011_000002\tYes.\tSad\n",
    )
    plain = tabled(folder)
    assert [one.speaker for one in plain.utterances] == [None] * 4
    recipe = write(
        tmp_path / "esd.yaml",
        'table: corpus\npattern: "{speaker}/{label}/{split}/{clip}.wav"\n'
        'join:\n- {table: "corpus/*/*.txt", columns: [clip, transcript, said_label]}\n',
    )
    result = tabled(recipe)
    assert [(one.speaker, one.split, one.label, one.transcript) for one in result.utterances] == [
        ("mine/0001", "train", "angry", "打远一看,很美"),
        ("mine/0001", "test", "sad", "好"),
        ("mine/0011", "train", "angry", "The nine, the eggs."),
        ("mine/0011", "test", "sad", "Yes."),
    ]


def test_casia(tabled: Any, understood: Any, corpus: Corpus) -> None:
    """A folder whose name is no label and no split is offered as a column."""
    folder = corpus(f"{s}/{e}/201.wav" for s in ("liuchang", "wangzhe") for e in ("angry", "sad"))
    said = understood(folder)
    assert "not used: folder1" in said
    result = tabled(folder, "--map", "speaker=folder1")
    assert Counter(one.speaker for one in result.utterances) == {
        "mine/liuchang": 2,
        "mine/wangzhe": 2,
    }


def test_cafe(tabled: Any, corpus: Corpus) -> None:
    """Neutral clips have no folder of an intensity."""
    folder = corpus(
        ["Colère/Faible/01-C-1-1.wav", "Colère/Fort/02-C-2-1.wav", "Neutre/01-N-1-1.wav"]
    )
    result = tabled(folder)
    assert [(one.id, one.label) for one in result.utterances] == [
        ("mine/01-C-1-1", "angry"),
        ("mine/01-N-1-1", "neutral"),
        ("mine/02-C-2-1", "angry"),
    ]
    named = tabled(folder, "--pattern", "{speaker}-{label}-*.wav", *merges("C=angry N=neutral"))
    assert [one.speaker for one in named.utterances] == ["mine/01", "mine/01", "mine/02"]


def test_thorsten(tabled: Any, corpus: Corpus, tmp_path: Path) -> None:
    """Lines as of LJSpeech; a comma in the text is no delimiter, and drunk is no emotion."""
    folder = corpus(["angry/4c20.wav", "drunk/77aa.wav"])
    write(folder / "metadata.csv", "4c20|Mist, wieder nichts geschafft.\n77aa|Schade, sagt er.\n")
    recipe = write(
        tmp_path / "thorsten.yaml",
        'table: corpus\npattern: "{label}/{clip}.wav"\nmerge: {"*": other}\n'
        "join:\n- {table: corpus/metadata.csv, columns: [clip, text]}\n",
    )
    result = tabled(recipe)
    assert [(one.label, one.transcript) for one in result.utterances] == [
        ("angry", "Mist, wieder nichts geschafft."),
        ("other", "Schade, sagt er."),
    ]


@pytest.fixture
def emozionalmente(corpus: Corpus) -> Path:
    """What was meant in one table, what was heard in another, and people in a third."""
    folder = corpus(["audio/1.wav", "audio/2.wav"])
    write(
        folder / "metadata/samples.csv",
        "id,timestamp,file_name,actor,emotion_expressed,sentence\n"
        "1,x,1.wav,u1,joy,Sta per piovere\n2,x,2.wav,u2,neutrality,Sta per piovere\n",
    )
    write(folder / "metadata/users.csv", "username,age,gender\nu1,30,female\nu2,31,male\n")
    heard = [("1.wav", "joy", ("joy", "joy", "anger")), ("2.wav", "neutrality", ("sadness",) * 2)]
    write(
        folder / "metadata/evaluations.csv",
        "file_name,evaluator,emotion_expressed,emotion_recognized\n"
        + "".join(
            f"{name},e{number},{meant},{one}\n"
            for name, meant, ones in heard
            for number, one in enumerate(ones)
        ),
    )
    return folder


def test_emozionalmente(tabled: Any, emozionalmente: Path) -> None:
    metadata = emozionalmente / "metadata"
    joined = ("--join", f"{metadata}/samples.csv:file_name")
    joined += ("--join", f"{metadata}/users.csv:actor=username")
    words = ("--map", "label=emotion_expressed", "--map", "votes=emotion_recognized")
    root = ("--audio-root", emozionalmente / "audio")
    result = tabled(metadata / "evaluations.csv", *words, *root, *joined, "--splits", "train")
    first, second = result.utterances
    assert (first.label, second.label) == ("happy", "neutral")
    assert [vote.primary for vote in first.votes] == ["happy", "happy", "angry"]
    assert [(vote.rater, vote.raw) for vote in second.votes] == [
        ("mine/e0", "sadness"),
        ("mine/e1", "sadness"),
    ]
    assert (first.transcript, first.speaker, first.gender) == (
        "Sta per piovere",
        "mine/u1",
        "female",
    )
    assert result.card["consensus"] == {"compared": 2, "different": 1}


def test_a_published_label_that_changes_costs_its_utterance(
    convert: Any, emozionalmente: Path, tmp_path: Path
) -> None:
    table = emozionalmente / "metadata/evaluations.csv"
    table.write_text(table.read_text().replace("1.wav,e1,joy", "1.wav,e1,anger"))
    outcome = convert(
        *("table", table, tmp_path / "out", "--name", "mine", "--no-audio"),
        *("--map", "label=emotion_expressed", "--map", "votes=emotion_recognized"),
    )
    assert "its label 'anger' differs from 'joy' in an earlier row" in outcome.out + outcome.err
    assert "mine: 1 utterances" in outcome.out


def test_dusha(tabled: Any, corpus: Corpus) -> None:
    """One row a vote, control tasks among them, and a file called train with all speakers."""
    folder = corpus(["crowd_train/wavs/0a.wav", "crowd_train/wavs/0b.wav"])
    rows = [
        {
            "hash_id": clip, "audio_path": f"wavs/{clip}.wav", "duration": "1.0",
            "annotator_emo": heard, "golden_emo": golden, "speaker_text": "афина сделай потише",
            "speaker_emo": meant, "source_id": f"s{clip}", "annotator_id": f"w{number}",
        }
        for clip, meant in (("0a", "angry"), ("0b", "positive"))
        for number, (heard, golden) in enumerate(((meant, ""), ("other", ""), ("sad", "sad")))
    ]  # fmt: skip
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    table = write(folder / "crowd_train/raw_crowd_train.jsonl", lines)
    words = ("--map", "label=speaker_emo", "--map", "votes=annotator_emo", "--map", "split=")
    words += ("--map", "speaker=source_id", "--map", "transcript=speaker_text")
    result = tabled(table, *words, "--where", "golden_emo=", *merges("positive=happy"))
    assert [[vote.raw for vote in one.votes] for one in result.utterances] == [
        ["angry", "other"],
        ["positive", "other"],
    ]
    assert [one.label for one in result.utterances] == ["angry", "happy"]
    assert {one.split for one in result.utterances} == {"train", "test"}
    assert result.card["unused"] == {"row that --where leaves out, as golden_emo is 'sad'": 2}


def test_a_file_called_train_may_be_all_there_is(
    understood: Any, tabled: Any, corpus: Corpus
) -> None:
    folder = corpus(["0.wav", "1.wav"])
    table = write(folder / "train.csv", "file,emotion,speaker\n0.wav,sad,a\n1.wav,sad,b\n")
    said = understood(table)
    assert "the table's (train 2); --map split= gives 70, 10 and 20 % of its speakers" in said
    assert {one.split for one in tabled(table, "--map", "split=").utterances} == {"train", "test"}


def test_crema_d_ratings(tabled: Any, refused: Any, corpus: Corpus) -> None:
    """A third of the rows judge the voice; the actor is in the name of the clip."""
    clips = ("1001_IEO_ANG_HI", "1002_IEO_SAD_HI")
    folder = corpus(f"AudioWAV/{clip}.wav" for clip in clips)
    head = '"","localid","queryType","clipName","sessionNums","respEmo","dispEmo"\n'
    table = write(
        folder / "finishedResponses.csv",
        head
        + "".join(
            f'"{query}{rater}","x",{query},"{clip}",{rater},"{"AS"[number]}","X"\n'
            for number, clip in enumerate(clips)
            for query in (1, 2, 3)
            for rater in (100, 101)
        ),
    )
    words = ["--map", "audio=clipName", "--map", "label=respEmo", "--map", "rater=sessionNums"]
    words += [*merges("A=angry S=sad"), "--audio-root", str(folder / "AudioWAV")]
    words += ["--parse", "clipName={speaker}_{sentence}_*"]
    assert "annotator '100' has 3 votes" in refused("table", table, "--name", "mine", *words)
    result = tabled(table, *words, "--where", "queryType=1")
    assert [(one.id, one.speaker, len(one.votes)) for one in result.utterances] == [
        ("mine/1001_IEO_ANG_HI", "mine/1001", 2),
        ("mine/1002_IEO_SAD_HI", "mine/1002", 2),
    ]
    assert {one.transcript for one in result.utterances} == {""}
    nothing = refused("table", table, "--name", "mine", *words, "--where", "queryType=voice")
    assert "no row that --where accepts" in nothing
    assert "as queryType is '1'" in nothing
    unknown = refused("table", table, "--name", "mine", *words, "--where", "querytype=1")
    assert "has no column 'querytype' for --where." in unknown
    assert "Did you mean 'queryType'?" in unknown


def test_crema_d_summary(tabled: Any, corpus: Corpus) -> None:
    """A tie of the published votes is no label, and no class of its own."""
    folder = corpus(["1001_IEO_ANG_HI.wav", "1001_IEO_SAD_HI.wav"])
    table = write(
        folder / "summaryTable.csv",
        '"","FileName","VoiceVote"\n1,"1001_IEO_ANG_HI","A:N"\n2,"1001_IEO_SAD_HI","S"\n',
    )
    words = ("--map", "label=VoiceVote", *merges("A:N=none S=sad"))
    assert [one.label for one in tabled(table, *words).utterances] == [None, "sad"]


def test_msp_podcast(tabled: Any, corpus: Corpus) -> None:
    """Workers' rows in one table, consensus, speaker and split in another; words of their own."""
    folder = corpus(["Audios/MSP-PODCAST_0001_0008.wav"])
    detailed = write(
        folder / "Labels/labels_detailed.csv",
        "FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct\n"
        "MSP-PODCAST_0001_0008.wav,WORKER1,Angry,Angry,5\n"
        'MSP-PODCAST_0001_0008.wav,WORKER2,Other-Fed up,"Angry,Other",4\n',
    )
    consensus = write(
        folder / "Labels/labels_consensus.csv",
        "FileName,EmoClass,EmoAct,SpkrID,Gender,Split_Set\n"
        "MSP-PODCAST_0001_0008.wav,X,4.5,127,Male,Development\n",
    )
    words = ("--map", "votes=EmoClass_Major", "--map", "label=EmoClass", "--map", "rater=Workers")
    words += ("--scale", "arousal=1:7", "--audio-root", folder / "Audios", *merges("X=none"))
    (one,) = tabled(detailed, *words, "--join", f"{consensus}:FileName").utterances
    assert (one.label, one.label_raw, one.split, one.gender) == (None, "X", "dev", "male")
    assert [(vote.primary, vote.raw, vote.arousal) for vote in one.votes] == [
        ("angry", "Angry", 5.0),
        ("other", "Other-Fed up", 4.0),
    ]
    assert [vote.secondary for vote in one.votes] == [("angry",), ("angry", "other")]


def test_secondary_labels_belong_to_votes(refused: Any, tabled: Any, corpus: Corpus) -> None:
    folder = corpus(["a.wav"])
    table = write(folder / "t.csv", "file,emotion,secondary\na.wav,sad,tired\n")
    assert tabled(table).utterances[0].votes == ()
    said = refused("table", table, "--name", "mine", "--map", "secondary=secondary")
    assert "secondary labels are read where each row is the vote of one annotator" in said


def test_attributes_without_a_scale_are_named(understood: Any, corpus: Corpus) -> None:
    folder = corpus(["a.wav"])
    write(folder / "labels_consensus.csv", "FileName,EmoClass,EmoAct,EmoVal\na.wav,sad,4,3\n")
    said = understood(folder)
    assert "column 'EmoAct' may be the arousal" in said
    assert "--scale valence=LOW:HIGH" in said


def test_cmu_mosei(tabled: Any, refused: Any, corpus: Corpus) -> None:
    """Strengths of six emotions; the label is the strongest, and nobody where all are 0."""
    folder = corpus(["vid1.wav"])
    table = write(
        folder / "labels.csv",
        "video,start_time,end_time,sentiment,happy,sad,anger,text\n"
        "vid1,0,0.3,-0.7,1.6666666,0.0,0.3333333,So.\n"
        "vid1,0.3,0.6,-0.7,0.0,0.0,0.0,And.\n"
        "vid1,0.6,0.9,-0.7,0.0,0.6666667,0.6666667,Then.\n",
    )
    assert "write 'score:' for 'votes:'" in refused("table", table, "--name", "mine")
    words = [word for one in ("happy", "sad", "anger") for word in ("--map", f"score:{one}={one}")]
    result = tabled(table, "--map", "audio=video", *words)
    assert [(one.label, one.label_raw) for one in result.utterances] == [
        ("happy", "happy"),
        (None, ""),
        (None, "sad:anger"),
    ]
    both = refused("table", table, "--name", "mine", *words, "--map", "label=sentiment")
    assert "column 'sentiment' has the label, and others its scores" in both


def test_meld(tabled: Any, refused: Any, corpus: Corpus) -> None:
    """The name of a clip is put together from two columns, and an utterance is its text."""
    folder = corpus(["dia0_utt0.wav", "dia0_utt1.wav"])
    table = write(
        folder / "train_sent_emo.csv",
        "Sr No.,Utterance,Speaker,Emotion,Dialogue_ID,Utterance_ID\n"
        "1,Oh my God!,Joey,surprise,0,0\n2,Well 2,Ross,neutral,0,1\n",
    )
    template = "dia{Dialogue_ID}_utt{Utterance_ID}.wav"
    result = tabled(table, "--map", f"audio={template}", "--map", "id=")
    assert [(one.id, one.transcript, one.dialogue) for one in result.utterances] == [
        ("mine/dia0_utt0", "Oh my God!", "mine/0"),
        ("mine/dia0_utt1", "Well 2", "mine/0"),
    ]
    wrong = refused("table", table, "--map", "audio=dia{Dialog_ID}.wav", "--name", "mine")
    assert "has no column 'Dialog_ID' for 'dia{Dialog_ID}.wav'" in wrong


def test_msp_improv(tabled: Any, corpus: Corpus) -> None:
    """Semicolons, no header, and numbers behind letters; each clip has another name."""
    folder = corpus(["session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav"])
    table = write(
        folder / "Evalution.txt",
        "UTD-IMPROV-S01A-F01-S-FM01.avi; A; A:2.800000; V:3.000000; D:NaN ; N:2.400000;\n",
    )
    (one,) = tabled(
        table,
        *("--columns", "file,label,act,val,dom,nat,rest", *merges("A=angry")),
        *("--parse", "file=UTD-IMPROV-{scene:4}-{g:1}0{n}-{kind}-{turn}.avi"),
        *("--parse", "act=A:{arousal}", "--scale", "arousal=1:5", "--map", "gender=g"),
        "--map",
        "audio=session{n}/{scene}/{kind}/MSP-IMPROV-{scene}-{g}0{n}-{kind}-{turn}.wav",
    ).utterances
    assert (one.label, one.gender, one.attributes) == ("angry", "female", {"arousal": 2.8})


def test_label_studio(tabled: Any, corpus: Corpus) -> None:
    """An upload has a hash before the name."""
    folder = corpus(["clip_1.wav"])
    rows = [
        {"audio": "/data/upload/3/1f2e3d4c-clip_1.wav", "emotion": "Sad", "annotator": number}
        for number in (1, 2)
    ]
    table = write(folder / "project.json", json.dumps(rows))
    (one,) = tabled(table, "--parse", "audio=*-{file}", "--map", "audio=file").utterances
    assert (one.id, len(one.votes)) == ("mine/clip_1", 2)


def test_kaggle(tabled: Any, convert: Any, corpus: Corpus, tmp_path: Path) -> None:
    """Gender and emotion in one word, and paths of somebody's Windows."""
    folder = corpus(["Actor_01/a.wav"])
    table = write(
        folder / "data.csv",
        "Unnamed: 0,emotion,path\n0,male_angry,C:\\Users\\me\\Actor_01\\a.wav\n",
    )
    words = ("--parse", "emotion={gender}_{feeling}", "--map", "label=feeling")
    (one,) = tabled(table, *words).utterances
    assert (one.gender, one.label, one.audio) == ("male", "angry", "Actor_01/a.wav")
    table.write_text(table.read_text().replace("male_angry", "calm"))
    outcome = convert("table", table, tmp_path / "out2", "--name", "mine", *words)
    assert "data.csv:2: emotion 'calm' has not the form '{gender}_{feeling}'" in outcome.err


def test_excel(tabled: Any, refused: Any, corpus: Corpus) -> None:
    """German Excel writes semicolons, decimal commas and, as CSV, Windows' own encoding."""
    names = ["0.wav", "1.wav", "2.wav"]
    folder = corpus(names)
    rows = zip(names, ("Wut", "Überraschung", "Angst"), ("m", "männlich", "weiblich"), strict=True)
    text = "Datei;Emotion;Geschlecht;Erregung\r\n"
    text += "".join(f"{a};{b};{c};2,50\r\n" for a, b, c in rows)
    table = write(folder / "Mappe1.csv", text, "cp1252")
    words = ("--map", "audio=Datei", "--map", "gender=Geschlecht", "--map", "arousal=Erregung")
    words += ("--scale", "arousal=1:5")
    lost = refused("table", table, "--name", "mine", *words)
    assert "Mappe1.csv:3: 1 of 3 rows are not UTF-8 text" in lost
    assert "or give --encoding, such as cp1252 (Excel in Western Europe)" in lost
    result = tabled(table, *words, "--encoding", "cp1252")
    assert [one.label for one in result.utterances] == ["angry", "surprise", "fear"]
    assert {one.gender for one in result.utterances} == {"male", "female"}
    assert {one.attributes["arousal"] for one in result.utterances} == {2.5}
    wrong = refused("table", table, "--name", "mine", *words, "--encoding", "utf-16")
    assert "Mappe1.csv: is not utf-16 text" in wrong
    odd = refused("table", table, "--name", "mine", *words, "--encoding", "windows-german")
    assert "no encoding 'windows-german'" in odd


def test_chinese_csv(tabled: Any, refused: Any, corpus: Corpus) -> None:
    folder = corpus(["0.wav"])
    table = write(folder / "label.csv", "文件,情感,性别\n0.wav,生气,女\n", "gb18030")
    assert "label.csv:1: is not UTF-8 text. Save the file as UTF-8, or give --encoding" in refused(
        "table", table, "--name", "mine"
    )
    words = ("--map", "audio=文件", "--map", "label=情感", "--map", "gender=性别")
    (one,) = tabled(table, "--encoding", "gb18030", *words).utterances
    assert (one.label, one.gender) == ("angry", "female")


def test_elan(refused: Any, tabled: Any, corpus: Corpus) -> None:
    """Tiers in one table, times in columns whose names say little."""
    folder = corpus(["talk.wav"])
    table = write(
        folder / "segments.txt",
        "Tier\tBegin - ss.msec\tEnd - ss.msec\temotion\tFile\n"
        "emo\t0.0\t0.4\tangry\ttalk.wav\nemo\t0.4\t0.8\tsad\ttalk.wav\n"
        "notes\t0.0\t1.0\tcoughs\ttalk.wav\n",
    )
    whole = refused("table", table, "--name", "mine", "--where", "Tier=emo")
    assert "If each row is a part of a recording, give --map start=COLUMN" in whole
    words = ("--where", "Tier=emo", "--map", "start=Begin - ss.msec", "--map", "end=End - ss.msec")
    assert [one.label for one in tabled(table, *words).utterances] == ["angry", "sad"]


def test_emobox_codes(tabled: Any, corpus: Corpus) -> None:
    """EmoBox says in `label_map.json` what the codes of a corpus are."""
    folder = corpus(["downloads/aesdd/anger/a01 (1).wav", "downloads/asvp/17.wav"])
    rows = [
        {"key": "1", "wav": "downloads/aesdd/anger/a01 (1).wav", "emo": "a", "length": 1.0},
        {"key": "2", "wav": "downloads/asvp/17.wav", "emo": "17", "length": 1.0},
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    write(folder / "data/aesdd/fold_1/aesdd_train_fold_1.jsonl", lines)
    write(folder / "data/aesdd/label_map.json", '{"a": "Angry", "17": "UnKnown"}')
    result = tabled(folder / "data/aesdd/fold_1", "--audio-root", folder)
    assert [(one.label, one.label_raw) for one in result.utterances] == [
        ("angry", "a"),
        (None, "17"),
    ]


@pytest.mark.parametrize("annotator", ["rater", "who"])
def test_numbers_of_rows_are_no_ids(
    refused: Any, tabled: Any, corpus: Corpus, annotator: str
) -> None:
    """A database numbers its rows; then no two votes would be for one utterance."""
    folder = corpus(["a.wav", "b.wav"])
    rows = [(f"{clip}.wav", f"r{number}") for clip in "ab" for number in range(3)]
    text = f"id,file,{annotator},emotion\n"
    text += "".join(f"{n},{file},{who},sad\n" for n, (file, who) in enumerate(rows))
    table = write(folder / "t.csv", text)
    said = refused("table", table, "--name", "mine")
    assert "6 rows have 6 different ids in column 'id', and only 2 sound files" in said
    words = ("--map", "id=", "--map", f"rater={annotator}")
    assert [len(one.votes) for one in tabled(table, *words).utterances] == [3, 3]
    own = tabled(table, "--map", "id=id", "--map", "rater=").utterances
    assert [one.id for one in own] == [f"mine/{number}" for number in range(6)]


def test_tabs_without_a_convention_for_quotes(tabled: Any, corpus: Corpus) -> None:
    folder = corpus(["0.wav", "1.wav", "2.wav", "3.wav"])
    table = write(
        folder / "t.tsv",
        'file\temotion\ttext\n0.wav\tsad\t"Oh my" she said\n1.wav\tsad\t"Oh\n'
        '2.wav\tsad\tit\'s "fine"\n3.wav\tsad\t"With ""rules"""\n',
    )
    assert [one.transcript for one in tabled(table).utterances] == [
        '"Oh my" she said',
        '"Oh',
        'it\'s "fine"',
        'With "rules"',
    ]


def test_mer2023(tabled: Any, corpus: Corpus, convert: Any, tmp_path: Path) -> None:
    """The table has names without folder and ending; the sound is in folders of its own."""
    folder = corpus(["train/sample_0.wav", "more/deep/sample_1.wav"])
    table = write(folder / "label.csv", "name,discrete\nsample_0,worried\nsample_1,happy\n")
    words = ("--map", "audio=name", "--map", "label=discrete")
    result = tabled(table, *words)
    assert [(one.id, one.audio) for one in result.utterances] == [
        ("mine/sample_0", "train/sample_0.wav"),
        ("mine/sample_1", "more/deep/sample_1.wav"),
    ]
    corpus(["other/sample_1.wav"])
    outcome = convert("table", table, tmp_path / "out2", "--name", "mine", *words)
    said = " ".join((outcome.out + outcome.err).split())
    assert "by the names of the files in whatever folder" in said
    assert "2 sound files below" in said
    assert "are called 'sample_1'" in said
    assert "mine: 1 utterances" in said


def test_a_folder_says_which_of_its_files_may_be_tables(refused: Any, corpus: Corpus) -> None:
    """ShEMO's annotation is JSON, and JSON in a folder may be anything."""
    folder = corpus(["female/F01A00.wav"])
    write(folder / "shemo.json", "{}")
    assert "If one of these files is a table, give it: shemo.json." in refused("table", folder)


def test_a_table_without_a_header(tabled: Any, refused: Any, corpus: Corpus) -> None:
    folder = corpus(["a.wav", "b.wav"])
    table = write(folder / "list.csv", "a.wav,sad,s1\nb.wav,angry,s2\n")
    said = refused("table", table, "--name", "mine")
    assert "If that is a row of data, give --columns with the names of the columns" in said
    words = ("--columns", "file, label, speaker")
    assert [one.label for one in tabled(table, *words).utterances] == ["sad", "angry"]
