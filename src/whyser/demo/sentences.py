"""The sentences: short, and without emotion words.

A sentence is drawn independently of the emotion, so a system that only reads the transcript scores
at chance.
"""

from __future__ import annotations

CREMA_D = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
"""The corpus' own sentences, by their code in the file names."""

MSP_PODCAST = tuple(f"{text}." for text in CREMA_D.values())
"""A podcast has no fixed sentences, but a tiny model can learn to transcribe twelve."""

RAVDESS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
"""The corpus' own two statements, by their code in the file names."""

IEMOCAP = (
    "Do you have your forms?",
    "Let me see your ID.",
    "This is the wrong line.",
    "Can I speak to your supervisor?",
    "I was told to come here.",
    "They sent it to the old address.",
    "Is there another window?",
    "You need two copies of that.",
    "I have been here since noon.",
    "Where did you put the keys?",
    "The plane leaves at seven.",
    "I will call you on Monday.",
)

MELD = (
    "The coffee is on the table.",
    "There's a chair by the window.",
    "So, you took the train?",
    "He's at the museum, I guess.",
    "I left it in the hall.",
    "You know, it's the same hat.",
    "Okay, who has the remote?",
    "That's the second sandwich.",
    "She moved across the street.",
    "We're going out for lunch.",
    "Is that the blue one?",
    "It came in the mail, see?",
)
"""As spoken; the tables have curly apostrophes, like those of the corpus."""
