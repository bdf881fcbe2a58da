"""Fields of JSON: whole, broken and cut; which of them names the emotion."""

import pytest

from whyser.labels.lexicon import lexicon
from whyser_eval.reading.fields import answer_values, fields, scored_fields


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"emotion": "sad", "confidence": 0.9}', ["sad"]),
        ("{'emotion': 'sad', 'note': 'it's low'}", ["sad"]),
        ('here it is:\n```json\n{"final_emotion": "fear"}\n```', ["fear"]),
        ('{"emotion": null}', []),
        ('{"emotion": {"label": "fear"}}', ["fear"]),
        ('{"emotion": ["sad", "fear"]}', ['["sad", "fear"]']),
        ('{"reason": "the \\"emotion\\": \\"joy\\" is quoted", "emotion": "sad"}', ["sad"]),
        ('{"emotion": "sad", "reason": "it is lo', ["sad"]),
        ('{"reason": "low"}', None),
        ('{"secondary_emotion": "joy"}', None),
        ('"emotion": "sad"', None),
    ],
)
def test_the_keys_of_the_answer_are_found(text, values):
    assert answer_values(fields(text)) == values


def test_scores_compare_labels_but_not_segments():
    scored = '[{"label": "sad", "score": 0.1}, {"label": "joy", "score": 0.9}]'
    found = scored_fields(fields(scored), lexicon())
    assert [(one.label, one.share) for one in found] == [("sad", 0.1), ("happy", 0.9)]
    segments = (
        '[{"start": 0, "label": "sad", "score": 0.1}, {"start": 1, "label": "joy", "score": 1}]'
    )
    assert scored_fields(fields(segments), lexicon()) == []
