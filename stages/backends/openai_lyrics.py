"""Words for a melody, asked of a language model: what it is told of the melody, and whether its lines fit."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.score import Note, Score
from schemas.script import Emotion, Language
from schemas.seeds import generator
from schemas.singing import Lyrics
from stages.backends.english_syllables import syllables_of
from stages.backends.foreign_text import is_han, quoted
from stages.backends.lyric_writer import SCHEMES
from stages.backends.openai_chat import ChatClient
from stages.backends.openai_dialogue import one_line
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_question import Question
from stages.backends.protocols import Usage
from stages.backends.unspoken_text import unfit

MAX_TITLE: dict[Language, int] = {"en": 8, "zh": 12}
MAX_LINE = 40
"""Most words or characters: no line of a melody is that long."""

MAX_REPEATED_SHARE = 0.5
"""Most lines that may be one of the others again, as refrains are."""

_NO_WORDS = "，。！？；：、…,.!?;: "


@dataclass(frozen=True)
class MelodyLine:
    """A line of a melody in words: its syllables, heavy and light beats, and the number of the earlier line that it is
    to rhyme with (0: none)."""

    syllables: int
    beats: str
    rhymes_with: int


@dataclass(frozen=True)
class FittingWords:
    """The title of a song, and one syllable for each of its notes without a slur."""

    title: str
    syllables: tuple[str, ...]


class LyricQuestion:
    """Words for melodies. Their subject, and which lines rhyme, are drawn from the seed."""

    def __init__(self, client: ChatClient, prompts: Prompts) -> None:
        self._question = Question("lyrics", Lyrics, client, prompts)
        self._variety = prompts.lists("lyrics/variety")

    def ask(
        self, melody: Score, language: Language, emotion: Emotion, intensity: int, seed: int
    ) -> tuple[FittingWords, Usage]:
        """Raises ValueError where two answers do not fit."""
        lines = described(melody, language, seed)
        messages = self._question.messages(
            language,
            melody=lines,
            emotion=emotion,
            intensity=intensity,
            mode=melody.mode,
            tempo_bpm=melody.tempo_bpm,
            **draw_variety(self._variety[language], "lyrics", seed),
        )

        def words(answer: Lyrics) -> FittingWords:
            return fitting(answer, [line.syllables for line in lines], language)

        return self._question.ask(language, messages, seed, words)


def described(melody: Score, language: Language, seed: int) -> list[MelodyLine]:
    """The lines of a melody, with a rhyme scheme of the language drawn from the seed."""
    schemes = SCHEMES[language]
    scheme = schemes[int(generator("rhymes", seed).integers(len(schemes)))]
    described = []
    for number, notes in enumerate(melody.lines):
        sung = [note for note in notes if not note.slur]
        beats = " ".join("DUM" if _is_heavy(note, melody) else "da" for note in sung)
        described.append(MelodyLine(len(sung), beats, _rhymes_with(scheme, number, language)))
    return described


def _is_heavy(note: Note, melody: Score) -> bool:
    """On the first beat of a bar, or on its middle where the bar can be halved."""
    bar_beats = melody.beats_per_bar * 4 / melody.beat_unit
    return note.onset_beats % (bar_beats if melody.beats_per_bar % 2 else bar_beats / 2) == 0


def _rhymes_with(scheme: str, number: int, language: Language) -> int:
    """The latest line before line `number` (from 0) with its letter, from 1; English starts afresh with each stanza."""
    size = len(scheme)
    first = number - number % size if language == "en" else 0
    letter = scheme[number % size]
    return max((n + 1 for n in range(first, number) if scheme[n % size] == letter != "-"), default=0)


def fitting(answer: Lyrics, counts: Sequence[int], language: Language) -> FittingWords:
    """The answer's words, a syllable a note. Raises ValueError that names every line which is not the language's plain
    words in the number of syllables of `counts`."""
    title = one_line(answer.title)
    if problem := "is empty" if not title else unfit(title, language, MAX_TITLE[language]):
        raise ValueError(f"the title {problem}")
    if len(answer.lines) != len(counts):
        raise ValueError(f"{len(answer.lines)} lines, wanted {len(counts)}")
    syllables: list[str] = []
    problems = []
    for number, (line, count) in enumerate(zip(answer.lines, counts, strict=True), start=1):
        try:
            syllables += _sung(one_line(line), count, language)
        except ValueError as error:
            problems.append(f"line {number} {error}")
    if problems:
        raise ValueError("; ".join(problems))
    repeated = len(answer.lines) - len(Counter(line.casefold().strip(_NO_WORDS) for line in answer.lines))
    if repeated > MAX_REPEATED_SHARE * len(answer.lines):
        raise ValueError(f"{repeated} of {len(answer.lines)} lines repeat others")
    return FittingWords(title, tuple(syllables))


def _sung(line: str, count: int, language: Language) -> tuple[str, ...]:
    """The syllables of one line, which begins without a capital. Raises ValueError."""
    if problem := unfit(line, language, MAX_LINE):
        raise ValueError(problem)
    if language == "en":
        return syllables_of(line if re.match(r"I\b", line) else line[:1].lower() + line[1:], count)
    characters = tuple(c for c in line if c not in _NO_WORDS)
    if odd := next((c for c in characters if not is_han(c)), ""):
        raise ValueError(f"holds '{odd}', which is no Chinese character: {quoted(line)}")
    if len(characters) != count:
        raise ValueError(f"has {len(characters)} characters, wanted {count}: {quoted(line)}")
    return characters
