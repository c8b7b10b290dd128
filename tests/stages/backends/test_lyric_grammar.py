from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from schemas.errors import GrammarError
from schemas.script import LANGUAGES, Language
from stages.backends import lyric_grammar
from stages.backends.lyric_grammar import FILE, load_lyrics


@pytest.mark.parametrize("language", LANGUAGES)
def test_lyrics_have_themes_and_rhymes_enough(language: Language) -> None:
    grammar = load_lyrics(language)
    assert len(grammar.themes) >= 10
    ends = {form[-1][0] for form in grammar.forms}
    for parts in grammar.parts.values():
        for end in ends:
            rhymes = Counter(phrase.rhyme for phrase in parts[end])
            assert sum(count >= 4 for count in rhymes.values()) >= 8


def test_themes_leave_out_what_does_not_suit_them() -> None:
    ends = {phrase.text for phrase in load_lyrics("en").parts["moon"]["where"]}
    assert "in the pale moon-light" in ends
    assert "in the morn-ing sun" not in ends


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('the = ["the"]', 'the = ["thee-the"]', "parts.the: 'thee-the': 'theethe' is not in CMUdict."),
        ('"see", "the"', '"sea", "the"', "themes.home: there is no part 'sea', which a form asks for."),
        ("[themes.home]\nthings = [", "[themes.home]\nthings = []\nrest = [", "themes.home.things: must be a list"),
        ("forms = [", 'form = "x"\nforms = [', "(top level): unknown key 'form'"),
    ],
)
def test_mistakes_name_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, problem: str
) -> None:
    text = Path(str(resources.files("prompts"))).joinpath("grammar", "en", FILE).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "grammar" / "en" / FILE
    path.parent.mkdir(parents=True)
    path.write_text(text.replace(old, new), encoding="utf-8")
    monkeypatch.setattr(lyric_grammar.resources, "files", lambda package: tmp_path)
    with pytest.raises(GrammarError) as error:
        load_lyrics.__wrapped__("en")
    assert str(error.value).startswith(f"{path}: ")
    assert problem in str(error.value)
