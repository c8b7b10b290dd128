from itertools import pairwise
from typing import Any

import pytest

from schemas.errors import UnspeakableTextError
from schemas.score import Note, Score, Song
from schemas.seeds import generator
from stages.backends.espeak_carrier import SILENCE
from stages.backends.singer_carrier import FIRST_BREATH_S, Arrangement, arranged


def song(text: str, hummed: bool = False) -> Song:
    """A song of notes of one second: "/" before a syllable is a breath, "_" a slur, "." a rest."""
    notes = [
        Note(midi=60, onset_beats=beat, duration_beats=1, slur=token == "_", breath=token[0] == "/", syllable=syllable)
        for beat, token in enumerate(text.split())
        if token != "."
        for syllable in ["" if token == "_" else token.removeprefix("/")]
    ]
    score = Score(tempo_bpm=60, tonic="C", notes=tuple(notes))
    return Song(song_id="s", title="", origin="", source="", licence="", score=score, hummed=hummed)


def sung(espeak: Any, text: str, language: Any = "en", hummed: bool = False) -> Arrangement:
    return arranged(song(text, hummed), language, espeak.speak, generator("timing"))


def nuclei(arrangement: Arrangement) -> list[tuple[str, float]]:
    """Label and onset of each nucleus, to a twentieth of a second."""
    return [(item.phone.label, round(item.phone.start_s * 20) / 20) for item in arrangement.sung if item.nucleus]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("/twin- kle star", "en", [("I", 0), ("@L", 1), ("A@", 2)]),
        ("/oh _ _ my", "en", [("oU", 0), ("aI", 3)]),
        ("/ev- er- y home", "en", [("E", 0), ("i", 1), ("oU", 3)]),  # espeak-ng says "every" in two
        ("/mel- ody home", "en", [("E", 0), ("@", 0.5), ("i", 1), ("oU", 2)]),  # three on two notes
        ("/psst my dear", "en", [("aI", 0), ("i@3", 2)]),  # no nucleus: said with the next word, on its own note
        ("/星 星 闪", "zh", [("i", 0), ("i", 1), ("a", 2)]),
        ("/熊 来 了", "zh", [("ong", 0), ("ai", 1), ("@", 2)]),
    ],
)
def test_every_nucleus_is_on_its_note(espeak: Any, text: str, language: Any, expected: list[Any]) -> None:
    assert nuclei(sung(espeak, text, language)) == expected


@pytest.mark.parametrize(("syllable", "language"), [("mm", "en"), ("嗯", "zh")])
def test_a_hummed_song_is_one_hum_a_note_and_nothing_else(espeak: Any, syllable: str, language: Any) -> None:
    arrangement = sung(espeak, f"/{syllable} {syllable} _ {syllable}", language, hummed=True)
    assert [item.phone.label for item in arrangement.sung] == ["m", "m", "m"]
    assert nuclei(arrangement) == [("m", 0), ("m", 1), ("m", 3)]


def test_what_is_sung_is_the_carrier_in_order_and_nothing_of_its_pauses(espeak: Any) -> None:
    arrangement = sung(espeak, "/sing with me my dear . /ev- er- y day")
    phones = [phone for phone in arrangement.carrier.phones if phone.label != SILENCE]
    assert [item.phone.label for item in arrangement.sung] == [phone.label for phone in phones]
    heard_s = [at_s for item in arrangement.sung for at_s in (item.source_s[0], item.source_s[-1])]
    assert heard_s == pytest.approx([at_s for phone in phones for at_s in (phone.start_s, phone.end_s)])
    assert all(one.phone.end_s <= after.phone.start_s + 1e-9 for one, after in pairwise(arrangement.sung))


def test_there_is_room_for_breaths_before_the_first_phrase_and_in_rests(espeak: Any) -> None:
    rooms = sung(espeak, "/sing a song . /so sweet /my love").breath_rooms_s
    first, rest, none = (end_s - start_s for start_s, end_s in rooms)
    assert first == pytest.approx(FIRST_BREATH_S)
    assert 0.7 < rest < 1.0
    assert none == pytest.approx(0.0)


def test_what_has_no_vowel_is_no_song(espeak: Any) -> None:
    with pytest.raises(UnspeakableTextError, match="nothing to sing in: psst"):
        sung(espeak, "/psst")
