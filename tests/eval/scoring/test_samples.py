"""samples.jsonl: what a report and a second look need of each answer."""

import pytest


def test_samples_hold_what_a_second_look_needs(world, run):
    run()
    sample = world.samples()[1]
    assert sample == {
        "id": "msp_podcast/clip_1",
        "system": "tiny",
        "form": "open",
        "control": "none",
        "variant": 0,
        "corpus": "msp_podcast",
        "split": "test1",
        "speaker": "msp_podcast/1",
        "gender": None,
        "label": "sad",
        "annotators": ["neutral", "sad"],
        "votes": {"sad": 3, "neutral": 1},
        "is_strict": True,
        "audio": str(world.folder / "sound files" / "clip 1.wav"),
        "reference_transcript": "These are the words of clip 1.",
        "prediction": "sad",
        "stage": "tag",
        "word": "sad",
        "two_emotions": False,
        "is_hit": True,
        "probabilities": None,
        "transcript": None,
        "rationale": "Low pitch.",
        "claims": None,
        "attributes": None,
        "text": "<answer>I think the emotion is sad</answer><reason>Low pitch.</reason>",
    }


@pytest.mark.parametrize("audio", ["/etc/hostname", "../../secret.wav"])
def test_a_sound_outside_the_corpus_is_no_sample(whyser_eval, world, audio):
    arguments = world.score_arguments()
    own = world.utterances[0] | {"audio": audio}
    world.write_jsonl(world.references_file, [own, *world.utterances[1:]])
    status, _, err = whyser_eval(*arguments)
    assert status == 1
    assert f"utterances.jsonl: the sound of {own['id']} is {audio!r}, which lies outside" in err
