from collections import Counter
from functools import cache

import pytest

from schemas.score import Note, Score
from schemas.script import LANGUAGES, Language
from schemas.seeds import generator
from stages.backends.lyric_lines import syllables
from stages.backends.lyric_writer import Lyric, draw_theme, write_lyric, write_verse
from stages.backends.song_variants import with_syllables

SONGS = 150


def melody(*counts: int) -> Score:
    """A line of so many notes each, of one beat, the last of two; a slur on the second note of each line."""
    notes: list[Note] = []
    for count in counts:
        for place in range(count + 1):
            onset = notes[-1].end_beats + (place == 0) if notes else 0.0
            slur = place == 2
            notes.append(
                Note(
                    midi=60 + place,
                    onset_beats=onset,
                    duration_beats=2.0 if place == count else 1.0,
                    syllable="" if slur else "la",
                    slur=slur,
                    breath=place == 0,
                )
            )
    return Score(tempo_bpm=100, tonic="C", notes=tuple(notes))


@cache
def lyrics(language: Language) -> tuple[Lyric, ...]:
    """For melodies of four lines of 6 to 9 syllables."""
    return tuple(
        write_verse(melody(*[6 + number % 4] * 4), language, draw_theme(language, random), random)
        for number in range(SONGS)
        for random in [generator("lyric", language, number)]
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("count", range(3, 15))
def test_lines_of_any_length_are_written(language: Language, count: int) -> None:
    score = melody(count, count, count, count)
    said = write_lyric(score, language, generator("count", count))
    assert [len(line) - 1 for line in with_syllables(score, said).lines] == [count] * 4  # one note is slurred


@pytest.mark.parametrize("language", LANGUAGES)
def test_lyrics_depend_on_melody_and_generator_alone(language: Language) -> None:
    score = melody(7, 7, 6, 7)
    once, again, other = (write_lyric(score, language, generator("same", seed)) for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_rhyme_on_different_words_and_seldom_come_again(language: Language) -> None:
    rhyming, lines = 0, Counter[tuple[str, ...]]()
    for lyric in lyrics(language):
        ends = [line[-1][1] for line in lyric.lines]
        rhyming += any(a.rhyme == b.rhyme and a.last != b.last for a in ends for b in ends)
        lines.update(set(map(syllables, lyric.lines)))
    assert rhyming >= 0.98 * SONGS
    assert len(lines) >= 0.95 * lines.total()
    assert lines.most_common(1)[0][1] <= 4


def test_english_stress_falls_on_the_beats() -> None:
    """In eighths, every other note is on a beat; as many stresses would be off it by chance."""
    on = off = 0
    for number in range(40):
        score = melody(8, 8)
        notes = [n.model_copy(update={"onset_beats": i / 2, "duration_beats": 0.5}) for i, n in enumerate(score.notes)]
        score = score.model_copy(update={"notes": tuple(notes)})
        lyric = write_verse(score, "en", "sea", generator("stress", number))
        sung = [note for note in notes if not note.slur]
        stressed = [stress for line in lyric.lines for _, phrase in line for stress in phrase.stresses]
        for note, stress in zip(sung, stressed, strict=True):
            on += stress and note.onset_beats % 1 == 0
            off += stress and note.onset_beats % 1 != 0
    assert on > 1.3 * off


@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_are_the_beginnings_of_lyrics(language: Language) -> None:
    titles = Counter(lyric.title for lyric in lyrics(language))
    assert len(titles) >= 0.85 * SONGS
    for lyric in lyrics(language):
        first = "".join(syllables(lyric.lines[0])).replace("-", "").lower()
        assert lyric.title.replace(" ", "").lower() in first


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_seldom_say_a_word_twice(language: Language) -> None:
    said = [[phrase.text for _, phrase in line] for lyric in lyrics(language) for line in lyric.lines]
    twice = 0
    for phrases in said:
        words = [w for p in phrases for w in set(p.split() if language == "en" else p) if len(w) > 3 or w > "一"]
        twice += any(words.count(word) > 1 and word not in "的了着在我你 your from with" for word in words)
    assert twice <= 0.01 * len(said)
