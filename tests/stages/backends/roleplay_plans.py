"""Plans of role-play on a grammar of one small world a language."""

from itertools import product
from pathlib import Path

from schemas.script import Age, Character, DialoguePlan, Gender, Language
from stages.backends.grammar_people import characters
from tests.stages.backends.small_grammar import WORLD, write_world

TRANSLATED = {
    "the harbour": "东海渡口",
    "a deck at night": "夜里的甲板",
    "Reed Island": "芦苇岛",
    "Mary": "玉梅",
    "Tom": "大海",
    "Rust": "阿锈",
}
SORTS: list[tuple[Age, Gender]] = list(product(("child", "youth", "middle-aged", "elderly"), ("female", "male")))


def roleplay_grammar(folder: Path) -> str:
    """A grammar with the world "sea" in both languages; returns its path."""
    path, world = write_world(folder), WORLD
    for english, mandarin in TRANSLATED.items():
        world = world.replace(english, mandarin)
    (folder / "zh" / "worlds" / "sea.toml").write_text(world, encoding="utf-8")
    return path


def character(index: int, language: Language = "en") -> Character:
    """One of eight sorts of people, every fifth of them a fox."""
    age, gender = SORTS[index % len(SORTS)]
    told = {
        "en": ("Rust", "a stowaway", "bold and nosy", "restless", "clear", "fox", "Reed Island", "Came in a barrel"),
        "zh": ("阿锈", "偷渡上船的人", "大胆又好奇", "坐不住", "清亮", "狐狸", "芦苇岛", "躲在木桶里上了船"),
    }[language]
    name, identity, personality, temperament, timbre, species, origin, background = told
    return Character(
        character_id=f"{language}-c{index:05d}",
        name=f"{name}{'' if language == 'zh' else ' Reed'}",
        language=language,
        age=age,
        gender=gender,
        identity=identity,
        personality=personality,
        temperament=temperament,
        timbre=timbre,
        pace="normal",
        species=species if index % 5 == 4 else "",
        world="sea",
        origin=origin,
        background=background,
        relation={"en": "The user keeps it hidden", "zh": "用户替它瞒着船长"}[language],
    )


def roleplay_plan(index: int, language: Language = "en", who: int | None = None) -> DialoguePlan:
    """The plan of one dialogue, with a character of its own or with number `who`."""
    return DialoguePlan(
        dialogue_id=f"r{language}{index}",
        kind="roleplay",
        language=language,
        split="train",
        scene="sea/deck",
        user=characters(language, "user", 40)[index % 40],
        assistant=character(index if who is None else who, language),
        seed=1_000 + index,
    )
