"""Answers to numbered options: their numbers as the letters that the rules read.

Only where the question has numbers. Elsewhere a number is a rating, an age or a count.
"""

from __future__ import annotations

import re

_NUMBER = r"(?P<open>[*_`\"'(\[{]{0,4})(?P<number>\d{1,2})(?P<close>[*_`\"')\]}.]{0,4})"
#: An answer, a block or a last line that is a number, and a number that is called the answer.
_CHOSEN = re.compile(
    rf"(?:(?P<block><answer>\s*)|(?P<line>^[^\S\n]*)"
    r"|(?P<said>\b(?:answer|option|choice|number)(?:\s+is)?[*_]{0,2}[:\s]{1,3}[*_]{0,2}))"
    rf"{_NUMBER}(?(block)\s*</answer>|(?(line)[^\S\n]*$|(?=\s|[,;:!?]|$)(?!\s*(?:of|out|/|%)\b)))",
    re.IGNORECASE | re.MULTILINE,
)


def with_letters(text: str, options: int) -> str:
    """The answer with the letter of an option in place of the one number that it chooses.

    Args: `options`, the number of options.

    >>> with_letters("2", 3), with_letters("<answer>3</answer>", 3), with_letters("Answer: (1)", 3)
    ('B', '<answer>C</answer>', 'Answer: (A)')
    >>> with_letters("7", 3), with_letters("She is 2 years old.", 3)
    ('7', 'She is 2 years old.')
    """

    chosen = {int(found["number"]) for found in _CHOSEN.finditer(text)}
    # Two different numbers are no choice, and a number without an option is none.
    if len(chosen) != 1 or not 1 <= (number := chosen.pop()) <= options:
        return text

    def lettered(found: re.Match[str]) -> str:
        start, end = (place - found.start() for place in found.span("number"))
        whole = found.group()
        return whole[:start] + chr(ord("A") + number - 1) + whole[end:]

    return _CHOSEN.sub(lettered, text)
