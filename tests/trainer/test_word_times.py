"""Words and their times."""

from itertools import pairwise
from typing import Any

import pytest

from trainer.word_times import align, spread, tokens, word_times

Row = dict[str, Any]


def row(spoken: str, language: str, labels: str = "", **changes: Any) -> Row:
    """An utterance whose phones last 100 ms each, from 0.2 s."""
    phones = [
        {"label": label, "start_s": round(0.2 + 0.1 * place, 6), "end_s": round(0.3 + 0.1 * place, 6)}
        for place, label in enumerate(labels.split())
    ]
    silences = {"leading_silence_s": 0.2, "trailing_silence_s": 0.3}
    made = {"spoken": spoken, "language": language, "phones": phones, "score": None}
    return made | {"duration_s": 1.5, "measures": silences} | changes


def times(row: Row) -> tuple[str, list[tuple[str, float, float]]]:
    found = word_times(row)
    spans = [
        (word, round(start, 3), round(end, 3)) for word, (start, end) in zip(found.words, found.spans, strict=True)
    ]
    return found.basis, spans


def test_words_carry_their_punctuation() -> None:
    assert tokens('Well, "no" - not yet...', "en") == ("Well,", '"no" -', "not", "yet...")
    assert tokens("《好》，走吧。", "zh") == ("《好》，", "走", "吧。")


def test_english_words_get_the_phones_of_their_dictionary_readings() -> None:
    spoken = row("I want to go home.", "en", "aI w O2 n t t @ g oU h oU m")
    assert times(spoken) == (
        "phones",
        [("I", 0.2, 0.3), ("want", 0.3, 0.7), ("to", 0.7, 0.9), ("go", 0.9, 1.1), ("home.", 1.1, 1.4)],
    )


def test_pauses_belong_to_no_word_and_a_glide_to_the_word_before() -> None:
    assert times(row("Cry, all.", "en", "k r aI ; sil O: l")) == ("phones", [("Cry,", 0.2, 0.6), ("all.", 0.7, 0.9)])


def test_one_phone_may_be_two_of_the_dictionary() -> None:
    assert times(row("My car is", "en", "m aI k A@ I z"))[1] == [("My", 0.2, 0.4), ("car", 0.4, 0.6), ("is", 0.6, 0.8)]


def test_a_word_that_no_dictionary_has_lies_between_its_neighbours() -> None:
    assert times(row("Hi Zorblax go", "en", "h aI z O: b l a k s g oU"))[1] == [
        ("Hi", 0.2, 0.4),
        ("Zorblax", 0.4, 1.1),
        ("go", 1.1, 1.3),
    ]


def test_the_sound_of_a_tag_belongs_to_no_word() -> None:
    """A laugh: breath and voice in turn, pauses around it."""
    assert times(row("All go", "en", "O: l sil h @ h @ h @ sil g oU"))[1] == [("All", 0.2, 0.4), ("go", 1.2, 1.4)]


def test_mandarin_characters_get_initial_final_and_nasal() -> None:
    # 我 is a glide and a vowel; 想 has a nasal, 你 an initial that is one too.
    assert times(row("我想你。", "zh", "w o S; j A N n i")) == (
        "phones",
        [("我", 0.2, 0.4), ("想", 0.4, 0.8), ("你。", 0.8, 1.0)],
    )


def test_phones_that_do_not_fit_are_filled_evenly_pauses_left_out() -> None:
    basis, spans = times(row("Unbelievable nonsense, really nobody knows", "en", "m sil m"))
    assert basis == "spread"
    assert (spans[0][1], spans[-1][2]) == (0.2, 0.5)
    assert all(one[2] <= after[1] for one, after in pairwise(spans))


def test_without_phones_words_are_spread_by_letters_between_the_silences() -> None:
    assert times(row("Go on then", "en")) == ("spread", [("Go", 0.2, 0.45), ("on", 0.45, 0.7), ("then", 0.7, 1.2)])
    lasting = row("Go", "en", measures={"leading_silence_s": None, "trailing_silence_s": None})
    assert times(lasting)[1] == [("Go", 0.0, 1.5)]
    silent = row("Go", "en", measures={"leading_silence_s": 1.0, "trailing_silence_s": 1.0})
    assert times(silent)[1] == [("Go", 0.0, 1.5)]


def test_a_word_ends_before_a_pause_and_the_next_begins_after_it() -> None:
    assert spread(["ab", "cd"], [(0.0, 1.0), (2.0, 3.0)]) == [(0.0, 1.0), (2.0, 3.0)]
    assert spread(["ab", "cd", "efgh"], [(0.0, 1.0), (2.0, 3.0)]) == [(0.0, 0.5), (0.5, 1.0), (2.0, 3.0)]


def note(syllable: str, start_s: float, end_s: float, slur: bool = False) -> Row:
    return {"syllable": syllable, "start_s": start_s, "end_s": end_s, "slur": slur}


def test_what_is_sung_has_the_times_of_its_notes() -> None:
    notes = [note("hap-", 0.2, 0.5), note("py", 0.5, 0.8), note("", 0.8, 1.0, slur=True), note("day", 1.2, 1.4)]
    sung = row("Happy day.", "en", "h a p i d eI", score={"notes": notes})
    assert times(sung) == ("notes", [("Happy", 0.2, 1.0), ("day.", 1.2, 1.4)])
    assert times(sung | {"spoken": "Happy old day."})[1] == [("happy", 0.2, 1.0), ("day", 1.2, 1.4)]


def test_a_word_held_in_its_middle_goes_on() -> None:
    notes = [note("hap-", 0.2, 0.5), note("", 0.5, 0.8, slur=True), note("py", 0.8, 1.0)]
    assert times(row("Happy", "en", score={"notes": notes}))[1] == [("Happy", 0.2, 1.0)]


def test_notes_without_times_are_of_no_use() -> None:
    sung = row("La", "en", score={"notes": [{"syllable": "La", "start_s": None, "end_s": None, "slur": False}]})
    assert times(sung)[0] == "spread"


@pytest.mark.parametrize(
    ("expected", "heard", "pairs"),
    [
        ("K AE T", "K AE T", [(0, 0), (1, 1), (2, 2)]),
        ("K AE T", "K T", [(0, 0), (2, 1)]),
        ("K AE T", "K AE AE T", [(0, 0), (1, 2), (2, 3)]),
        ("", "K", []),
    ],
)
def test_alignments_by_hand(expected: str, heard: str, pairs: list[tuple[int, int]]) -> None:
    assert align(expected.split(), heard.split()) == pairs
