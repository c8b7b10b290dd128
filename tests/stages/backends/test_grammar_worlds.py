from pathlib import Path

import pytest

from schemas.errors import GrammarError
from schemas.script import DialoguePlan
from stages.backends.grammar_cast import role
from stages.backends.grammar_data import load_grammar
from stages.backends.grammar_people import characters
from stages.backends.grammar_writer import write_script
from tests.stages.backends.small_grammar import TRAITS, WORLD, write_world


def test_a_character_speaks_by_its_part_with_tags_deeds_and_thoughts(tmp_path: Path) -> None:
    folder = write_world(tmp_path)
    fox = role("en", 1, folder).character
    user = characters("en", "user", 1, folder)[0]
    texts, beside = set(), set()
    for seed in range(40):
        plan = DialoguePlan(
            dialogue_id="d",
            kind="roleplay",
            language="en",
            split="train",
            scene="sea/hold",
            user=user,
            assistant=fox,
            seed=seed,
        )
        script = write_script(plan, folder)
        assert script.setting == "a dark hold"
        assert script.turns[0].text == "Little one, [sigh] are you there?"
        assert (script.turns[0].action, script.turns[0].thought) == ("", "")
        texts.add(script.turns[-1].text)
        beside.add((script.turns[-1].action, script.turns[-1].thought))
    assert texts == {"By my tail, friend, I never sleeps. [laugh]"}
    assert beside == {(a, t) for a in ("", "lifts the lamp") for t in ("", "that friend again")}


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('ages = ["elderly"]', 'ages = ["old"]', "parts.captain.ages: 'old' is unknown; use one of: child, youth"),
        ('relations = ["master"]', 'relations = ["boss"]', "parts.captain.relations: there is no relation 'boss'"),
        ('poles = ["+energy"]', 'poles = ["energy"]', "parts.fox.poles: 'energy' is no pole"),
        ('title = "the harbour"', "", "title: is missing"),
        ('species = "fox"', 'specie = "fox"', "parts.fox: unknown key 'specie'"),
        ("{assistant.title}, <sigh>", "{assistant.rank}, <sigh>", "has no attribute 'rank'"),
        ("<oath@assistant.part>", "<oath>", "rule 'oath' is picked by mood and so needs the variant 'any'"),
        (
            "oath = {",
            'cry = { fox = ["oh"], any = ["ah"] }\nlament = ["<cry>"]\noath = {',
            "rules.lament.any: rule 'cry' is picked by mood, and 'fox' is none: write <cry@SLOT>",
        ),
        (', fox = ["by my tail"]', "", "rule 'oath' has no variant 'fox'"),
        ('part = ["fox"] }', 'part = ["cat"] }', "scenes.hold.cast.part: no character of the world fits"),
        ('role = "user"\nnext', 'role = "user"\ndoes = ["waves"]\nnext', "only the assistant's intents have 'does'"),
    ],
)  # fmt: skip
def test_mistakes_in_a_world_name_file_and_key(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in WORLD
    folder = write_world(tmp_path, WORLD.replace(old, new))
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder, "roleplay")
    assert str(tmp_path / "en" / "worlds" / "sea.toml") in str(error.value)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('identities = ["a captain"]\n', "", "parts.captain.identities: is missing."),
        ('backgrounds = ["Lost a ship once"]\n', "", "parts.captain.backgrounds: is missing."),
        ('ages = ["elderly"]\n', "", "parts.captain.ages: is missing."),
        ('ages = ["elderly"]', "ages = []", "parts.captain.ages: must be a list of texts, not empty."),
        (
            'identities = ["a captain"]',
            "identities = []",
            "parts.captain.identities: must be a list of texts, not empty.",
        ),
        ('genders = ["female"]', "genders = []", "parts.fox.genders: must be a list of texts, not empty."),
        ('relations = ["master"]', "relations = []", "parts.captain.relations: must be a list of texts, not empty."),
        ('species = "fox"', "species = 5", "parts.fox.species: must be a text."),
        ('text = "The user is a new hand"\n', "", "relations.master.text: is missing."),
        ('you = "friend"\n', "", "relations.friend.you: is missing."),
        ('title = "captain"\n', "", "relations.master.title: is missing."),
        ('title = "the harbour"', "title = 1", "title: must be a text."),
        ('origins = ["Reed Island"]', "origins = []", "origins: must be a list of texts, not empty."),
        ('male = ["Tom"]', "", "parts.captain.names: there is nothing for 'captain' who is elderly and male."),
        (
            "me = { elderly",
            "me = { youth",
            "parts.captain.me: there is nothing for 'captain' who is elderly and female.",
        ),
        (
            'title = "captain"',
            'title = { male = "captain" }',
            "relations.master.title: there is nothing for 'captain' who is elderly and female.",
        ),
        ('male = ["boy"], ', "", "relations.master.you: there is nothing for a user who is child and male."),
        ('setting = "a dark hold"\n', "", "scenes.hold.setting: is missing."),
        ('start = ["call"]\ncast', "cast", "scenes.hold.start: is missing."),
        (
            'cast = { part = ["fox"] }',
            'cast = ["fox"]',
            "scenes.hold.cast: must be a table of texts or lists of texts, none empty.",
        ),
    ],
)
def test_what_a_world_lacks_or_holds_wrongly_is_named(tmp_path: Path, old: str, new: str, problem: str) -> None:
    assert old in WORLD
    folder = write_world(tmp_path, WORLD.replace(old, new, 1))
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder, "roleplay")
    assert str(error.value) == f"{tmp_path / 'en' / 'worlds' / 'sea.toml'}: {problem}"


@pytest.mark.parametrize(
    ("traits", "problem"),
    [
        (TRAITS.replace("timbre = [", "tone = ["), "(top level): unknown key 'tone'"),
        (TRAITS.partition("timbre")[0], "timbre: is missing."),
        (TRAITS.partition("timbre")[0] + "timbre = []", "timbre: must be a list of tables, not empty."),
        (TRAITS.replace('text = "even"', ""), "temperament[2].text: is missing."),
        (
            TRAITS.replace('ages = ["child"]', 'ages = "child"'),
            "temperament[0].ages: must be a list of texts, not empty.",
        ),
    ],
)
def test_what_traits_lack_or_hold_wrongly_is_named(tmp_path: Path, traits: str, problem: str) -> None:
    folder = write_world(tmp_path, traits=traits)
    with pytest.raises(GrammarError) as error:
        load_grammar("en", folder, "roleplay")
    assert str(error.value).startswith(f"{tmp_path / 'en' / 'traits.toml'}: {problem}")


def test_a_trait_of_an_unknown_age_is_named(tmp_path: Path) -> None:
    folder = write_world(tmp_path, traits=TRAITS.replace('ages = ["child"]', 'ages = ["infant"]'))
    with pytest.raises(GrammarError, match=r"traits.toml: temperament\[0\].ages: 'infant' is unknown; use one of"):
        load_grammar("en", folder, "roleplay")
