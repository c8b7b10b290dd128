"""Practice songs: random words on a line or two of random melodies, sung by the pipeline's own singer.

As with spoken clips (`trainer.clips`), a clip depends on (namespace, index) alone.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from schemas.score import Score, Song, lyric
from schemas.script import EMOTIONS, LANGUAGES, Language, Turn
from schemas.seeds import derive_seed, generator
from schemas.take import Line
from stages.backends.english_lexicon import syllable_counts
from stages.backends.espeak_singing import EspeakSinging
from stages.backends.espeak_voice import design_voice
from stages.backends.melody_generator import generate_melody
from stages.backends.song_variants import for_singer, in_mood, with_syllables
from stages.normalize_text import normalize
from trainer.clips import CLIPS_A_VOICE, RARE_SHARE, Clip, practice_character, vocabulary

MOST_LINES = 2
LICENCE = "CC0-1.0"


def practice_syllables(random: np.random.Generator, language: Language, count: int) -> list[str]:
    """So many syllables of random words; where an English word is hyphenated does not matter here."""
    syllables: list[str] = []
    common, rare = vocabulary(language)
    while len(syllables) < count:
        words = rare if random.random() < RARE_SHARE[language] else common
        word = words[int(random.integers(len(words)))]
        parts = list(word) if language == "zh" else _split(word.lower())
        if 0 < len(parts) <= count - len(syllables):
            syllables += parts
    return syllables


def _split(word: str) -> list[str]:
    """The letters of an English word dealt out to its syllables; none where CMUdict does not agree on their number."""
    counts = syllable_counts(word)
    if len(counts) != 1 or not word.isalpha() or not 0 < counts[0] <= len(word):
        return []
    *parts, last = ("".join(letters) for letters in np.array_split(list(word), counts[0]))
    return [f"{part}-" for part in parts] + [last]


def practice_melody(random: np.random.Generator) -> Score:
    """One or two neighbouring lines of a melody, the first note at beat 0."""
    score = generate_melody(random)
    count = int(random.integers(1, MOST_LINES + 1))
    first = int(random.integers(max(1, len(score.lines) - count + 1)))
    notes = [note for line in score.lines[first : first + count] for note in line]
    start = notes[0].onset_beats
    moved = tuple(note.model_copy(update={"onset_beats": note.onset_beats - start}) for note in notes)
    return Score.model_validate({**dict(score), "notes": moved})


def practice_song(namespace: str, index: int) -> Line:
    """The song of a namespace with this index; languages alternate."""
    language = LANGUAGES[index % len(LANGUAGES)]
    random = generator("practice song", namespace, index)
    singer = practice_character(f"{namespace} songs", index // len(LANGUAGES) // CLIPS_A_VOICE, language)
    melody = practice_melody(random)
    score = with_syllables(melody, practice_syllables(random, language, sum(not n.slur for n in melody.notes)))
    origin = {"title": "practice", "origin": "generated", "source": "generated", "licence": LICENCE}
    emotion = EMOTIONS[int(random.integers(len(EMOTIONS)))]
    intensity = int(random.integers(1, 4))
    song = Song(song_id=f"practice-{namespace}-{index:06d}", score=score, **origin)
    song = for_singer(in_mood(song, emotion, intensity, random), singer, random)
    turn = Turn(
        role="assistant", text=lyric(song.score), intent="sing", emotion=emotion, intensity=intensity, song=song
    )
    return Line(
        dialogue_id=song.song_id,
        turn_index=0,
        attempt=0,
        seed=derive_seed("practice song", namespace, index),
        kind="singing",
        language=language,
        turn=turn,
        spoken=normalize(turn.text, language),
        character=singer,
        voice=design_voice(singer),
    )


def make_sung_clips(namespace: str, indices: Sequence[int]) -> Iterator[Clip]:
    """The sung clips of a namespace, in the order of the indices."""
    singer = EspeakSinging()
    singer.open()
    try:
        for index in indices:
            line = practice_song(namespace, index)
            performance = singer.sing([line])[0]
            yield Clip(line, performance.samples, performance.phones)
    finally:
        singer.close()
