"""Lines of a lyric with an exact number of syllables.

For each form and each of its slots, the ways to fill the slots from there on are counted, by syllables left. A form is
drawn in proportion to the root of its ways, then phrase after phrase in proportion to the ways that go on from it:
all lines of a form are equally likely.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from stages.backends.lyric_grammar import LyricGrammar, Phrase, Slot

Item = TypeVar("Item")
Parts = Mapping[str, Sequence[Phrase]]
Line = tuple[tuple[str, Phrase], ...]
"""Phrases with the names of their parts, in order."""


def syllables(line: Line) -> tuple[str, ...]:
    return tuple(syllable for _, phrase in line for syllable in phrase.syllables)


def stresses(line: Line) -> tuple[bool, ...]:
    return tuple(stressed for _, phrase in line for stressed in phrase.stresses)


@dataclass(frozen=True)
class _Filling:
    """A form with what may stand in its slots, and the ways to fill slots[i:] with n syllables: ways[i][n]."""

    form: tuple[Slot, ...]
    options: tuple[tuple[Phrase | None, ...], ...]
    ways: tuple[tuple[int, ...], ...]


class LineMaker:
    """Lines of `count` syllables by a grammar, from phrases of which `fits` is true, ending in a phrase of which `ends`
    is true."""

    def __init__(
        self,
        grammar: LyricGrammar,
        parts: Parts,
        count: int,
        fits: Callable[[Phrase], bool],
        ends: Callable[[Phrase], bool],
    ) -> None:
        self.count = count
        self._fillings: list[_Filling] = []
        for form in grammar.forms:
            last = len(form) - 1
            options = tuple(
                tuple(p for p in parts[name] if fits(p) and (place < last or ends(p))) + ((None,) if optional else ())
                for place, (name, optional) in enumerate(form)
            )
            self._fillings.append(_Filling(form, options, _count_ways(options, count)))

    @property
    def ways(self) -> int:
        """How many such lines there are."""
        return sum(filling.ways[0][self.count] for filling in self._fillings)

    def draw(self, random: np.random.Generator) -> Line:
        """One of the lines. Raises ValueError where there is none."""
        if not self.ways:
            raise ValueError(f"the grammar has no line of {self.count} syllables")
        filling = _weighted(random, self._fillings, [f.ways[0][self.count] ** 0.5 for f in self._fillings])
        line: list[tuple[str, Phrase]] = []
        left = self.count
        for place, options in enumerate(filling.options):
            ahead = filling.ways[place + 1]
            weights = [ahead[left - _length(phrase)] if _length(phrase) <= left else 0 for phrase in options]
            phrase = _weighted(random, options, weights)
            left -= _length(phrase)
            if phrase is not None:
                line.append((filling.form[place][0], phrase))
        return tuple(line)


def _count_ways(options: Sequence[Sequence[Phrase | None]], count: int) -> tuple[tuple[int, ...], ...]:
    ways = [tuple(int(left == 0) for left in range(count + 1))]
    for phrases in reversed(options):
        ahead, lengths = ways[0], [_length(phrase) for phrase in phrases]
        ways.insert(0, tuple(sum(ahead[left - n] for n in lengths if n <= left) for left in range(count + 1)))
    return tuple(ways)


def _length(phrase: Phrase | None) -> int:
    return len(phrase.syllables) if phrase else 0


def _weighted(random: np.random.Generator, items: Sequence[Item], weights: Sequence[float]) -> Item:
    point = random.random() * sum(weights)
    for item, weight in zip(items, weights, strict=True):
        point -= weight
        if point < 0:
            return item
    return next(item for item, weight in zip(reversed(items), reversed(weights), strict=True) if weight)
