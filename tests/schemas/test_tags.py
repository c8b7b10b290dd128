import pytest

from schemas.tags import split_tags, tags_in, without_tags


@pytest.mark.parametrize(
    ("text", "pieces", "words"),
    [
        ("[laugh] Oh, you [sigh], again.", ["[laugh]", "Oh, you", "[sigh]", ", again."], "Oh, you, again."),
        ("哈哈[laugh]，你来了。[sigh]", ["哈哈", "[laugh]", "，你来了。", "[sigh]"], "哈哈，你来了。"),
        ("Nothing here.", ["Nothing here."], "Nothing here."),
        ("[laugh], well.", ["[laugh]", ", well."], "well."),
        ("[smile] is no tag", ["[smile] is no tag"], "[smile] is no tag"),
    ],
)
def test_a_text_comes_apart_at_its_tags(text: str, pieces: list[str], words: str) -> None:
    assert split_tags(text) == pieces
    assert without_tags(text) == words


def test_only_the_named_tags_are_left_out() -> None:
    text = "[laugh] one [sigh] two [laugh]"
    assert tags_in(text) == ("[laugh]", "[sigh]", "[laugh]")
    assert without_tags(text, ("[laugh]",)) == "one [sigh] two"
