from pathlib import Path

import pytest

from schemas.errors import GrammarError
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_reader import read_toml
from tests.stages.backends.small_grammar import TOPIC, write_grammar


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('role = "user"\n', "", "intents.ask.role: is missing."),
        ('role = "user"', 'role = "guest"', "intents.ask.role: must be 'user' or 'assistant'."),
        ('[intents.refuse.says]\ncalm = ["not {dish}."]', "", "intents.refuse.says: is missing."),
        ('calm = ["not {dish}."]', "", "intents.refuse.says: must be a table, not empty."),
        (
            'calm = ["not {dish}."]',
            "calm = []",
            "intents.refuse.says.calm: must be a list of texts, not empty.",
        ),
        ('next = ["offer"]', 'next = "offer"', "intents.ask.next: must be a list of names"),
        ('next = ["offer"]', 'next = ["offer:often"]', "intents.ask.next: must be a list of names"),
        ("cuts_in = 1.0", 'cuts_in = "yes"', "intents.refuse.cuts_in: must be a number from 0 to 1."),
        ("ends = true", "ends = 1", "intents.offer.ends: must be true or false."),
        ('gives = ["day"]', 'gives = "day"', "intents.ask.gives: must be a list of texts."),
        ('gives = ["day"]', 'give = ["day"]', "intents.ask: unknown key 'give'; use one of: cuts_in, does, ends"),
        ('setting = "a kitchen"\n', "", "scenes.home.setting: is missing."),
        ('start = ["ask"]\n', "", "scenes.home.start: is missing."),
        ('start = ["ask"]', "start = []", "scenes.home.start: must be a list of names"),
        (
            'where = { dish = { kind = "hot" } }',
            'where = { dish = "hot" }',
            "scenes.home.where: must be a table of tables",
        ),
        (
            "[lexicon]",
            "[lexicon]\nplates = []",
            "lexicon.plates: must be a list of texts or of tables of texts, not empty.",
        ),
        ('tip = "stir it"', "tip = 3", "lexicon.dishes: must be a list of texts or of tables of texts, not empty."),
        ("[rules]", '[rules]\nlone = "word"', "rules.lone: must be a list of texts, or a table of them."),
        ('dish = "dishes"', "dish = 1", "slots.dish: must be a text."),
        ("[scenes.home]", "[scenes]\nyard = 1\n[scenes.home]", "scenes.yard: must be a table."),
    ],
)
def test_what_a_topic_lacks_or_holds_wrongly_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in TOPIC
    folder = write_grammar(tmp_path, TOPIC.replace(old, new, 1))
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder)
    assert str(error.value).startswith(f"{tmp_path / 'en' / 'topics' / 'food.toml'}: {problem}")


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes('word = "caf\xe9"'.encode("latin-1"))
    with pytest.raises(GrammarError, match=r"latin\.toml is not TOML"):
        read_toml(path)
