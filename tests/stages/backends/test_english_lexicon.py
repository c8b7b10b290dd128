import pytest

from stages.backends.english_lexicon import syllable_counts


@pytest.mark.parametrize(("word", "counts"), [("song", (1,)), ("melody", (3,)), ("fire", (2, 1)), ("zorbifle", ())])
def test_syllables_are_counted_by_reading_the_usual_one_first(word: str, counts: tuple[int, ...]) -> None:
    assert syllable_counts(word) == counts
