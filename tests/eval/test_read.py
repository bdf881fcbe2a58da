"""The rule reader: what it takes for an answer, what it refuses, and how long hostile text takes.

The answers below were written by hand for this test; none is a training target.
"""

import csv
import time
from importlib import resources

import pytest

from whyser.answer import render_answer
from whyser.labels import ALIASES, CLASSES, OTHER, canonical
from whyser_eval.lexicon import fold, lexicon
from whyser_eval.read import UNREAD, read_answer

# (form, answer, label; None = unread), by the convention that each shows.
ANSWERS = [
    # The answer block of Eq. 1 wins over transcript and reason.
    ("open", "<asr>I am so happy.</asr><answer>I think the emotion is sad</answer>", "sad"),
    ("open", "<answer>I think the emotion is angry</answer><reason>No joy here.</reason>", "angry"),
    ("open", "<answer>fear</answer><reason>It could be surprise.</reason>", "fear"),
    ("open", "<ANSWER> Neutral. </ANSWER>", "neutral"),
    ("open", "<answer>I think the emotion is contempt<reason>A sneer.</reason>", "contempt"),
    ("open", "<answer>I think the emotion is frustrated</answer>", "other"),
    ("open", "<answer>I think the emotion is zesty</answer><reason>Sad words.</reason>", "other"),
    ("closed", "<answer>D. Surprise</answer>", "surprise"),
    ("closed", "<answer>F</answer>", "disgust"),
    ("open", "<think>Sad or angry? Hm.</think>Angry.", "angry"),
    ("open", "<reason>The voice drops. I think the emotion is sad. It is slow.</reason>", "sad"),
    # Explicit statements in prose beat candidates weighed on the way.
    ("open", "The tone is sharp, maybe angry at first. I think the emotion is disgust.", "disgust"),
    ("open", "She may be sad, or afraid.\n\nFinal answer: fear", "fear"),
    ("open", "**Emotion:** Happy\n**Reason:** an angry crowd can be heard behind him.", "happy"),
    ("open", "The emotion expressed in the audio is sadness.", "sad"),
    ("open", "The speaker's emotion appears to be contempt, not anger.", "contempt"),
    ("open", "Based on the pitch, I would say surprise.", "surprise"),
    ("open", "I'd go with angry here.", "angry"),
    ("open", '{"emotion": "disgust", "confidence": 0.9}', "disgust"),
    ("open", "Step 1: words are happy. Step 2: low voice. So the answer is \\boxed{sad}.", "sad"),
    ("open", "It starts out neutral.\nThe pitch rises.\n\nSurprise", "surprise"),
    ("open", "I don't think the emotion is sad. I think the emotion is neutral.", "neutral"),
    ("open", "I think the emotion is not happy but sad.", "sad"),
    ("open", "Answer: the speaker is annoyed.", "angry"),
    ("open", "If I had to pick one, the emotion is fear.", "fear"),
    ("open", 'The emotion is "surprise".', "surprise"),
    # Letters count under the closed form only; a word wins against a letter.
    ("closed", "C", "happy"),
    ("closed", "(b)", "sad"),
    ("closed", "**G.**", "contempt"),
    ("closed", "The correct option is E.", "fear"),
    ("closed", "The answer is A because the voice is harsh and loud.", "angry"),
    ("closed", "My answer is (H).", "neutral"),
    ("closed", "I", "other"),
    ("closed", "I. Other", "other"),
    ("closed", "C. Sad", "sad"),
    ("closed", "Option B: Happy", "happy"),
    ("closed", "B\nThe voice is slow and quiet.", "sad"),
    ("closed", "A sad voice, I believe.", "sad"),
    ("closed", "J", None),
    ("closed", "K.", None),
    ("open", "C", None),
    ("open", "The answer is E.", None),
    # Words in prose; negation.
    ("open", "Happy", "happy"),
    ("open", "angry.", "angry"),
    ("open", "The speaker sounds furious.", "angry"),
    ("open", "He is not angry, he is sad.", "sad"),
    ("open", "There is no anger in the voice; it is rather anxious.", "fear"),
    ("open", "Neither happy nor sad: the voice is neutral.", "neutral"),
    ("open", "This isn't fear. It's disgust.", "disgust"),
    ("open", "Not happy, sad, or angry. Simply neutral.", "neutral"),
    ("open", "Sad rather than angry.", "sad"),
    ("open", "Rather than angry, she seems amused.", "happy"),
    ("open", "She is not only angry but loud.", "angry"),
    ("open", "No doubt the speaker is scared.", "fear"),
    ("open", "Anger can be ruled out. The speaker is astonished.", "surprise"),
    ("open", "The voice is without any joy and sounds depressed.", "sad"),
    ("open", "More annoyed than afraid.", "angry"),
    ("open", "The speaker is unhappy.", "sad"),
    ("open", "A matter-of-fact delivery, nothing stands out.", "neutral"),
    ("open", "The speaker shows no strong emotion.", "neutral"),
    ("open", "The speaker is calm.", "other"),
    ("open", "Sounds bored and tired to me.", "other"),
    ("open", "The speaker is sarcastic.", "other"),
    # Two emotions: the first that has a class.
    ("open", "Sad and angry.", "sad"),
    ("open", "Frustrated, even angry.", "angry"),
    ("open", "A mix of surprise and happiness.", "surprise"),
    # Hypothetical, quoted, other people's, conceded.
    ("open", "If she were angry, the voice would be louder. She is sad.", "sad"),
    ("open", "An angry speaker would shout. This one is afraid.", "fear"),
    ("open", 'The words "I am so happy" contrast with a miserable tone.', "sad"),
    ("open", "He says 'I'm not angry' through his teeth, and he is furious.", "angry"),
    ("open", "Her mother is angry, but the speaker is frightened.", "fear"),
    ("open", "It makes the listener sad; the speaker is disgusted.", "disgust"),
    ("open", "Although the words are happy, the voice is sad.", "sad"),
    ("open", "Transcript: I'm so angry with you\nThe speaker sounds happy.", "happy"),
    ("open", "The pitch is flat and the volume low. Overall, the speaker seems sad.", "sad"),
    # Refusals, echoes, answers that were cut off.
    ("open", "I'm sorry, I can't listen to audio files.", None),
    ("open", "As an AI language model I am happy to help, but I cannot hear the clip.", None),
    ("open", "Please provide the audio so that I can tell whether it is sad.", None),
    ("open", "I cannot determine whether the speaker is happy, sad, or angry.", None),
    ("open", "It is not clear.", None),
    ("open", "The speaker talks about the weather.", None),
    ("open", "", None),
    ("open", " \n\t", None),
    ("closed", "A. Angry B. Sad C. Happy D. Surprise E. Fear F. Disgust G. Contempt", None),
    ("closed", "A. Angry\nB. Sad\nC. Happy\nD. Surprise\nAnswer: B", "sad"),
    ("closed", "Choose from: Angry, Sad, Happy, Surprise, Fear, Disgust, Contempt", None),
    ("open", "<asr>I am angry</asr><answer>I think the emotion is su", None),
    ("open", "<asr>I am so sad and", None),
    ("open", "<think>The voice is angry, so", None),
    ("open", "The voice sounds angry. Final answer:", None),
    ("open", "<answer>I cannot determine the emotion.</answer>", None),
    ("open", "<answer>not sad</answer>", None),
    # Other languages.
    ("open", "Die Person ist nicht traurig, sondern wütend.", "angry"),
    ("open", "Die Stimme klingt ängstlich.", "fear"),
    ("open", "L'émotion est la tristesse.", "sad"),
    ("open", "La personne n'est pas en colère, elle est surprise.", "surprise"),
    ("open", "La emoción es alegría.", "happy"),
    ("open", "Está asustada, sin enojo.", "fear"),
    ("open", "La voce esprime disprezzo.", "contempt"),
    ("open", "说话者不是生气,而是悲伤。", "sad"),
    ("open", "语气非常高兴。", "happy"),
    ("open", "話者は怒っていない。悲しみを感じます。", "sad"),
    ("open", "驚き", "surprise"),
    # Hostile marks.
    ("open", "\u202eSad\u202c", "sad"),
    ("open", "Hap\u200bpy\x00", "happy"),
    ("closed", "\uff23", "happy"),  # a full-width C
]


@pytest.mark.parametrize(("form", "answer", "label"), ANSWERS)
def test_an_answer_is_read_by_the_conventions(form, answer, label):
    assert read_answer(answer, form=form).label == label


@pytest.mark.parametrize("form", ["open", "closed"])
@pytest.mark.parametrize("label", CLASSES)
def test_what_is_rendered_for_training_is_read_back(label, form):
    for transcript in (None, "I am angry, happy and sad."):
        for rationale in (None, "This is fear, not surprise. I think the emotion is disgust."):
            text = render_answer(label, transcript=transcript, rationale=rationale)
            reading = read_answer(text, form=form)
            assert (reading.label, reading.stage) == (label, "tag")
            assert not reading.two_emotions


@pytest.mark.parametrize(
    ("form", "answer", "stage"),
    [
        ("open", "<answer>sad</answer>", "tag"),
        ("open", "I think the emotion is sad", "sentence"),
        ("closed", "B", "letter"),
        ("closed", "<answer>B</answer>", "letter"),
        ("closed", "The answer is B.", "letter"),
        ("open", "A gloomy voice", "lexicon"),
        ("open", "no idea", "unread"),
    ],
)
def test_a_reading_names_its_stage(form, answer, stage):
    assert read_answer(answer, form=form).stage == stage


@pytest.mark.parametrize(
    ("answer", "two"),
    [
        ("Sad and angry.", True),
        ("Furious and angry.", False),
        ("Angry, not sad.", False),
        ("<answer>I think the emotion is happy and surprised</answer>", True),
    ],
)
def test_two_emotions_are_flagged(answer, two):
    assert read_answer(answer, form="open").two_emotions is two


HOSTILE = [
    "a",
    "sad ",
    "not angry, ",
    "<answer>",
    "the emotion is ",
    "i think the emotion is not ",
    '"',
    "' a",
    "\u201c",
    "A. Angry B. Sad C. Happy ",
    "overall ",
    "< ",
    "\n",
    " ",
    "\u4e0d",
    "\u202e\x00",
]


@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_hostile_text_takes_linear_time(piece):
    # A hundred thousand characters: a quadratic rule would need minutes.
    for text in (piece * (100_000 // len(piece)), f"<answer>{piece * 9_999}x</answer>"):
        start = time.process_time()
        read_answer(text, form="closed")
        assert time.process_time() - start < 3


def test_a_megabyte_of_prose_is_read():
    text = "The speaker goes on about the weather, not angry at all. " * 18_000 + "She is afraid."
    assert len(text) > 1_000_000
    assert read_answer(text, form="open").label == "fear"


def test_markup_is_only_text():
    assert read_answer("<script>alert('sad')</script>", form="open").label in {"sad", None}
    assert read_answer("<svg/onload=x>", form="open") == UNREAD


def test_every_word_of_the_table_has_one_class_and_a_reason():
    table = resources.files("whyser_eval").joinpath("grouping.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    folded = [fold(row["word"]) for row in rows]
    assert len(set(folded)) == len(folded)
    assert not {fold(name) for name in (*CLASSES, *ALIASES)} & set(folded)
    for row in rows:
        assert canonical(row["class"]) in {*CLASSES, OTHER}
        assert row["use"] in {"prose", "statement"}
        assert row["reason"].strip()


def test_every_word_of_the_table_is_read_as_its_class():
    for entry in lexicon().entries:
        reading = read_answer(f"<answer>I think the emotion is {entry.word}</answer>", form="open")
        assert reading.label == entry.label, entry.word
