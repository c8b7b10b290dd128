from collections import Counter

import pytest

from schemas.seeds import generator
from stages.backends.lyric_grammar import LyricGrammar, Phrase
from stages.backends.lyric_lines import LineMaker, syllables


def phrase(text: str, rhyme: str = "") -> Phrase:
    return Phrase(text, tuple(text.split()), (), rhyme, text.split()[-1])


PARTS = {
    "when": (phrase("now"), phrase("at dawn")),
    "who": (phrase("we go"), phrase("you wait")),
    "where": (phrase("home", "OW M"), phrase("to Rome", "OW M"), phrase("far off", "AO F")),
}
GRAMMAR = LyricGrammar(((("when", True), ("who", False), ("where", False)),), frozenset(), {"any": PARTS})


def maker(count: int, rhyme: str = "OW M") -> LineMaker:
    return LineMaker(GRAMMAR, PARTS, count, lambda one: one.text != "you wait", lambda one: one.rhyme == rhyme)


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (3, {"we go home"}),
        (4, {"we go to Rome", "now we go home"}),
        (5, {"now we go to Rome", "at dawn we go home"}),
        (6, {"at dawn we go to Rome"}),
        (7, set()),
    ],
)
def test_all_lines_of_a_length_and_no_others(count: int, lines: set[str]) -> None:
    made, random = maker(count), generator("lines")
    assert made.ways == len(lines)
    assert {" ".join(syllables(made.draw(random))) for _ in range(40 * len(lines))} == lines


def test_lines_are_equally_likely() -> None:
    made, random = maker(4), generator("likely")
    drawn = Counter(" ".join(syllables(made.draw(random))) for _ in range(400))
    assert min(drawn.values()) > 150


def test_no_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="no line of 7 syllables"):
        maker(7).draw(generator("none"))
