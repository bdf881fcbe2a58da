"""Subsets that are scored separately: agreement, corpora, genders, and no consensus."""

import numpy as np
import pytest
from scipy.stats import entropy as scipy_entropy

from whyser.labels.classes import CLASSES
from whyser.labels.votes import entropy
from whyser.records.utterance import Utterance
from whyser_eval.metrics.classification import f1_all_labels, f1_multilabel, f1_relaxed, hit_rate
from whyser_eval.metrics.data import MISS, Items
from whyser_eval.scoring.subsets import subsets_of


def utterances(world, *changes):
    return [
        Utterance.model_validate(world.utterance(number, "sad", **change))
        for number, change in enumerate(changes)
    ]


def masks(found):
    return {name: subset.mask.astype(int).tolist() for name, subset in found.items()}


def test_agreement_is_cut_at_half_and_three_quarters(world):
    votes = (
        ["sad", "sad", "fear", "angry"],  # 1/2
        ["sad", "sad", "fear"],  # 2/3
        ["sad", "sad", "sad", "fear"],  # 3/4
        ["sad"] * 5,  # 1
    )
    found = subsets_of(utterances(world, *({"votes": one} for one in votes)), CLASSES, {})
    assert masks(found) == {
        "all": [1, 1, 1, 1],
        "strict": [0, 1, 1, 1],
        "agreement:0-0.5": [1, 0, 0, 0],
        "agreement:0.5-0.75": [0, 1, 1, 0],
        "agreement:0.75-1": [0, 0, 0, 1],
    }


#: Votes of a few annotators, their entropy in bits, and its band.
ENTROPIES = [
    (["sad"] * 5, 0.0, "low"),
    (["sad"] * 4 + ["fear"], 0.722, "low"),
    (["sad"] * 8 + ["fear"] * 2, 0.722, "low"),
    (["sad"] * 3 + ["fear"], 0.811, "mid"),
    (["sad"] * 2 + ["fear"], 0.918, "mid"),
    (["sad"] * 3 + ["fear"] * 2, 0.971, "mid"),
    (["sad"] * 3 + ["fear", "angry"], 1.371, "mid"),
    # On the bound, whose last digit decides nothing.
    (["sad"] * 2 + ["fear", "angry"], 1.5, "mid"),
    (["sad"] * 2 + ["fear"] * 2 + ["angry"], 1.522, "high"),
    (["sad", "fear", "angry"], 1.585, "high"),
    ([*CLASSES], 3.0, "high"),
    # Votes for Other are no disagreement about the eight classes.
    (["sad", "other", "other"], 0.0, "low"),
    (["other", "other"], 0.0, "low"),
]


def test_the_entropy_of_the_votes_has_fixed_bands(world):
    for votes, bits, _ in ENTROPIES:
        counts = np.unique([one for one in votes if one != "other"], return_counts=True)[1]
        assert entropy(votes) == pytest.approx(bits, abs=6e-4)
        assert entropy(votes) == pytest.approx(
            float(scipy_entropy(counts, base=2) if len(counts) else 0)
        )
    rows = utterances(world, *({"votes": votes} for votes, _, _ in ENTROPIES))
    found = subsets_of(rows, CLASSES, {}, entropy=True)
    for name in ("low", "mid", "high"):
        expected = [int(band == name) for _, _, band in ENTROPIES]
        assert found[f"entropy:{name}"].mask.astype(int).tolist() == expected
    assert not any(name.startswith("entropy:") for name in subsets_of(rows, CLASSES, {}))


def test_without_votes_the_entropy_is_known_where_the_corpus_released_none(world):
    """As for agreement: MELD counts as unanimous, and a corpus with votes has one unknown."""
    rows = utterances(
        world,
        {"votes": ["sad", "fear"]},
        {"votes": []},
        {"id": "meld/2", "corpus": "meld", "votes": []},
    )
    found = subsets_of(rows, CLASSES, {}, entropy=True)
    assert found["entropy:mid"].mask.tolist() == [True, False, False]
    assert found["entropy:low"].mask.tolist() == [False, False, True]


def test_bands_of_entropy_are_scored_where_they_are_asked_for(world, whyser_eval):
    world.utterances[0] = world.utterance(0, "angry", ["angry", "angry", "sad", "sad", "fear"])
    whyser_eval(*world.score_arguments())
    before = world.scores()
    whyser_eval(*world.score_arguments("--entropy"))
    after = world.scores()
    assert after["tiny", "none", "entropy:high", "hit_rate"]["n"] == 1
    # 3-1 of four votes: 0.811 bits. Neutral has four votes of neutral.
    assert after["tiny", "none", "entropy:mid", "hit_rate"]["n"] == 13
    assert after["tiny", "none", "entropy:low", "hit_rate"]["n"] == 2
    # The votes decide who is in it, so the signature has their hash.
    votes = dict(
        pair.split(":", 1)
        for pair in after["prior", "none", "entropy:low", "f1_majority"]["signature"].split("|")[1:]
    )["votes"]
    for key, row in after.items():
        if key[2].startswith("entropy:"):
            assert f"|votes:{votes}|" in row["signature"]
        else:
            assert row["value"] == before[key]["value"] and "votes:" not in row["signature"]
    world.utterances[0] = world.utterance(0, "angry", ["angry", "angry", "angry", "sad", "fear"])
    whyser_eval(*world.score_arguments("--entropy"))
    assert votes not in world.scores()["tiny", "none", "entropy:low", "hit_rate"]["signature"]


def test_groups_that_are_the_whole_or_nothing_are_left_out(world):
    both = utterances(world, {"gender": "female"}, {"gender": "male"}, {"gender": None})
    assert masks(subsets_of(both, CLASSES, {})) == {
        "all": [1, 1, 1], "strict": [1, 1, 1],
        "gender:female": [1, 0, 0], "gender:male": [0, 1, 0],
    }  # fmt: skip
    assert set(subsets_of(both[:1], CLASSES, {})) == {"all", "strict"}


def test_a_corpus_is_averaged_over_its_own_classes(world):
    rows = utterances(world, {}, {"id": "meld/1", "corpus": "meld"})
    found = subsets_of(rows, CLASSES, {"meld": ("sad", "happy")})
    chosen = [name for name, own in zip(CLASSES, found["corpus:meld"].classes, strict=True) if own]
    assert chosen == ["sad", "happy"]
    assert found["corpus:msp_podcast"].classes is None


def test_metrics_without_a_consensus_by_hand():
    """Classes a, b, c; no agreement on two items with A = {a, b}: one says b, the other c."""
    items = Items(
        np.array([MISS, MISS]),
        np.array([1, 2]),
        np.array([[True, True, False], [True, True, False]]),
    )
    # D1: the first is a hit, TP of b. The second is FP of c and half a miss of a and of b each.
    # F1: a 0; b 2 / (2 + 0.5); c 0 / 1.
    assert f1_all_labels(items).per_column == pytest.approx([0, 2 / 2.5, 0])
    # D2: a missed twice; b one TP, one FN; c one FP.
    assert f1_multilabel(items).per_column == pytest.approx([0, 2 / 3, 0])
    # D3: FN only where there was no hit.
    assert f1_relaxed(items).per_column == pytest.approx([0, 2 / 3, 0])
    assert hit_rate(items).value == 0.5


def without_agreement(world):
    world.utterances.append(world.utterance(16, None, ["sad", "happy"]))
    world.predictions.append(world.prediction("msp_podcast/clip_16", "happy"))
    world.utterances.append(world.utterance(17, None, ["other", "other"]))
    world.predictions.append(world.prediction("msp_podcast/clip_17", "happy"))


def test_no_agreement_is_scored_where_it_is_asked_for(world, whyser_eval):
    without_agreement(world)
    status, _, err = whyser_eval(*world.score_arguments("--all-inclusive"))
    assert status == 0, err
    rows = world.scores()
    assert rows["tiny", "none", "all", "f1_all_labels"]["n"] == 16
    assert rows["tiny", "none", "all_inclusive", "f1_all_labels"]["n"] == 17
    assert ("tiny", "none", "all_inclusive", "f1_majority") not in rows
    assert rows["prior", "none", "all_inclusive", "hit_rate"]["n"] == 17
    assert world.samples()[16]["label"] is None
    # 17 holds no vote for a class at all.
    assert "1 predictions not scored: no agreement" in err


def test_what_is_scored_without_asking_stays_the_same(world, whyser_eval):
    whyser_eval(*world.score_arguments())
    before = world.scores()["tiny", "none", "all", "f1_majority"]
    without_agreement(world)
    whyser_eval(*world.score_arguments("--all-inclusive"))
    after = world.scores()["tiny", "none", "all", "f1_majority"]
    assert after["value"] == before["value"]
    # What has no consensus moves no figure of what has, nor its signature.
    assert after["signature"] == before["signature"]
    whole = world.scores()["tiny", "none", "all_inclusive", "hit_rate"]["signature"]
    assert refs(whole) != refs(before["signature"])


def refs(signature):
    return dict(pair.split(":", 1) for pair in signature.split("|")[1:])["refs"]


def test_a_single_utterance_has_its_score_and_no_other(world, whyser_eval):
    """Two of three draws of 16 hold the one woman; the others say nothing of women."""
    world.utterances[0]["gender"] = "female"
    for row in world.utterances[1:]:
        row["gender"] = "male"
    whyser_eval(*world.score_arguments())
    row = world.scores()["tiny", "none", "gender:female", "hit_rate"]
    assert (row["value"], row["low"], row["high"], row["n"]) == (1, 1, 1, 1)


def test_a_missing_answer_is_missed_there_too(world, whyser_eval):
    without_agreement(world)
    del world.predictions[16]
    status, _, err = whyser_eval(*world.score_arguments("--all-inclusive"))
    assert status == 1
    assert "clip_16" in err


def test_a_corpus_is_signed_with_the_classes_that_it_can_name(world, whyser_eval, tmp_path):
    world.write_card(tmp_path / "meld", classes=["angry", "sad"])
    rows = [world.utterance(n, "sad", id=f"meld/{n}", corpus="meld") for n in range(3)]
    other = world.write_jsonl(tmp_path / "meld" / "utterances.jsonl", rows)
    world.predictions += [world.prediction(row["id"], "sad") for row in rows]
    status, _, err = whyser_eval(*world.score_arguments("--references", other))
    assert status == 0, err

    def signed(subset, metric):
        return world.scores()["tiny", "none", subset, metric]["signature"].split("|")

    assert "labels:2" in signed("corpus:meld", "f1_majority")
    assert "labels:8" in signed("all", "f1_majority")
    assert "avg:macro" in signed("all", "ua")
    for metric in ("wa", "hit_rate", "f1:sad", "recall:sad"):
        assert "avg:none" in signed("all", metric)
