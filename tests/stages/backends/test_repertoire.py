import pytest

from schemas.errors import RecipeError
from schemas.score import lyric
from schemas.script import LANGUAGES, Language
from stages.backends.lyric_grammar import load_lyrics
from stages.backends.repertoire import GENERATED, song_ids, song_of, theme_of
from stages.backends.songbook import load_songbook


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_songbook_comes_first_and_a_longer_list_only_adds(language: Language) -> None:
    book = sorted(load_songbook(language))
    ids = song_ids(language, None, recipe_seed=3)
    assert ids[: len(book)] == book
    assert len(set(ids)) == len(ids) == len(book) + GENERATED
    assert song_ids(language, len(book) + 5, recipe_seed=3) == ids[: len(book) + 5]
    assert song_ids(language, 2, recipe_seed=3) == book[:2]
    assert not set(song_ids(language, None, recipe_seed=4)) & set(ids[len(book) :])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_generated_song_is_told_by_its_id(language: Language) -> None:
    song_id = f"made-{language}-000042"
    song = song_of(song_id, language)
    song_of.cache_clear()
    assert song_of(song_id, language) == song
    assert (song.song_id, song.origin, song.licence, song.hummed) == (song_id, "generated", "CC0-1.0", False)
    assert theme_of(song_id, language) in load_lyrics(language).themes
    assert "la" not in [note.syllable for note in song.score.notes]


def test_verses_share_melody_and_title() -> None:
    first, second = (song_of("made-en-000042", "en", verse) for verse in (0, 1))
    assert lyric(first.score) != lyric(second.score)
    assert first.title == second.title
    assert [note.midi for note in first.score.notes] == [note.midi for note in second.score.notes]


def test_songs_of_the_songbook_have_no_theme() -> None:
    song_id = song_ids("zh", 1, recipe_seed=0)[0]
    assert song_of(song_id, "zh") == load_songbook("zh")[song_id]
    assert theme_of(song_id, "zh") == ""


@pytest.mark.parametrize("song_id", ["made-zh-000042", "made-en-42", "book-en-none"])
def test_unknown_songs_are_named(song_id: str) -> None:
    with pytest.raises(RecipeError, match=f"there is no song '{song_id}' with a verse 0 in 'en'"):
        song_of(song_id, "en")


def test_a_song_of_the_songbook_has_one_verse() -> None:
    song_id = song_ids("en", 1, recipe_seed=0)[0]
    with pytest.raises(RecipeError, match=f"there is no song '{song_id}' with a verse 1 in 'en'"):
        song_of(song_id, "en", 1)
