import pytest

from schemas.script import LANGUAGES, Language, Script
from stages.near_duplicates import BANDS, PERMUTATIONS, TWIN_SIMILARITY, bands, signature, similarity
from tests.stages.scripts import script, turn, written

LONG = "the quick brown fox jumps over the lazy dog while seven green birds sing about the river in spring"


def shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[start : start + 3]) for start in range(len(words) - 2)}


def spoken(text: str, language: Language = "en") -> Script:
    return script(turn("user", text), language=language)


def test_signature_does_not_depend_on_case_punctuation_or_backchannels() -> None:
    plain = script(turn("user", "We eat at noon, right?"), turn("assistant", "Yes, we do."))
    other = script(
        turn("user", "we eat at noon right"), turn("assistant", "Mm.", "backchannel"), turn("assistant", "YES we do")
    )
    assert signature(plain) == signature(other)
    assert len(signature(plain)) == 2 * PERMUTATIONS
    assert len(bands(signature(plain))) == BANDS


def test_similarity_estimates_jaccard() -> None:
    changed = LONG.replace("lazy", "sleepy").replace("river", "meadow")
    a, b = shingles(LONG), shingles(changed)
    exact = len(a & b) / len(a | b)
    assert similarity(signature(spoken(LONG)), signature(spoken(changed))) == pytest.approx(exact, abs=0.12)


def test_one_changed_word_is_a_twin_and_shares_a_band() -> None:
    a, b = (signature(spoken(f"{LONG} and {LONG.replace('the', 'a')} {end}")) for end in ("again", "today"))
    assert similarity(a, b) >= TWIN_SIMILARITY
    assert set(bands(a)) & set(bands(b))


def test_mandarin_is_compared_by_characters() -> None:
    a, b, c = (
        signature(spoken(text, "zh"))
        for text in ("明天早上我们一起去公园散步好吗", "明天早上我们一起去公园跑步好吗", "这道菜应该少放一点盐才对")
    )
    assert similarity(a, b) > 0.4
    assert similarity(a, c) < 0.1


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="signatures of 4 and 2 bytes"):
        similarity(b"1122", b"11")


@pytest.mark.parametrize("language", LANGUAGES)
def test_grammar_writes_few_twins(language: Language) -> None:
    seen: dict[bytes, list[bytes]] = {}
    twins = 0
    for dialogue in written(2000, language):
        values = signature(dialogue)
        candidates = {other for key in bands(values) for other in seen.get(key, ())}
        twins += any(similarity(values, other) >= TWIN_SIMILARITY for other in candidates)
        for key in bands(values):
            seen.setdefault(key, []).append(values)
    assert twins < 0.03 * 2000
