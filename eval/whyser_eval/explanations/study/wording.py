"""What raters are told unless a file says it otherwise."""

from __future__ import annotations

from whyser_eval.explanations.study.material import Test

TITLE = "Does this explanation fit the voice?"

CONSENT = """\
You will listen to short clips of speech and judge written explanations of the emotion in them. \
There are {items}; most take half a minute. Pause whenever you like: this browser remembers where \
you were.

Taking part is voluntary. You may stop at any time and need not say why.

This page sends nothing to anyone. Your answers stay in this browser until you download them as \
one file and hand it on yourself. The file holds the code that you enter below, your choices, how \
long each took, how often you listened, and when you began and saved. It does not hold your name, \
unless you enter that as your code.

Some clips hold strong feelings or strong language. Headphones in a quiet place are best."""

INSTRUCTIONS: dict[Test, str] = {
    "accept": """\
You hear a clip and read one explanation: an emotion, and the reasons given for it.

Accept it if the emotion and its reasons are plausible for this voice, even if you might have \
chosen another word. Reject it if they are not: if the emotion does not fit, or the reasons tell \
of something that you do not hear.

There is no answer that is right for everyone. We ask for your own impression.""",
    "prefer": """\
You hear a clip and read two explanations of it, A and B. Each names an emotion and gives its \
reasons.

Choose the one that explains better what you hear, the emotion and the reasons together. If \
neither fits well, choose the one that comes nearer.

There is no answer that is right for everyone. We ask for your own impression.""",
}

#: What an attention check says in place of an explanation.
ACCEPT_CHECK = "This item checks attention. Whatever you hear, please choose: {choice}."
PREFER_CHECK = {
    True: "This item checks attention. Whatever you hear, please prefer this explanation.",
    False: "This item checks attention. Whatever you hear, please prefer the other explanation.",
}
