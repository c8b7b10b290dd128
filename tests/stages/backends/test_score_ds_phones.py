import pytest

from schemas.errors import UnspeakableTextError
from schemas.phones import syllable_phones
from schemas.score import Note, Score
from schemas.script import Language
from stages.backends.mandarin_readings import mandarin_syllables
from stages.backends.score_ds_phones import english_syllables, opencpop, sung_phones

_VOWELS = (
    "a ai an ang ao e ei en eng er i ia ian iang iao ie in ing iong iu o ong ou u ua uai uan uang ui un v ve ir uo i0 "
    "van vn En E"
)
_CONSONANTS = "b c ch d f g h j k l m n p q r s sh t w x y z zh"
"""The symbols of DiffSinger's dictionary `opencpop-extension`, by type."""


@pytest.mark.parametrize(
    ("word", "count", "syllables"),
    [
        ("twinkle", 2, ["t w+ih ng", "k+ah l"]),
        ("hallelujah", 4, ["hh+ae", "l+ah", "l+uw", "y+ah"]),
        ("every", 2, ["+eh v", "r+iy"]),
        ("every", 3, ["+eh", "v+er", "+iy"]),
        ("ev'ry", 2, ["+eh v", "r+iy"]),
        ("fire", 1, ["f+ay r"]),
        ("fire", 2, ["f+ay", "+er"]),
        ("star", 3, ["s t+aa", "+aa", "+aa r"]),
        ("wandering", 2, ["w+aa n d er", "+ih ng"]),
        ("strengths", 1, ["s t r+eh ng k th s"]),
        ("singer", 2, ["s+ih ng", "+er"]),
        ("mm", 1, ["+m"]),
    ],
)
def test_an_english_word_comes_apart_by_syllables(word: str, count: int, syllables: list[str]) -> None:
    found = english_syllables(word, count)
    assert [f"{' '.join(each.onset)}+{' '.join(each.rime)}" for each in found] == syllables


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("zhi", "zh ir"),
        ("zi", "z i0"),
        ("juan", "j van"),
        ("yue", "y ve"),
        ("you", "y ou"),
        ("yan", "y En"),
        ("ye", "y E"),
        ("lüe", "l ve"),
        ("wo", "w o"),
        ("xiong", "x iong"),
        ("er", "er"),
        ("n", "en"),
        ("liu", "l iu"),
    ],
)
def test_a_mandarin_syllable_is_written_as_in_the_dictionary(syllable: str, phones: str) -> None:
    found = opencpop(syllable)
    assert " ".join((*found.onset, *found.rime)) == phones


def test_every_common_character_has_phones_of_the_dictionary() -> None:
    common = "".join(chr(code) for code in range(0x4E00, 0x9FA6) if _encodable(chr(code)))
    assert len(common) == 6763
    readings = {reading for character in common for reading in mandarin_syllables(character)}
    for reading in readings:
        found = opencpop(reading[:-1])
        assert set(found.onset) <= set(_CONSONANTS.split()), reading
        assert set(found.rime) <= set(_VOWELS.split()), reading
    assert len({reading[:-1] for reading in readings}) > 390
    assert all(syllable_phones(reading) for reading in readings)


def _encodable(character: str) -> bool:
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def _score(*syllables: str) -> Score:
    notes = [
        Note(midi=60, onset_beats=beat, duration_beats=1.0, syllable=syllable)
        for beat, syllable in enumerate(syllables)
    ]
    return Score(tempo_bpm=60, tonic="C", notes=tuple(notes))


def test_a_character_is_read_as_its_phrase_wants_it() -> None:
    assert [found.rime for found in sung_phones(_score(*"音乐快乐"), "zh")] == [("in",), ("ve",), ("uai",), ("e",)]


@pytest.mark.parametrize(
    ("syllables", "language", "reason"),
    [
        (("星", "la"), "zh", "no Mandarin reading is known for 'la' in: 星la"),
        (("la", "星"), "en", "no English reading is known for 星 in: 星"),
    ],
)
def test_words_of_another_language_are_refused(syllables: tuple[str, ...], language: Language, reason: str) -> None:
    with pytest.raises(UnspeakableTextError, match=reason):
        sung_phones(_score(*syllables), language)
