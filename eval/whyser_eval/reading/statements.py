"""Explicit statements of the answer: "Final answer: sad", "I would say B", `{"emotion": "sad"}`.

Each function finds where a statement begins; what follows is read by the caller. The text is
folded.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from whyser.labels.lexicon import fold
from whyser.prompting.answer import SENTENCE
from whyser_eval.reading.tokens import STOPS

#: Statements that are read, from the last one back, and characters of each.
_READ, _LENGTH = 20, 600

MARKUP = " \t\n*_`\"'#>{}[]$<"

EQ1 = fold(SENTENCE).strip()
SENTENCE_OF_EQ1 = re.compile(EQ1)

_ANSWER = (
    "answer|ans|response|verdict|prediction|classification|result|conclusion|label"
    # Spanish, Portuguese, Italian, French, German, Russian
    "|respuesta|resposta|risposta|reponse|antwort|\u043e\u0442\u0432\u0435\u0442"
    # Arabic, Hindi, Chinese, Japanese, Korean
    "|\u0627\u0644\u0627\u062c\u0627\u0628\u0629|\u0627\u0644\u062c\u0648\u0627\u0628"
    "|\u0909\u0924\u094d\u0924\u0930|\u7b54\u6848|\u7b54\u3048|\u56de\u7b54|\uc815\ub2f5|\ub2f5"
)
_EMOTION = (
    "emotion|emotional state|emotional tone|feeling|mood|emocion|emocao|emozione"
    "|\u044d\u043c\u043e\u0446\u0438\u044f|\u0627\u0644\u0645\u0634\u0627\u0639\u0631"
    "|\u0627\u0644\u0639\u0627\u0637\u0641\u0629|\u092d\u093e\u0935\u0928\u093e"
    "|\u60c5\u7eea|\u60c5\u7dd2|\u60c5\u611f|\u611f\u60c5|\uac10\uc815"
)
#: The head of a line has up to four words, such as "Predicted emotion".
_HEAD = (
    r"^[\s*_#>{(\[\d.-]{0,12}[\"']?"
    r"(?:(?!second|other|possible|alternative|third)[\w']{1,15}[ _]){0,3}?"
)
_COLON = r"(?: \([^()\n]{1,20}\))?[\"'*_\])]{0,4}\s{0,3}(?:[:=\uff1a]|->|-\s)"

#: Wording that ends the matter.
FINAL = re.compile(
    rf"{EQ1}"
    r"|\\boxed\{|#{4}"
    r"|\b(?:final|my)[ _](?:answer|choice|prediction|label|emotion|verdict|guess)\b[\"'*_]{0,4}"
    r"(?:\s{0,3}[:=]|\s(?:is|would be)\b)"
    rf"|{_HEAD}(?:{_ANSWER}){_COLON}",
    re.MULTILINE,
)
#: A line such as "Emotion: sad".
FIELD_LINE = re.compile(rf"{_HEAD}(?:{_EMOTION}){_COLON}", re.MULTILINE)

_WORDS_BETWEEN = (
    r"(?:\s(?!is\b|was\b|not\b|but\b|because\b|since\b|as\b|while\b|though\b|that\b|which\b)"
    r"[\w'-]{1,20}){0,8}?\s{0,2}"
)
_BEING = (
    r"(?::|\b(?:is|are|(?:would|should|must|has to|might|could|may|can) be|appears? to be|"
    r"seems? to be)\b(?: best| most likely)?(?: [a-z]{4,14}ed (?:as|to be)\b)?)"
)
#: A sentence that states the emotion, or an option.
STATEMENT = re.compile(
    # One \b for all: the search then passes the insides of words.
    rf"\b(?:(?:answer|emotions?|emotional (?:state|tone)|label|option|choice(?! of))"
    rf"{_WORDS_BETWEEN}{_BEING}"
    r"|(?:categori[sz]e|classify|label|identify|describe|characteri[sz]e|categori[sz]ed|classified"
    r"|labell?ed|identified)(?:\s(?!as\b)[\w'-]{1,20}){0,8}?\sas\b"
    r"|i(?:'d| would|'ll| will)? (?:say|choose|pick|select|go with|go for|guess|answer|"
    r"label it|settle on|settle for|opt for|lean towards?)\b"
    r"|(?=(?:option|choice|letter)\s\(?[a-z]\b)|(?:it|this) (?:must|has to|should) be\b"
    # "E is the right one"
    r"|(?=\(?[a-z]\)?\s(?:is (?:the )?(?:right|correct|best|most)|fits)\b))"
    # "the answer is", "I choose" before a letter
    "|(?:\u7b54\u6848|\u9009\u9879|\u9009\u62e9|\u9009|\u9078)(?:\u662f|\u4e3a|\u70ba)?"
    r"[\s:]{0,3}(?=\(?[a-z](?![a-z]))"
)
#: Where a sentence ascribes a state to the speaker.
ASCRIPTION = re.compile(
    r"\b(?:(?:sounds?|seems?|appears?|feels?|conveys?|expresses|expressing|exudes|suggests?|"
    r"indicates?|reflects?|shows?|displays?|exhibits?|(?:sense|hint|feeling|touch|note) of|"
    r"(?:tone|voice|speaker|delivery|manner) is)\b"
    r"|in an?\b(?=(?: [\w-]{1,20}){1,4} (?:tone|voice|manner)))"
)
#: A remark on the mood, which may be made on the way.
REMARK = re.compile(rf"\b(?:feelings?|moods?|sentiments?){_WORDS_BETWEEN}{_BEING}")

CONCLUSION = re.compile(
    r"\b(?:overall|in conclusion|in summary|to sum up|all in all|therefore|thus|hence|"
    r"taken together|ultimately|insgesamt|en resume|en conclusion|in conclusione)\b"
    r"|(?:^|[.\n]\s{0,3})so,? "
)

_UNDONE_BEFORE = re.compile(
    r"(?:\b(?:not|never|if|whether|unless|cannot|wouldn't|hardly)|n't)\s(?:[\w']{1,15}\s){0,3}$"
)
_STOP = re.compile(f"[{STOPS}]")


def stated(marker: re.Pattern[str], text: str) -> Iterator[str]:
    """What follows the marker, to the end of its sentence; the last occurrence first.

    >>> list(stated(FINAL, "final answer: sad. i mean it"))
    ['sad']
    """
    for found in last(marker, text):
        if not _UNDONE_BEFORE.search(text, max(0, found.start() - 60), found.start()):
            yield reach(text, found.end())


def last(marker: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """The marker's last occurrences, from the end backwards."""
    return reversed(deque(marker.finditer(text), maxlen=_READ))


def reach(text: str, start: int) -> str:
    """From a marker to the end of its sentence; an option's letter does not end one."""
    while start < len(text) and text[start] in MARKUP + ":":
        start += 1
    letter = LEADING_LETTER.match(text, start)
    limit = start + _LENGTH
    end = _STOP.search(text, letter.end() if letter else start, limit)
    return text[start : end.start() if end else limit]


# Letters

LEADING_LETTER = re.compile(
    r"[\s*_\"'`({\[]{0,8}(?:option\s)?([a-z])"
    r"(?:[.):\]}*_\"'`]{1,8}(?:\s|$)|\s{0,8}$"
    r"|,?\s(?=because\b|since\b|as\b|due\b|over\b|instead\b|rather\b|or [a-i]\b|[-\u2013\u2014,]"
    r"|fits\b|is (?:the )?(?:right|correct|best|most)\b))"
)
#: No language ends a sentence with a letter of the options: "so D", "la respuesta es la B".
_LAST_LETTER = re.compile(r"(?<![\w'-])([a-i])[)\]\"'*_`.:!?\u3002]{0,6}\s{0,8}$")
#: Other scripts attach words to it.
_ONLY_LETTER = re.compile(r"[^a-z]*[^\x00-\x7f][^a-z]*?([a-i])[^a-z]*")
#: "Option B", "(B)": no article and no pronoun looks so.
_NAMED_LETTER = re.compile(
    r"\b(?:option|choice|letter|opcion|opcao|opzione|letra|lettre|lettera|buchstabe)"
    r"\s\(?([a-i])(?![\w'])|\(([a-i])\)"
)
_OTHER_LETTERS = re.compile(r"(?<![\w'-])[b-df-h](?![\w'-])")
_DENIED = re.compile(r"\b(?:not|no|never|isn't|neither|nor|nicht|non|pas)\b|n't\b")
_SHORT_SENTENCE = 80


def letter_in(text: str) -> str | None:
    """The letter at the beginning of a text, or of a short one the letter that it names.

    >>> letter_in("b, because"), letter_in("not a, but b"), letter_in("as are c to d")
    ('b', 'b', None)
    """
    found = LEADING_LETTER.match(text)
    if found is None and len(text) <= _SHORT_SENTENCE:
        claim = text.rpartition(" but ")[2]
        if _DENIED.search(claim) or len(set(_OTHER_LETTERS.findall(claim))) > 1:
            return None
        found = (
            _NAMED_LETTER.search(claim)
            or _LAST_LETTER.search(claim)
            or _ONLY_LETTER.fullmatch(claim)
        )
    return next(filter(None, found.groups())) if found else None


def last_letter(text: str) -> str | None:
    """The letter that the last or the first short sentence names.

    >>> last_letter("the words are plain\\nso d."), last_letter("not b")
    ('d', None)
    """
    said = [
        one for one in _SENTENCE_END.split(text[:_LENGTH] + text[-_LENGTH:]) if one.strip(MARKUP)
    ]
    return next((one for line in (said[-1:] + said[:1]) if (one := letter_in(line))), None)


_SENTENCE_END = re.compile(r"(?<=[\w)][.!?])\s+|\n")
