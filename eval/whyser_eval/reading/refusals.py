"""Refusals: which part of an answer's prose is left to be read. The text is folded."""

from __future__ import annotations

import re

_NOT = r"(?:cannot|can't|can not|unable to|not able to|couldn't|could not)"

#: A model that did not hear anything has no answer, whatever else it says.
_DEAF = re.compile(
    # One \b for all: the search then passes the insides of words.
    r"\b(?:as an? (?:ai|artificial|language model|text)"
    r"|i(?:'m| am) (?:just |only )?an? (?:ai|language)"
    rf"|(?:{_NOT}|don't have the (?:ability|capability) to)"
    r" (?:\w{1,15} ){0,2}?(?:hear|listen to|listen|process|access|analy[sz]e|play) "
    r"(?:\w{1,15} ){0,2}?(?:audio|sound|recording|clip|file|speech)\b"
    # "can't hear it well" is no refusal.
    r"(?! (?:\w{1,15} )?(?:perfectly|well|clearly|properly|fully|exactly|completely))"
    r"|(?:cannot|can't) listen\b|please (?:\w{1,10} )?(?:provide|upload|share|send)"
    r"|(?:could|can) you (?:\w{1,10} )?(?:provide|upload|share|send)"
    r"|no (?:audio|way (?:of|to) hear\w*)\b|no (?:sound|recording) (?:in|was|is|file)\b"
    r"|(?:would (?:need|have) (?:to (?:hear|listen)|the (?:audio|recording)))"
    r"|without (?:hearing|listening|(?:access to )?(?:the|an|any) (?:audio|recording|clip))\b"
    r"|(?:did not|didn't|have not|haven't|do not|don't) "
    r"(?:received?|get|got|heard?|have) (?:(?:any|the|an|access|to) ){0,3}"
    r"(?:audio|recording|clip|sound)\b"
    r"|(?:no|not?|wasn't|hasn't|haven't|didn't) (?:been |yet )?"
    r"(?:provided|attached|uploaded)\b"
    r"|kann (?:\w{1,15} ){0,4}nicht (?:an)?horen|peux pas (?:ecouter|entendre|traiter)"
    r"|no puedo (?:escuchar|oir|procesar)|non posso (?:ascoltare|sentire)"
    r"|nao (?:posso|consigo) (?:ouvir|escutar|processar)"
    # Russian, Chinese, Japanese, Korean
    r"|\u043d\u0435 \u043c\u043e\u0433\u0443 (?:\u043f\u0440\u043e|\u0443)?\u0441\u043b)"
    r"|\u65e0\u6cd5(?:\u542c|\u6536\u542c|\u5224\u65ad|\u786e\u5b9a|\u8bc6\u522b|\u8bbf\u95ee|\u5904\u7406"
    r"|\u83b7\u53d6|\u5206\u6790|\u56de\u7b54|\u63d0\u4f9b)"
    r"|\u3067\u304d\u307e\u305b\u3093|\ud560 \uc218 \uc5c6"
)
#: What follows a judgement that cannot be made is no judgement, unless it turns.
_UNDECIDED = re.compile(
    rf"\b(?:{_NOT} (?:\w{{1,15}} ){{0,2}}?(?:answer|determine|infer|identify|assess|decide|"
    r"conclude|classify|categori[sz]e|say for)\b"
    r"|(?:not |im)possible (?:for me )?to (?:\w{1,15} )?(?:infer|determine|identify|tell|say)\b"
    r"|(?:not enough|insufficient) (?:information|context|data)\b)"
)
_TURN = re.compile(
    r"\b(?:but|however|nevertheless|nonetheless|still|that said|if i (?:had|have) to)\b"
)


def answerable(text: str) -> str:
    """The part of the text that may answer the question.

    >>> answerable("i cannot determine the mood for sure, but she sounds sad.")
    ' she sounds sad.'
    >>> answerable("as an ai, i hear nothing, but it may be sad"), answerable("she sounds sad.")
    ('', 'she sounds sad.')
    """
    if _DEAF.search(text):
        return ""
    undecided = list(_UNDECIDED.finditer(text))
    if not undecided:
        return text
    begin = max(text.rfind(stop, 0, undecided[0].start()) for stop in ".!?\n") + 1
    turn = _TURN.search(text, undecided[-1].end())
    return text[:begin] + (text[turn.end() :] if turn else "")
