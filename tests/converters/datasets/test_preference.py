from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from whyser.evidence.antonyms import TABLE_HASH
from whyser.evidence.claims import read_claims
from whyser.evidence.cues import FAMILIES, Cue, Cues, level_of
from whyser.evidence.grounding import ground
from whyser.io.errors import BadInput, InputError
from whyser.io.files import read_json, read_jsonl, write_jsonl
from whyser.labels.classes import EmotionClass
from whyser.prompting.answer import parse_answer
from whyser.prompting.prompts import OPEN
from whyser.records.corpus import Corpus, CorpusCard, SplitCard, write_card
from whyser.records.utterance import Utterance, Vote, write_utterances
from whyser.teacher.measured import write_rationales_for
from whyser.teacher.rationale import Rationale, write_rationales
from whyser_converters.datasets.dataset_info import COLUMNS, RANKING_COLUMNS, entry
from whyser_converters.datasets.preference import (
    Pairs,
    PreferencePair,
    PreferenceSpec,
    build,
    write,
)
from whyser_converters.datasets.targets import TrainingInputs

NAMED: tuple[EmotionClass, ...] = ("angry", "sad", "happy", "fear", "neutral")


def ballot(random_: random.Random) -> tuple[Vote, ...]:
    """Three votes, the first two for one class, with second choices."""
    first, last, *others = random_.sample(NAMED, 4)
    seconds = ((others[0],), (), (others[1], "confused"))
    return tuple(
        Vote(rater=str(place), primary=label, secondary=second, raw=label)
        for place, (label, second) in enumerate(zip((first, first, last), seconds, strict=True))
    )


def made_corpus(
    folder: Path,
    name: str = "a",
    *,
    count: int = 30,
    split: str = "train",
    votes: bool = True,
    classes: Sequence[EmotionClass] = NAMED,
) -> Corpus:
    """Utterances with votes, empty sound files, and beside them cues and rationales."""
    folder = folder / name
    folder.mkdir()
    random_ = random.Random(name)
    utterances = []
    for number in range(count):
        given = ballot(random_)
        (folder / f"{number}.wav").touch()
        utterances.append(
            Utterance(
                id=f"{name}/{number}", corpus=name, split=split, audio=f"{number}.wav",
                duration=1.0, sampling_rate=16000, channels=1, transcript="call me back, will you",
                speaker=None, gender=None, label=given[0].primary, label_raw="",
                votes=given if votes else (),
            )
        )  # fmt: skip
    write_utterances(folder / "utterances.jsonl", utterances)
    write_card(
        folder / "corpus.json",
        CorpusCard(
            corpus=name, title=name, licence="none", source="none", audio_root=".",
            classes=tuple(classes), options={}, utterances=count, hours=0.1, read=0, whyser="0",
        ),
    )  # fmt: skip
    write_evidence(folder, utterances, random_)
    return Corpus(folder / "utterances.jsonl")


def write_evidence(folder: Path, utterances: list[Utterance], random_: random.Random) -> None:
    all_cues = [
        Cues(id=one.id, reference="speaker", **{name: cue(random_) for name in FAMILIES})
        for one in utterances
    ]
    write_jsonl(folder / "cues.jsonl", (one.model_dump_json() for one in all_cues))
    write_rationales(folder / "rationales.jsonl", write_rationales_for(utterances, all_cues))


def cue(random_: random.Random) -> Cue:
    strength = random_.gauss(0, 1)
    return Cue(value=1.0, deviation=strength, strength=strength, level=level_of(strength))


def material(*corpora: Corpus) -> TrainingInputs:
    folders = [corpus.path.parent for corpus in corpora]
    return TrainingInputs.read(
        [folder / "rationales.jsonl" for folder in folders],
        [folder / "cues.jsonl" for folder in folders],
    )


def pairs(corpora: Sequence[Corpus], kinds: Pairs = "both", **options: Any) -> list[PreferencePair]:
    return build(corpora, PreferenceSpec("train", kinds, **options), material(*corpora)).pairs


def rewrite(corpus: Corpus, change: Callable[[Utterance], dict[str, Any]]) -> None:
    utterances = list(corpus.utterances())
    write_utterances(corpus.path, (one.model_copy(update=change(one)) for one in utterances))


# ---- what is written ----------------------------------------------------------------------


def test_rows_are_what_llamafactory_ranks(tmp_path: Path) -> None:
    corpora = [made_corpus(tmp_path, name) for name in "ab"]
    made = build(corpora, PreferenceSpec("train"), material(*corpora))
    table = tmp_path / "out" / "dataset_info.json"
    rows_file = write(made, tmp_path / "out" / "whyser_train_preference", table)
    rows = read_json(rows_file)
    manifest = [row for _, row in read_jsonl(rows_file.with_suffix(".manifest.jsonl"))]
    assert len(rows) == len(manifest) == 2 * 60
    assert made.counts == {"rationale": 60, "label": 60}
    for row, line in zip(rows, manifest, strict=True):
        assert row["messages"] == [{"role": "user", "content": f"<audio>{OPEN.text}"}]
        assert row["audios"] == [line["audio"]]
        assert row["chosen"]["role"] == row["rejected"]["role"] == "assistant"
        chosen, rejected = (parse_answer(row[side]["content"]) for side in ("chosen", "rejected"))
        assert (chosen.emotion, rejected.emotion) == (line["label"], line["rejected_label"])
        assert chosen.transcript == rejected.transcript == "call me back, will you"
        differs = {"label": chosen.emotion != rejected.emotion,
                   "rationale": chosen.rationale != rejected.rationale}  # fmt: skip
        assert [kind for kind, is_other in differs.items() if is_other] == [line["pair"]]
        assert line["antonyms"] == (TABLE_HASH if line["pair"] == "rationale" else None)
        assert (line["votes"], line["prompt"], line["split"]) == (3, OPEN.hash, "train")
        assert line["teacher"] == "measured-1"
    assert read_json(table)["whyser_train_preference"] == {
        "file_name": "whyser_train_preference.json", "formatting": "sharegpt", "ranking": True,
        "columns": {"messages": "messages", "audios": "audios", "chosen": "chosen",
                    "rejected": "rejected"},
        "tags": entry("")["tags"],
    }  # fmt: skip


def test_only_pairs_are_entered_as_such() -> None:
    assert "ranking" not in entry("d.json") and entry("d.json")["columns"] == COLUMNS
    assert entry("d.json", ranking=True)["columns"] == RANKING_COLUMNS


# ---- what is false ------------------------------------------------------------------------


def test_the_rejected_label_is_nobodys(tmp_path: Path) -> None:
    drawn: Counter[str] = Counter()
    for seed in range(5):
        for pair in pairs([corpora := made_corpus(tmp_path, f"s{seed}", count=60)], "label"):
            given = pair.utterance.annotator_labels(secondary=True)
            assert len(given) == 4 and pair.chosen.label in given
            assert pair.rejected.label in set(corpora.card.classes) - given
            drawn[pair.rejected.label] += 1
    assert set(drawn) == set(NAMED)


def test_a_rejected_label_is_as_frequent_as_the_split_has_it(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, "a", count=200, votes=False)
    rewrite(corpus, lambda one: {"label": NAMED[0]})
    write_evidence(corpus.path.parent, list(corpus.utterances()), random.Random(0))
    counts = {NAMED[1]: 89, NAMED[2]: 9}
    split = SplitCard(utterances=200, hours=None, labels=counts, speakers=1)
    card = corpus.card.model_copy(update={"splits": {"train": split}})
    write_card(corpus.path.with_name("corpus.json"), card)
    corpus = Corpus(corpus.path)
    drawn = Counter(pair.rejected.label for pair in pairs([corpus], "label"))
    free = len(set(NAMED)) - 3
    # 90 and 10 in the urn, and one of each of the others.
    assert drawn[NAMED[1]] / drawn.total() == pytest.approx(90 / (100 + free), abs=0.07)
    assert 0 < drawn[NAMED[2]] < drawn[NAMED[1]]
    assert NAMED[0] not in drawn


def test_a_consensus_against_the_votes_is_not_rejected_either(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, classes=[*NAMED, "disgust"])
    rewrite(corpus, lambda one: {"label": min(set(NAMED) - one.annotator_labels(secondary=True))})
    given = material(corpus)
    # A rationale that names no label is of the consensus, whichever that is.
    given.rationales = {(id, None): one for (id, _), one in given.rationales.items()}
    made = build([corpus], PreferenceSpec("train", "label"), given)
    assert made.counts == {"label": 30}
    assert {pair.rejected.label for pair in made.pairs} == {"disgust"}


def test_without_votes_only_the_consensus_is_spared_and_the_manifest_says_so(
    tmp_path: Path,
) -> None:
    corpus = made_corpus(tmp_path, votes=False, count=200)
    made = build([corpus], PreferenceSpec("train", "label"), material(corpus))
    assert {pair.manifest()["votes"] for pair in made.pairs} == {0}
    assert made.without_votes == len(made.pairs) == 200
    combinations = {(pair.chosen.label, pair.rejected.label) for pair in made.pairs}
    assert combinations == {(one, other) for one in NAMED for other in NAMED if one != other}


def test_where_every_class_was_given_nothing_is_rejected(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, classes=("angry", "sad"))
    made = build([corpus], PreferenceSpec("train"), material(corpus))
    of_label = made.counts["label"]
    assert 0 < of_label < 30
    assert made.dropped == {"label pair: every class was given by some annotator": 30 - of_label}


def test_the_sound_contradicts_the_rejected_rationale_and_never_the_chosen(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, count=100)
    cues = material(corpus).cues
    for pair in pairs([corpus]):
        for reply, expected in (
            (pair.chosen, {"supported"}),
            (pair.rejected, {"contradicted"} if pair.kind == "rationale" else {"supported"}),
        ):
            claims = read_claims(reply.rationale, pair.utterance.transcript)
            found = ground(claims, cues[pair.utterance.id])
            assert {verdict.outcome for verdict in found} == expected, reply
        quoted = [re.findall('"(.*?)"', one.rationale) for one in (pair.chosen, pair.rejected)]
        assert quoted[0] == quoted[1]


# ---- what is left out ---------------------------------------------------------------------


def test_what_gives_no_pair_is_counted_by_reason(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, count=10)
    given = material(corpus)
    ids = [one.id for one in corpus.utterances()]

    def text(number: int, new: str) -> None:
        key = next(key for key in given.rationales if key[0] == ids[number])
        given.rationales[key] = given.rationales[key].model_copy(update={"text": new})

    turned = next(pair for pair in pairs([corpus], "rationale") if pair.utterance.id == ids[0])
    text(0, turned.rejected.rationale)
    text(1, "The words are mumbled.")
    given.rationales = {key: one for key, one in given.rationales.items() if key[0] != ids[2]}
    del given.cues[ids[3]]
    rewrite(
        corpus,
        lambda one: {"label": None} if one.id == ids[4]
        else {"label": "other"} if one.id == ids[5]
        else {"transcript": " "} if one.id == ids[6] else {},
    )  # fmt: skip
    made = build([corpus], PreferenceSpec("train"), given)
    assert made.dropped == {
        "rationale contradicts the measurement": 1,
        "rationale pair: no claim that the sound supports": 1,
        "no rationale": 1, "no cues": 1, "no agreement": 1, "none of the eight classes": 1,
        "no transcript": 1,
    }  # fmt: skip
    # The mumbled one says nothing false: its label can still be.
    assert made.counts == {"rationale": 3, "label": 4}


def test_a_rationale_that_was_dropped_gives_none(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path, count=2)
    given = material(corpus)
    first = next(iter(given.rationales))
    given.rationales[first] = Rationale(
        id=first[0], text="Bad.", teacher="t", prompt="p", kept=False, reasons=("length",)
    )
    assert build([corpus], PreferenceSpec("train"), given).dropped == {
        "rationale dropped: length": 1
    }


@pytest.mark.parametrize("split", ["test", "test1"])
def test_test_splits_are_refused(split: str) -> None:
    with pytest.raises(InputError, match="use --split train or --split dev"):
        PreferenceSpec(split)


def test_nothing_to_pair_with_is_an_error(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    folder = corpus.path.parent
    with pytest.raises(InputError, match="need rationales"):
        build([corpus], PreferenceSpec("train"), TrainingInputs.read([], [folder / "cues.jsonl"]))
    with pytest.raises(InputError, match="need cues"):
        build(
            [corpus],
            PreferenceSpec("train"),
            TrainingInputs.read([folder / "rationales.jsonl"], []),
        )
    with pytest.raises(InputError, match="no preference pair of split 'dev' is left"):
        build([corpus], PreferenceSpec("dev"), material(corpus))
    with pytest.raises(InputError, match="duplicate id 'a/0'"):
        build([corpus, corpus], PreferenceSpec("train"), material(corpus))


def test_missing_sound_is_named(tmp_path: Path) -> None:
    corpus = made_corpus(tmp_path)
    (corpus.path.parent / "7.wav").unlink()
    with pytest.raises(BadInput, match=r"7\.wav: no such sound file for a/7"):
        pairs([corpus])


# ---- what is drawn ------------------------------------------------------------------------


def test_draws_depend_on_seed_and_id_alone(tmp_path: Path) -> None:
    first, second = (made_corpus(tmp_path, name) for name in "ab")
    both = pairs([first, second])
    assert both == pairs([second, first])
    assert [pair for pair in both if pair.utterance.corpus == "a"] == pairs([first])
    assert [pair for pair in both if pair.kind == "label"] == pairs([first, second], "label")
    other = pairs([first, second], seed=1)
    assert both != other
    assert {(pair.kind, pair.utterance.id) for pair in both} == {
        (pair.kind, pair.utterance.id) for pair in other
    }
    # LLaMA-Factory takes the first N rows: of both corpora, and of both kinds.
    assert len({(pair.kind, pair.utterance.corpus) for pair in both[:20]}) == 4


def test_a_capped_dataset_is_a_prefix_of_the_whole(tmp_path: Path) -> None:
    corpora = [made_corpus(tmp_path)]
    made = build(corpora, PreferenceSpec("train", max_samples=7), material(*corpora))
    assert made.pairs == pairs(corpora)[:7]
    assert made.dropped == {"over max_samples": 53}


# ---- the command --------------------------------------------------------------------------


def test_the_command_writes_and_tells(convert: Callable[..., Any], tmp_path: Path) -> None:
    folders = [made_corpus(tmp_path, name, votes=name == "a").path.parent for name in "ab"]
    given: list[object] = [folder / "utterances.jsonl" for folder in folders]
    for folder in folders:
        given += ["--rationales", folder / "rationales.jsonl", "--cues", folder / "cues.jsonl"]
    output = tmp_path / "rows" / "whyser_train_preference"
    outcome = convert("preference", *given, "--split", "train", "--output", output)
    assert outcome.status == 0, outcome.err
    assert "wrote 120 pairs to" in outcome.err and "60 by rationale, 60 by label" in outcome.err
    assert "note: 30 label pairs come from utterances without released votes" in outcome.err
    assert {one.name for one in output.parent.iterdir()} == {
        "whyser_train_preference.json", "whyser_train_preference.manifest.jsonl",
        "dataset_info.json",
    }  # fmt: skip
    refused = convert("preference", *given, "--split", "test", "--output", tmp_path / "no" / "d")
    assert refused.status == 1 and "use --split train" in refused.err
    assert not (tmp_path / "no").exists()
