"""The offline lyric writer: words for a melody, a syllable a note, line by line, that rhyme and speak of one theme."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from schemas.score import Note, Score, joined
from schemas.script import Language
from stages.backends.lyric_grammar import LyricGrammar, Phrase, load_lyrics
from stages.backends.lyric_lines import Line, LineMaker, stresses, syllables
from stages.backends.lyric_sounds import LIGHT_WORDS

SCHEMES: dict[Language, tuple[str, ...]] = {"en": ("AABB", "-A-A", "ABAB", "AA-A"), "zh": ("AA-A", "-A-A", "AAAA")}
"""Which of four lines rhyme ("-": with none). Chinese songs keep one rhyme, so A goes on in the next four."""

REFRAIN_SHARE = 0.4
"""Share of melodies of eight lines or more whose fourth line comes again as the eighth, where it has the length."""

CANDIDATES = 8
"""So many lines are drawn for one; of those without a word said twice, the one whose English stresses fit the beats
best is taken."""

_LIGHT = {word.rstrip("s") for word in LIGHT_WORDS} | set("的了着在我你一")

MIN_TITLE: dict[Language, int] = {"en": 4, "zh": 5}
"""Fewest syllables of a title."""


@dataclass(frozen=True)
class Lyric:
    """The words of a song: its theme, and its lines."""

    language: Language
    theme: str
    lines: tuple[Line, ...]

    @property
    def syllables(self) -> tuple[str, ...]:
        """One for each note without a slur."""
        return tuple(chain.from_iterable(map(syllables, self.lines)))

    @property
    def title(self) -> str:
        """The beginning of the first line, up to its adverbs where enough is left before them."""
        grammar = load_lyrics(self.language)
        named = [phrase for part, phrase in self.lines[0] if part not in grammar.unnamed]
        said = tuple(syllable for phrase in named for syllable in phrase.syllables)
        if len(said) < MIN_TITLE[self.language]:
            said = syllables(self.lines[0])
        return " ".join(word[0].upper() + word[1:] for word in joined(said).split())


def write_lyric(score: Score, language: Language, random: np.random.Generator) -> tuple[str, ...]:
    """Syllables for the unslurred notes of a melody. Raises ValueError for a line that no grammar fills."""
    return write_verse(score, language, draw_theme(language, random), random).syllables


def draw_theme(language: Language, random: np.random.Generator) -> str:
    themes = load_lyrics(language).themes
    return themes[int(random.random() * len(themes))]


def write_verse(score: Score, language: Language, theme: str, random: np.random.Generator) -> Lyric:
    """Words on a theme for a melody. Raises ValueError for a line that no grammar fills."""
    beats = [tuple(_is_strong(score, note) for note in line if not note.slur) for line in score.lines]
    writer = _Writer(load_lyrics(language), language, theme, random)
    schemes = SCHEMES[language]
    scheme = schemes[int(random.random() * len(schemes))]
    refrain = random.random() < REFRAIN_SHARE
    for number, strong in enumerate(beats):
        if refrain and number % 8 == 7 and len(strong) == len(beats[number - 4]):
            writer.lines.append(writer.lines[number - 4])
            continue
        letter = scheme[number % 4]
        group = letter if language == "zh" or letter == "-" else f"{number // 4}{letter}"
        writer.lines.append(writer.line(strong, group))
    return Lyric(language, theme, tuple(writer.lines))


def _is_strong(score: Score, note: Note) -> bool:
    """Whether a note begins on a beat of the meter (three of an eighth each in compound ones)."""
    unit = 4 / score.beat_unit
    beat = 3 * unit if score.beat_unit == 8 and score.beats_per_bar % 3 == 0 else unit
    return abs(note.onset_beats / beat - round(note.onset_beats / beat)) < 1e-6


@dataclass
class _Writer:
    """What is known while one song is being written."""

    grammar: LyricGrammar
    language: Language
    theme: str
    random: np.random.Generator
    lines: list[Line] = field(default_factory=list)
    rhymes: dict[str, str] = field(default_factory=dict)

    def line(self, strong: tuple[bool, ...], group: str) -> Line:
        """A line for notes on strong and weak beats; those of one group rhyme, on different words if they can."""
        used = {phrase for line in self.lines for _, phrase in line if len(phrase.syllables) > 1}
        lasts = {line[-1][1].last for line in self.lines}
        rhyme = self.rhymes.get(group)
        wishes = [(used, lasts, rhyme), (set(), lasts, rhyme), (set(), lasts, None), (set(), set(), None)]
        for used, lasts, rhyme in wishes:
            maker = self._maker(len(strong), used, lasts, rhyme)
            if maker.ways:
                break
        line = self._best(maker, strong)
        if group != "-":
            self.rhymes.setdefault(group, line[-1][1].rhyme)
        return line

    def _maker(self, count: int, used: set[Phrase], lasts: set[str], rhyme: str | None) -> LineMaker:
        def ends(phrase: Phrase) -> bool:
            return phrase.last not in lasts and rhyme in (None, phrase.rhyme)

        return LineMaker(self.grammar, self.grammar.parts[self.theme], count, lambda phrase: phrase not in used, ends)

    def _best(self, maker: LineMaker, strong: tuple[bool, ...]) -> Line:
        drawn = [maker.draw(self.random) for _ in range(CANDIDATES)]
        drawn = [line for line in drawn if not _repeats(line)] or drawn
        return max(drawn, key=lambda line: _fit(stresses(line), strong))


def _repeats(line: Line) -> bool:
    """Whether two phrases of a line share a word that means something (Chinese: a character)."""
    words: set[str] = set()
    for _, phrase in line:
        text = phrase.text.replace("-", "").lower()
        own = {word.rstrip("s") for word in (text.split() if phrase.stresses else text)} - _LIGHT
        if words & own:
            return True
        words |= own
    return False


def _fit(stressed: Sequence[bool], strong: Sequence[bool]) -> int:
    """How many stressed syllables lie on strong beats, less those that do not."""
    return sum(1 if beat else -1 for stress, beat in zip(stressed, strong, strict=False) if stress)
