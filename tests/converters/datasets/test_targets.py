"""Targets from every kind of input, and labels that are drawn from the annotators' labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import soundfile

from whyser.evidence.cues import FAMILIES, Cue, Cues
from whyser.io.errors import BadInput, InputError
from whyser.io.files import read_jsonl, write_jsonl
from whyser.prompting.answer import TARGETS, Target, parse_answer
from whyser.prompting.prompts import POOLS, QUESTIONS
from whyser.records.corpus import Corpus, CorpusCard, write_card
from whyser.records.utterance import Utterance, Vote, write_utterances
from whyser.teacher.rationale import Rationale, write_rationales
from whyser_converters.cli import app
from whyser_converters.datasets.questions import QuestionSpec
from whyser_converters.datasets.sharegpt import DatasetSpec, SharegptDataset, build
from whyser_converters.datasets.targets import NoAgreement, TargetSpec, TrainingInputs

VOTES = ("sad", "sad", "neutral", "other")


def write_corpus(
    folder: Path, *, splits: tuple[str, ...] = ("train", "test"), count: int = 200
) -> Corpus:
    """Utterances whose annotators chose sad twice, neutral once and something else once; the
    last two have no agreement, and another label."""
    folder.mkdir()
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, 1600)
    soundfile.write(folder / "a.wav", noise, 16_000)
    utterances = [
        Utterance(
            id=f"c/{split}_{number}", corpus="c", split=split, audio="a.wav", duration=0.1,
            sampling_rate=16_000, channels=1, transcript=f"Words of {number}.",
            speaker=f"c/{split}", gender="female", label=label, label_raw="S",
            votes=tuple(
                Vote(rater=str(rater), primary=vote, raw=vote, arousal=1 + rater, valence=2)
                for rater, vote in enumerate(VOTES)
            ),
        )
        for split in splits
        for number, label in enumerate(["sad"] * (count - 2) + [None, "other"])
    ]  # fmt: skip
    write_utterances(folder / "utterances.jsonl", utterances)
    write_card(
        folder / "corpus.json",
        CorpusCard(
            corpus="c", title="c", licence="none", source="none", audio_root=str(folder),
            classes=("sad", "neutral"), attributes={"arousal": (1, 5), "valence": (1, 5)},
            options={}, utterances=len(utterances), hours=0.1, read=0,
            whyser="0",
        ),
    )  # fmt: skip
    return Corpus(folder / "utterances.jsonl")


def write_material(
    corpus: Corpus, folder: Path, labels: tuple[str, ...] = ("sad", "neutral")
) -> tuple[Path, Path]:
    """Rationales for the labels, and cues."""
    scored = [one for one in corpus.utterances() if one.is_scored]
    write_rationales(
        folder / "rationales.jsonl",
        (
            Rationale(id=one.id, label=label, text=f"It is said so. The voice is {label}-like.",
                      teacher="t", prompt="p", kept=True)
            for one in scored
            for label in labels
        ),
    )  # fmt: skip
    high = Cue(value=1.0, deviation=2.0, strength=2.0, level="high")
    given = dict.fromkeys(FAMILIES, high)
    lines = (Cues(id=one.id, reference="speaker", **given).model_dump_json() for one in scored)  # type: ignore[arg-type]
    write_jsonl(folder / "cues.jsonl", lines)
    return folder / "rationales.jsonl", folder / "cues.jsonl"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_corpus(tmp_path / "corpus")


@pytest.fixture
def material(corpus: Corpus, tmp_path: Path) -> TrainingInputs:
    rationales, cues = write_material(corpus, tmp_path)
    return TrainingInputs.read([rationales], [cues])


@pytest.mark.parametrize("target", get_args(Target))
@pytest.mark.parametrize("writes_transcript", [True, False])
def test_every_target_holds_its_blocks(
    corpus: Corpus, material: TrainingInputs, target: Target, writes_transcript: bool
) -> None:
    if target == "asr" and not writes_transcript:
        with pytest.raises(InputError, match="target 'asr' writes nothing"):
            TargetSpec(target, writes_transcript)
        return
    aim = TargetSpec(target, writes_transcript)
    for row in build([corpus], DatasetSpec("train", aim), material).rows:
        answer = parse_answer(row.answer)
        number = row.utterance.id.split("_")[1]
        written = TARGETS[target]
        assert answer.transcript == (f"Words of {number}." if writes_transcript else None)
        if target == "distribution":
            # Two of the three votes that have a class.
            assert answer.shares == {"sad": 67, "neutral": 33}
        else:
            assert answer.emotion == ("sad" if "answer" in written else None)
        assert answer.rationale == (
            "It is said so. The voice is sad-like." if "reason" in written else None
        )
        assert answer.descriptors == (
            "female, high pitch, fast speed, loud volume" if "descriptors" in written else None
        )
        assert answer.attributes == (
            "arousal 2.5 of 5, valence 2.0 of 5" if "attributes" in written else None
        )


def test_a_transcript_needs_no_label(corpus: Corpus) -> None:
    dataset = build([corpus], DatasetSpec("train", TargetSpec("asr")), TrainingInputs())
    assert len(dataset.rows) == 200 and not dataset.dropped
    assert {row.manifest()["label"] for row in dataset.rows} == {None}


def test_the_sound_of_copies_is_not_shuffled() -> None:
    with pytest.raises(InputError, match="its own sound from another copy"):
        DatasetSpec("train", TargetSpec("label"), control="shuffled", epochs=2)


@pytest.mark.parametrize(
    "asking", [QuestionSpec("closed"), QuestionSpec("mix"), QuestionSpec(thinks=True)]
)
def test_a_question_about_the_emotion_wants_more_than_a_transcript(asking: QuestionSpec) -> None:
    with pytest.raises(InputError, match="a question about the emotion"):
        DatasetSpec("train", TargetSpec("asr"), asking)


@pytest.mark.parametrize("target", ["reason", "reason_first", "interleaved"])
def test_no_rationale_is_asked_of_a_test_split(target: Target) -> None:
    with pytest.raises(InputError, match="use --target label"):
        DatasetSpec("test", TargetSpec(target))


@pytest.mark.parametrize(
    ("aim", "epochs"), [(TargetSpec("label", labels="sampled"), 1), (TargetSpec("label"), 2)]
)
def test_a_test_split_has_one_row_an_utterance_with_its_consensus(
    aim: TargetSpec, epochs: int
) -> None:
    with pytest.raises(InputError, match="neither sampled labels nor copies"):
        DatasetSpec("test", aim, epochs=epochs)


@pytest.mark.parametrize(
    ("aim", "cure"),
    [(TargetSpec(), "--rationales FILE"), (TargetSpec("descriptors"), "--cues FILE")],
)
def test_missing_material_is_named(corpus: Corpus, aim: TargetSpec, cure: str) -> None:
    with pytest.raises(InputError, match=cure):
        build([corpus], DatasetSpec("train", aim), TrainingInputs())


def test_an_utterance_without_cues_is_named(corpus: Corpus, material: TrainingInputs) -> None:
    del material.cues["c/train_7"]
    with pytest.raises(BadInput, match="no cues for c/train_7"):
        build([corpus], DatasetSpec("train", TargetSpec("descriptors")), material)


# ---- sampled labels -----------------------------------------------------------------------


def sampled(
    corpus: Corpus, material: TrainingInputs, *, epochs: int = 2, **options: int
) -> SharegptDataset:
    return build(
        [corpus],
        DatasetSpec("train", TargetSpec(labels="sampled"), epochs=epochs, **options),
        material,
    )


def test_labels_are_drawn_by_vote_share_and_explained(
    corpus: Corpus, material: TrainingInputs
) -> None:
    rows = sampled(corpus, material, epochs=4).rows
    assert len(rows) == 4 * 198
    shares = Counter(row.label for row in rows)
    # Two votes for sad, one for neutral; the fourth has no class.
    assert shares["sad"] / len(rows) == pytest.approx(2 / 3, abs=0.05)
    assert set(shares) == {"sad", "neutral"}
    for row in rows:
        answer = parse_answer(row.answer)
        assert answer.emotion == row.label == row.manifest()["label"]
        assert answer.rationale == f"It is said so. The voice is {row.label}-like."


def test_each_epoch_holds_each_utterance_once_in_an_order_of_its_own(
    corpus: Corpus, material: TrainingInputs
) -> None:
    rows = sampled(corpus, material).rows
    assert [row.epoch for row in rows] == [0] * 198 + [1] * 198
    first, second = ([row.utterance.id for row in rows[start : start + 198]] for start in (0, 198))
    assert sorted(first) == sorted(second) and first != second
    changed = sum(
        one.label != other.label
        for one, other in zip(
            sorted(rows[:198], key=lambda row: row.utterance.id),
            sorted(rows[198:], key=lambda row: row.utterance.id),
            strict=True,
        )
    )
    # Two draws differ with probability 2 * 2/3 * 1/3.
    assert changed / 198 == pytest.approx(4 / 9, abs=0.12)


def test_a_cap_keeps_the_same_utterances_in_every_epoch(
    corpus: Corpus, material: TrainingInputs
) -> None:
    whole, capped = (sampled(corpus, material, max_samples=n).rows for n in (198, 10))
    assert len(capped) == 20
    assert {row.utterance.id for row in capped} == {row.utterance.id for row in whole[:10]}
    assert capped[:10] == whole[:10]


def test_without_votes_the_released_label_is_taken(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", count=20)
    bare = [one.model_copy(update={"votes": ()}) for one in corpus.utterances()]
    write_utterances(corpus.path, bare)
    rows = build(
        [corpus],
        DatasetSpec("train", TargetSpec("label", labels="sampled"), epochs=2),
        TrainingInputs(),
    ).rows
    assert {row.label for row in rows} == {"sad"} and len(rows) == 36


def test_a_label_that_nobody_explained_costs_its_copy(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus")
    rationales, _ = write_material(corpus, tmp_path, labels=("sad",))
    dataset = sampled(corpus, TrainingInputs.read([rationales], []))
    assert {row.label for row in dataset.rows} == {"sad"}
    (reason,) = (name for name in dataset.dropped if name.startswith("no rationale for the label"))
    assert len(dataset.rows) + dataset.dropped[reason] == 2 * 198


def test_a_rationale_explains_one_of_the_eight_classes(tmp_path: Path) -> None:
    line = '{"id": "a/1", "label": "other", "text": "T.", "teacher": "t", "prompt": "p", '
    (tmp_path / "r.jsonl").write_text(line + '"kept": true}\n', encoding="utf-8")
    with pytest.raises(InputError, match="bad label 'other'") as told:
        TrainingInputs.read([tmp_path / "r.jsonl"], [])
    assert str(told.value).count("other") == 1


def test_a_rationale_without_a_label_explains_the_consensus_alone(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", count=40)
    write_rationales(
        tmp_path / "r.jsonl",
        (Rationale(id=one.id, text="So it is.", teacher="t", prompt="p", kept=True)
         for one in corpus.utterances()),
    )  # fmt: skip
    material = TrainingInputs.read([tmp_path / "r.jsonl"], [])
    assert len(build([corpus], DatasetSpec("train"), material).rows) == 38
    assert {row.label for row in sampled(corpus, material).rows} == {"sad"}


def test_of_two_teachers_the_first_that_succeeded_is_taken(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", count=4)
    first, second = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    for path, text, kept in ((first, "First.", False), (second, "Second.", True)):
        write_rationales(
            path,
            (Rationale(id=one.id, label="sad", text=text, teacher="t", prompt="p", kept=kept,
                       reasons=() if kept else ("length",))
             for one in corpus.utterances()),
        )  # fmt: skip
    rows = build([corpus], DatasetSpec("train"), TrainingInputs.read([first, second], [])).rows
    assert all("Second." in row.answer for row in rows)


# ---- shares of the votes, and utterances without agreement --------------------------------


def test_shares_need_no_label_in_the_manifest(corpus: Corpus) -> None:
    dataset = build([corpus], DatasetSpec("train", TargetSpec("distribution")), TrainingInputs())
    assert {row.answer.partition("</asr>")[2] for row in dataset.rows} == {
        "<answer>sad 67%, neutral 33%</answer>"
    }
    assert {row.manifest()["label"] for row in dataset.rows} == {None}
    assert dict(dataset.dropped) == {"no agreement": 1, "none of the eight classes": 1}


@pytest.mark.parametrize("votes", [(), ("other", "other")])
def test_without_a_vote_for_a_class_the_label_has_all_of_it(
    corpus: Corpus, votes: tuple[str, ...]
) -> None:
    bare = [
        one.model_copy(
            update={"votes": tuple(Vote(rater="1", primary=vote, raw=vote) for vote in votes)}
        )
        for one in corpus.utterances()
    ]
    write_utterances(corpus.path, bare)
    rows = build([corpus], DatasetSpec("train", TargetSpec("distribution")), TrainingInputs()).rows
    assert {row.answer.partition("</asr>")[2] for row in rows} == {"<answer>sad 100%</answer>"}


@pytest.mark.parametrize(
    ("aim", "answers"),
    [
        (TargetSpec("distribution", no_agreement="train"), {"sad 67%, neutral 33%"}),
        (
            TargetSpec("label", labels="sampled", no_agreement="train"),
            {"I think the emotion is sad", "I think the emotion is neutral"},
        ),
    ],
)
@pytest.mark.parametrize("gives_rationales", [True, False])
def test_without_agreement_they_are_trained_on_where_no_majority_is_named(
    corpus: Corpus,
    material: TrainingInputs,
    aim: TargetSpec,
    answers: set[str],
    gives_rationales: bool,
) -> None:
    """Rationales choose the utterances with agreement; the others can have none."""
    inputs = material if gives_rationales else TrainingInputs()
    dataset = build([corpus], DatasetSpec("train", aim, epochs=8), inputs)
    without = [row for row in dataset.rows if row.utterance.label is None]
    assert len(dataset.rows) == 8 * 199 and len(without) == 8
    assert {parse_answer(row.answer).statement for row in without} <= answers
    assert dict(dataset.dropped) == {"none of the eight classes": 1}
    # The others have the rows that they had.
    dropped = build(
        [corpus], DatasetSpec("train", replace(aim, no_agreement="drop"), epochs=8), inputs
    )
    assert [row for row in dataset.rows if row.utterance.label] == dropped.rows


def test_a_transcript_needs_no_agreement_where_rationales_choose(
    corpus: Corpus, material: TrainingInputs
) -> None:
    counts = [
        len(
            build(
                [corpus], DatasetSpec("train", TargetSpec("asr", no_agreement=one)), material
            ).rows
        )
        for one in get_args(NoAgreement)
    ]
    assert counts == [198, 199]


def test_without_agreement_some_vote_has_a_class(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus", count=20)
    others = tuple(Vote(rater=str(n), primary="other", raw="x") for n in range(2))
    rows = [
        one.model_copy(update={"votes": others} if one.label is None else {})
        for one in corpus.utterances()
    ]
    write_utterances(corpus.path, rows)
    aim = TargetSpec("distribution", no_agreement="train")
    dataset = build([corpus], DatasetSpec("train", aim), TrainingInputs())
    assert len(dataset.rows) == 18
    assert dataset.dropped["no agreement, and no vote for one of the eight classes"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "label"}, "names the majority label"),
        ({"target": "descriptors"}, "names the majority label"),
        ({"target": "reason"}, "needs rationales"),
        ({"target": "reason", "labels": "sampled"}, "needs rationales"),
    ],
)
def test_without_agreement_a_target_that_needs_one_is_refused(
    options: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TargetSpec(**options, no_agreement="train")  # type: ignore[arg-type]


def test_no_test_row_is_without_agreement() -> None:
    aim = TargetSpec("distribution", no_agreement="train")
    with pytest.raises(InputError, match="--no-agreement train is for training"):
        DatasetSpec("test1", aim)


def test_a_chain_of_thought_ends_with_one_emotion_not_with_shares() -> None:
    with pytest.raises(InputError, match="--cot asks for one emotion at the end"):
        DatasetSpec("train", TargetSpec("distribution"), QuestionSpec(thinks=True))


def test_shares_have_every_label_so_none_is_drawn() -> None:
    with pytest.raises(InputError, match="so none is drawn"):
        TargetSpec("distribution", labels="sampled")


# ---- the command --------------------------------------------------------------------------


def test_the_command_trains_on_utterances_without_agreement(corpus: Corpus, tmp_path: Path) -> None:
    arguments = [
        *("sharegpt", corpus.path, "--split", "train", "--target", "distribution"),
        *("--prompt", "task", "--no-agreement", "train", "--output", tmp_path / "mine"),
    ]
    app(map(str, arguments), standalone_mode=False)
    manifest = [row for _, row in read_jsonl(tmp_path / "mine.manifest.jsonl")]
    assert len(manifest) == 199
    assert {row["prompt"] for row in manifest} == {QUESTIONS["distribution"].hash}


def test_an_ablation_names_some_traits_of_the_voice(corpus: Corpus, tmp_path: Path) -> None:
    _, cues = write_material(corpus, tmp_path)
    common = ["sharegpt", corpus.path, "--split", "train", "--output", tmp_path / "mine"]
    chosen = ["--traits", "volume,pitch"]
    arguments = [*common, "--target", "descriptors", "--cues", cues, *chosen]
    app(map(str, arguments), standalone_mode=False)
    manifest = [row for _, row in read_jsonl(tmp_path / "mine.manifest.jsonl")]
    wanted = "<descriptors>high pitch, loud volume</descriptors>"
    assert manifest
    assert all(wanted in row["answer"] for row in manifest)
    with pytest.raises(InputError, match="target 'label' names no traits of the voice"):
        app(map(str, [*common, "--target", "label", *chosen]), standalone_mode=False)
    with pytest.raises(InputError, match="no trait 'pich'"):
        app(map(str, [*arguments, "--traits", "pich"]), standalone_mode=False)


def test_the_command_takes_it_all(corpus: Corpus, tmp_path: Path) -> None:
    rationales, cues = write_material(corpus, tmp_path)
    arguments = [
        *("sharegpt", corpus.path, "--split", "train", "--target", "descriptors", "--no-asr"),
        *("--prompt", "closed", "--cot", "--paraphrase", "--shuffle-options"),
        *("--labels", "sampled", "--epochs", 2, "--rationales", rationales, "--cues", cues),
        *("--output", tmp_path / "out/mine"),
    ]
    app(map(str, arguments), standalone_mode=False)
    manifest = [row for _, row in read_jsonl(tmp_path / "out/mine.manifest.jsonl")]
    assert len(manifest) == 2 * 198
    assert {row["form"] for row in manifest} == {"closed"}
    assert len({tuple(row["options"]) for row in manifest}) > 300
    assert all(row["answer"].startswith("<descriptors>female, ") for row in manifest)
    # Two copies are no mistake.
    app(["check", str(tmp_path / "out/dataset_info.json")], standalone_mode=False)


def with_changes(corpus: Corpus, **changes: object) -> None:
    """Changes the first utterance of the file."""
    first, *rest = corpus.utterances()
    write_utterances(corpus.path, [first.model_copy(update=changes), *rest])


def test_an_utterance_without_attributes_is_left_out_and_counted(corpus: Corpus) -> None:
    first = next(corpus.utterances())
    with_changes(corpus, votes=tuple(Vote(rater="1", primary="sad", raw="s") for _ in VOTES))
    spec = DatasetSpec("train", TargetSpec("attributes"))
    dataset = build([corpus], spec, TrainingInputs())
    assert dataset.dropped == {
        "no attributes": 1, "no agreement": 1, "none of the eight classes": 1,
    }  # fmt: skip
    assert first.id not in {row.utterance.id for row in dataset.rows}


def test_means_without_votes_are_a_target_too(corpus: Corpus) -> None:
    first = next(corpus.utterances())
    with_changes(corpus, votes=(), attributes={"arousal": 4.96})
    spec = DatasetSpec("train", TargetSpec("attributes", writes_transcript=False))
    (row,) = (
        row for row in build([corpus], spec, TrainingInputs()).rows if row.utterance.id == first.id
    )
    assert row.answer == (
        "<attributes>arousal 5.0 of 5</attributes><answer>I think the emotion is sad</answer>"
    )


def test_an_attribute_without_a_scale_is_refused(corpus: Corpus) -> None:
    card = corpus.card.model_copy(update={"attributes": {"arousal": (1.0, 5.0)}})
    write_card(corpus.path.parent / "corpus.json", card)
    with pytest.raises(BadInput, match=r"has valence, but corpus.json names no scale for it"):
        build(
            [Corpus(corpus.path)], DatasetSpec("train", TargetSpec("attributes")), TrainingInputs()
        )


def test_attributes_have_a_question_of_their_own(corpus: Corpus) -> None:
    spec = DatasetSpec("train", TargetSpec("attributes"), QuestionSpec("task", paraphrase=True))
    asked = {row.question.text for row in build([corpus], spec, TrainingInputs()).rows}
    assert asked == set(POOLS["attributes"])
    assert QUESTIONS["attributes"].text in asked
