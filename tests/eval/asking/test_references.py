"""With whom a voice is compared, held against a calculation by hand and against cues.py."""

import csv
from importlib import resources

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from whyser.evidence.acoustics import Acoustics, nothing
from whyser.evidence.cues import relate
from whyser.io.errors import InputError
from whyser.records.utterance import Utterance
from whyser_eval.asking.references import (
    Reference,
    Usual,
    compare,
    of_corpus,
    of_speaker,
    population,
    usual_of,
)

PITCH = Acoustics(pitch=240.0, rate=5.0, loudness=66.0)


def test_a_cue_is_its_distance_from_the_usual_value_in_spreads():
    usual = {"pitch": Usual(12 * np.log2(120), 4.0), "rate": Usual(6.0, 0.1)}
    voice = compare(PITCH, [Reference("corpus", "somebody", usual)])
    pitch, rate = voice.cues["pitch"].cue, voice.cues["rate"].cue
    assert (pitch.deviation, pitch.strength, pitch.level) == (pytest.approx(12), 3.0, "high")
    # No spread is below what can be heard, here 0.4 syllables a second.
    assert (rate.deviation, rate.strength, rate.level) == (-1.0, -2.5, "low")
    assert voice.unmeasured == {"loudness": "no reference"}


def test_the_best_reference_that_has_a_measure_counts():
    one = Reference("speaker", "clips", {"pitch": Usual(90.0, 1.0)})
    other = Reference("population", "people", {"pitch": Usual(80.0, 1.0), "rate": Usual(5.0, 1.0)})
    voice = compare(PITCH, [one, other])
    assert {name: cue.kind for name, cue in voice.cues.items()} == {
        "pitch": "speaker", "rate": "population",
    }  # fmt: skip
    assert voice.references == [one, other]
    assert compare(Acoustics(pitch=240.0), [one, other]).references == [one]


def test_what_the_clip_does_not_show_keeps_its_reason():
    voice = compare(nothing("background noise"), [population(None)])
    assert not voice.cues and set(voice.unmeasured.values()) == {"background noise"}


def test_a_pitch_far_below_the_speakers_own_is_half_of_it():
    reference = Reference("speaker", "clips", {"pitch": Usual(12 * np.log2(240), 1.0)})
    voice = compare(Acoustics(pitch=120.0), [reference])
    assert not voice.cues and voice.unmeasured["pitch"] == "octave jumps"


def test_usual_values_are_those_of_cues(tmp_path):
    """The cue of a corpus' own clip is that of `relate`, which scores use."""
    rng = np.random.default_rng(0)
    measured = [Acoustics(pitch=p, rate=r) for p, r in rng.uniform((90, 3), (200, 6), (20, 2))]
    fields = {
        "corpus": "c", "split": "test", "audio": None, "duration": None, "sampling_rate": None,
        "channels": None, "transcript": "", "speaker": "c/1", "gender": None, "label": "sad",
        "label_raw": "s",
    }  # fmt: skip
    utterances = [Utterance(id=f"c/{number}", **fields) for number in range(20)]
    expected = list(relate(utterances, measured))
    values = {name: [getattr(one, name) for one in measured] for name in ("pitch", "rate")}
    usual = usual_of(values)
    spread = median_abs_deviation(values["rate"], scale="normal")
    assert usual["rate"].spread == pytest.approx(spread, rel=1e-4)
    reference = Reference("speaker", "c", usual)
    for one, cues in zip(measured, expected, strict=True):
        voice = compare(one, [reference])
        assert voice.unmeasured == cues.unmeasured
        for name in ("pitch", "rate"):
            if (cue := getattr(cues, name)) is not None:
                assert voice.cues[name].cue.strength == pytest.approx(cue.strength)
                assert voice.cues[name].cue.level == cue.level


def test_other_clips_of_the_speaker_show_loudness_but_no_rate(speak):
    clips = [speak(f"{number}.wav", hertz=100 + number, level=0.2) for number in range(8)]
    reference = of_speaker(clips)
    assert reference.what == "8 clips of the same speaker"
    assert 2 ** (reference.usual["pitch"].median / 12) == pytest.approx(103.5, abs=1)
    assert "loudness" in reference.usual and "rate" not in reference.usual
    with pytest.raises(InputError, match="has 7 clips, too few"):
        of_speaker(clips[1:])


# ---- a corpus -------------------------------------------------------------------------------


@pytest.fixture
def corpus(world):
    """Eight women with a pitch of 200 Hz and one man with 100 Hz, and their cues."""
    world.utterances = [
        world.utterance(number, "sad", gender="female" if number else "male") for number in range(9)
    ]
    world.write()
    none = dict.fromkeys(("pitch_range", "loudness", "rate", "pauses"))
    cue = {"deviation": 0, "strength": 0, "level": "normal"}
    cues = [
        {"id": row["id"], "reference": "gender", **none,
         "pitch": cue | {"value": 200 if row["gender"] == "female" else 100}}
        for row in world.utterances
    ]  # fmt: skip
    return world.references_file, world.write_jsonl(world.folder / "cues.jsonl", cues)


def test_a_corpus_compares_with_its_speakers_of_the_gender(corpus):
    women = of_corpus(*corpus, "female")
    assert women.what == "8 clips by women of A corpus for a test"
    assert 2 ** (women.usual["pitch"].median / 12) == pytest.approx(200)
    assert set(women.usual) == {"pitch"}
    # One man is too few, so everybody counts.
    assert of_corpus(*corpus, "male").what == "9 clips of A corpus for a test"


def test_cues_of_another_corpus_are_named(corpus, world, tmp_path):
    other = world.write_jsonl(tmp_path / "other.jsonl", [])
    with pytest.raises(InputError, match=r"has cues of 0 clips of .*whyser-teach cues"):
        of_corpus(corpus[0], other, None)


# ---- people in general ----------------------------------------------------------------------


def test_people_in_general_lie_between_women_and_men():
    women, men, people = (population(gender).usual for gender in ("female", "male", None))
    assert set(people) == {"pitch", "pitch_range", "rate"}
    for name, usual in people.items():
        assert usual.median == pytest.approx((women[name].median + men[name].median) / 2)
    # An even mixture of two normal distributions, by drawing from them.
    rng = np.random.default_rng(0)
    drawn = [rng.normal(one["pitch"].median, one["pitch"].spread, 200_000) for one in (women, men)]
    assert people["pitch"].spread == pytest.approx(np.concatenate(drawn).std(), rel=0.01)


#: The sentences of RAVDESS by their code.
SAID = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_figures_are_those_of_real_clips(shared_data):
    from concurrent.futures import ProcessPoolExecutor

    clips = sorted((shared_data / "ravdess").glob("*/*.wav"))
    with ProcessPoolExecutor() as pool:
        measured = list(pool.map(_measured, clips, chunksize=20))
    parts = [clip.stem.split("-") for clip in clips]
    text = (resources.files("whyser_eval.asking") / "population.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        if row["measure"] not in ("pitch", "pitch_range", "rate"):
            continue
        is_odd = row["gender"] == "male"
        own = [
            (getattr(one, row["measure"]), part[2] in ("01", "02"))
            for one, part in zip(measured, parts, strict=True)
            if int(part[6]) % 2 == is_odd and getattr(one, row["measure"]) is not None
        ]
        usual = usual_of({row["measure"]: [value for value, _ in own]})
        assert usual[row["measure"]].spread == pytest.approx(float(row["spread"]), rel=0.05)
        calm = np.median([value for value, is_calm in own if is_calm])
        assert calm == pytest.approx(float(row["usual"]), rel=0.05)


def _measured(path):
    from whyser.evidence.acoustics import measure
    from whyser.io import audio

    return measure(audio.load(path), SAID[path.stem.split("-")[4]])
