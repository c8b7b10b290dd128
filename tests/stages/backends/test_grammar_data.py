from pathlib import Path

import pytest

from schemas.errors import GrammarError
from schemas.script import LANGUAGES, Language
from stages.backends.grammar_data import grammar_digest, load_grammar, scenes
from tests.stages.backends.small_grammar import TOPIC, write_grammar


def test_topic_is_loaded_with_the_common_part_merged_in(tmp_path: Path) -> None:
    grammar = load_grammar("en", write_grammar(tmp_path))
    topic, scene = grammar.scene("food/home")
    assert topic.slots == {"day": "days", "dish": "dishes", "other": "dishes"}
    assert topic.lexicon["days"] == ({"text": ("Monday",)}, {"text": ("Friday",)})
    assert set(topic.rules) == {"backchannel", "cut_in", "praise"}
    assert scene.start == (("ask", 1.0),)
    assert scene.where == {"dish": {"kind": frozenset({"hot"})}}
    assert scenes("en", str(tmp_path)) == ["food/home"]


def test_unknown_scene_is_named(tmp_path: Path) -> None:
    with pytest.raises(GrammarError, match=r"The grammar has no scene 'food/moon' for language 'en'\."):
        load_grammar("en", write_grammar(tmp_path)).scene("food/moon")


def test_folder_without_grammar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GrammarError, match=r"is not a grammar folder: it has no moods\.toml"):
        load_grammar("en", str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("start =", "begin =", "scenes.home: unknown key 'begin'; use one of: cast, setting, start, where."),
        ("[intents.ask]", "[intents.ask", "is not TOML"),
        ("hushed =", "wild =", "intents.ask.says: there is no mood 'wild' in moods.toml."),
        ("not {dish}", "not {dish", "intents.refuse.says.calm: '{' is never closed in 'not {dish.'."),
    ],
)
def test_mistakes_in_a_file_name_file_and_key(tmp_path: Path, old: str, new: str, problem: str) -> None:
    folder = write_grammar(tmp_path, TOPIC.replace(old, new))
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder)
    assert f"{tmp_path / 'en' / 'topics' / 'food.toml'}" in str(error.value)
    assert problem in str(error.value)


def test_digest_follows_every_byte(tmp_path: Path) -> None:
    folder = write_grammar(tmp_path)
    before = grammar_digest(folder)
    assert grammar_digest(folder) == before
    write_grammar(tmp_path, TOPIC.replace("it warms you", "it warms us"))
    assert grammar_digest(folder) != before


@pytest.mark.parametrize("language", LANGUAGES)
def test_bundled_grammar_is_broad(language: Language) -> None:
    topics = load_grammar(language).topics
    assert len(topics) >= 12
    assert min(len(topic.scenes) for topic in topics.values()) >= 3
