from itertools import product

import pytest
from rapidfuzz.distance import Levenshtein

from schemas.errors import UnspeakableTextError
from schemas.phones import ARPABET
from schemas.seeds import generator
from stages.backends.reference_phones import (
    ESPEAK_TO_ARPABET,
    Phones,
    ReferenceWord,
    arpabet_from_espeak,
    nearest_readings,
    reference_words,
)

LEXICON = {
    "the": [["DH", "AH0"], ["DH", "AH1"], ["DH", "IY0"]],
    "cat": [["K", "AE1", "T"]],
    "nora": [["N", "AO1", "R", "AH0"]],
    "boss": [["B", "AA1", "S"], ["B", "AO1", "S"]],
    "don't": [["D", "OW1", "N", "T"]],
    "cafe": [["K", "AH0", "F", "EY1"]],
}


def never(word: str) -> Phones:
    raise AssertionError(f"'{word}' is in the dictionary")


def test_english_words_carry_every_distinct_reading() -> None:
    assert reference_words("The cat don’t.", "en", LEXICON, never) == (
        ReferenceWord("the", (("DH", "AH"), ("DH", "IY"))),
        ReferenceWord("cat", (("K", "AE", "T"),)),
        ReferenceWord("don't", (("D", "OW", "N", "T"),)),
    )


def test_accents_hyphens_and_quotes_do_not_hide_a_word() -> None:
    words = reference_words("'Café'-cat", "en", LEXICON, never)
    assert [word.readings for word in words] == [(("K", "AH", "F", "EY"),), (("K", "AE", "T"),)]


def test_a_possessive_is_its_stem_and_the_regular_ending() -> None:
    words = reference_words("Nora's cat's boss's", "en", LEXICON, never)
    assert [word.readings[-1] for word in words] == [
        ("N", "AO", "R", "AH", "Z"),
        ("K", "AE", "T", "S"),
        ("B", "AO", "S", "IH", "Z"),
    ]


def test_only_a_word_the_dictionary_lacks_is_pronounced_and_marked() -> None:
    words = reference_words("the zorb", "en", LEXICON, lambda word: ("Z", "AO", "R", "B"))
    assert [(word.text, word.fallback) for word in words] == [("the", False), ("zorb", True)]
    assert words[1].readings == (("Z", "AO", "R", "B"),)


def test_mandarin_is_read_by_phrase_with_tone_sandhi() -> None:
    words = reference_words("你好，我长大去银行。", "zh", {}, never)
    assert [" ".join(word.readings[0]) for word in words] == [
        "n i 2",
        "h ao 3",
        "uo 2",
        "zh ang 3",
        "d a 4",
        "q v 4",
        "in 2",
        "h ang 2",
    ]
    assert not any(word.fallback for word in words)


def test_a_chain_of_third_tones_rises_until_its_last_and_not_across_a_comma() -> None:
    words = reference_words("我也想买水果，九点", "zh", {}, never)
    assert "".join(word.readings[0][-1] for word in words) == "22222323"


@pytest.mark.parametrize(
    ("text", "language", "complaint"),
    [
        ("...", "en", "no word to listen for"),
        ("cat 7", "en", "no English reading is known for 7"),
        ("the 猫", "en", "no English reading is known for 猫"),
        ("我有OK", "zh", "no Mandarin reading is known for K O"),
        ("。", "zh", "no word to listen for"),
    ],
)
def test_what_has_no_reading_is_named(text: str, language: str, complaint: str) -> None:
    with pytest.raises(UnspeakableTextError, match=complaint):
        reference_words(text, language, LEXICON, never)  # type: ignore[arg-type]


def test_espeak_mnemonics_become_arpabet() -> None:
    assert arpabet_from_espeak(["sil", "w", "e@", "h", "aU", "z", "I#", "z"]) == (
        *("W", "EH", "R", "HH", "AW", "Z", "IH", "Z"),
    )
    assert arpabet_from_espeak(["s", "o@", "r", "i"]) == ("S", "AO", "R", "IY")
    assert {phone for phones in ESPEAK_TO_ARPABET.values() for phone in phones} <= set(ARPABET)


def test_nearest_readings_follow_what_was_heard() -> None:
    words = reference_words("the boss", "en", LEXICON, never)
    assert nearest_readings(words, ["DH", "IY", "B", "AO", "S"]) == (("DH", "IY"), ("B", "AO", "S"))
    assert nearest_readings(words, ["DH", "AH", "B", "AA", "S"]) == (("DH", "AH"), ("B", "AA", "S"))
    assert nearest_readings(words, []) == (("DH", "AH"), ("B", "AA", "S"))


def test_nearest_readings_are_exact() -> None:
    random = generator("lattices")

    def phones(shortest: int, longest: int) -> Phones:
        return tuple(random.choice(list("ABCD"), size=int(random.integers(shortest, longest + 1))))

    for _ in range(200):
        words = [
            ReferenceWord("", tuple(phones(1, 3) for _ in range(int(random.integers(1, 4)))))
            for _ in range(int(random.integers(1, 4)))
        ]
        heard = phones(0, 8)
        fewest = min(Levenshtein.distance(sum(path, ()), heard) for path in product(*(w.readings for w in words)))
        assert Levenshtein.distance(sum(nearest_readings(words, heard), ()), heard) == fewest
