"""What the language-model writer and judge are asked: complete for every scene, and different for every plan."""

import re
from collections import Counter

import jinja2
import pytest

from schemas.recipe import Service
from schemas.script import EMOTIONS, LANGUAGES, Language
from stages.backends.grammar_data import load_grammar, scenes
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_writer import FEWEST_TURNS, MOST_TURNS, OpenAIWriter
from stages.backends.rules_judge import MAX_TURNS, MAX_UNITS, MIN_TURNS
from tests.stages.scripts import plan


@pytest.fixture(scope="module")
def writer() -> OpenAIWriter:
    made = OpenAIWriter("m", service=Service(base_url="http://127.0.0.1:9/v1"))
    made.open()
    return made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scene_is_asked_for_with_its_setting_and_its_people(language: Language, writer: OpenAIWriter) -> None:
    grammar = load_grammar(language)
    for index, scene in enumerate(scenes(language)):
        asked = plan(index, language, scene)
        system, request = (message["content"] for message in writer.messages(asked))
        for person in (asked.user, asked.assistant):
            for part in (person.name, person.identity, person.personality, person.temperament, person.timbre):
                assert part in request
        assert grammar.scene(scene)[1].setting in request
        assert not re.search(r"\{\{|\{%|%\}|None|Undefined", system + request)
        assert not re.search(r"\n\n\n|[ \t]\n", system + request)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rules_of_the_judge_are_told(language: Language, writer: OpenAIWriter) -> None:
    system = writer.messages(plan(0, language))[0]["content"]
    (told,) = re.findall({"en": r"At most (\d+) words", "zh": r"每轮最多 (\d+) 个字"}[language], system)
    assert 0.5 * MAX_UNITS[language] < int(told) < MAX_UNITS[language]
    assert MIN_TURNS <= FEWEST_TURNS < MOST_TURNS <= MAX_TURNS
    for value in (*EMOTIONS, "whisper", "shout", "backchannel", "interrupts", "JSON", "pause_before_s"):
        assert value in system


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_hundred_plans_are_asked_in_five_hundred_ways(language: Language, writer: OpenAIWriter) -> None:
    same_scene = scenes(language)[0]
    requests = [writer.messages(plan(0, language, same_scene, seed))[1]["content"] for seed in range(500)]
    assert len(set(requests)) == 500
    lists = Prompts("writer").lists()[language]
    for name, entries in lists.items():
        assert len(set(entries)) == len(entries) >= 12, name
        used = Counter(entry for request in requests for entry in entries if f"{entry}\n" in request)
        assert set(used) == set(entries), name
    turns = {int(re.findall(r"(\d+) (?:turns|轮)", request)[0]) for request in requests}
    assert turns == set(range(FEWEST_TURNS, MOST_TURNS + 1))


def test_the_lists_of_both_languages_match() -> None:
    lists = Prompts("writer").lists()
    assert {name: len(entries) for name, entries in lists["en"].items()} == {
        name: len(entries) for name, entries in lists["zh"].items()
    }
    latin = re.compile("[A-Za-z]")
    assert [entry for entries in lists["zh"].values() for entry in entries if latin.search(entry)] == []


def test_variety_depends_on_the_seed_alone() -> None:
    lists = {"b": ["1", "2", "3"], "a": ["x", "y"]}
    assert draw_variety(lists, 4) == draw_variety(dict(reversed(lists.items())), 4)
    assert len({tuple(draw_variety(lists, seed).items()) for seed in range(60)}) == 6


def test_a_value_that_is_missing_is_an_error() -> None:
    prompts = Prompts("writer")
    prompts.open()
    with pytest.raises(jinja2.UndefinedError, match="'problem' is undefined"):
        prompts.render("en", "mend")


def test_values_are_not_read_as_templates() -> None:
    prompts = Prompts("writer")
    prompts.open()
    assert "{{ 7 * 7 }} <b>" in prompts.render("en", "mend", problem="{{ 7 * 7 }} <b>")


def test_the_digest_covers_every_file() -> None:
    assert len({Prompts("writer").digest, Prompts("judge").digest}) == 2
    assert re.fullmatch("[0-9a-f]{64}", Prompts("writer").digest)
