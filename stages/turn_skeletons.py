"""What is left of a turn when names, numbers and slots are masked: a measure of how varied a grammar is."""

import re

from schemas.script import Turn

MASK = "_"

NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    "eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
)
_NUMBERS = re.compile(rf"\d+(?:[:.,]\d+)*|\b(?:{NUMBER_WORDS})\b|[〇零一二三四五六七八九十百千万两]+")


def skeleton(turn: Turn) -> str:
    """The text in lower case without punctuation, with every slot value and every number replaced by MASK."""
    text = turn.text.lower()
    for value in sorted({value.lower() for value in turn.slots.values()}, key=lambda v: (-len(v), v)):
        text = text.replace(value, MASK)
    text = _NUMBERS.sub(MASK, text)
    return " ".join("".join(c if c.isalnum() or c == MASK else " " for c in text).split())
