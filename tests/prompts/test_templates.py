"""What the language-model writer and judge are asked: complete for every scene, and different for every plan."""

import json
import re
from collections import Counter
from collections.abc import Callable

import jinja2
import pytest

from schemas.recipe import Service
from schemas.roleplay import PlayedDraft, Profile, Staging
from schemas.script import EMOTIONS, LANGUAGES, DialoguePlan, Draft, Language
from schemas.tags import TAGS
from stages.backends import foreign_text
from stages.backends.grammar_cast import cast
from stages.backends.grammar_data import load_grammar, scenes
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_conversation import FEWEST_TURNS, MOST_TURNS, ConversationWriter
from stages.backends.openai_dialogue import asked, script_of
from stages.backends.openai_places import Places
from stages.backends.openai_profiles import Portrait, Profiles
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_roleplay import RoleplayWriter
from stages.backends.roleplay_rules import PROFILE_UNITS, STAGING_UNITS, unfit_profile, unfit_staging
from stages.backends.rules_judge import MAX_ASIDE_UNITS, MAX_UNITS, TURNS, broken_rule
from tests.stages.backends.roleplay_plans import roleplay_grammar, roleplay_plan
from tests.stages.scripts import plan

LISTS = ("conversation/variety", "roleplay/variety", "profile/contradictions")
MANNER = "Says little, and that twice."
STAGED = Staging.model_validate(
    {name: f"the {name} staged" for name in Staging.model_fields if name != "arc"}
    | {"arc": [{"emotion": "happy", "cause": "a gift"}, {"emotion": "angry", "cause": "the wrong one"}]}
)
MODERN = {
    "en": r"\b(?:phone|bus|train|car|email|internet|computer|television|radio|photo|minutes?|o'clock|coffee|okay)\b",
    "zh": "手机|电话|地铁|公交|汽车|火车|邮件|网|电脑|电视|收音机|照片|分钟|点钟|咖啡",
}


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    made = Prompts("writer")
    made.open()
    return made


@pytest.fixture(scope="module")
def client() -> ChatClient:
    return ChatClient("m", 1.0, 4096, Service(base_url="http://127.0.0.1:9/v1"))


@pytest.fixture(scope="module")
def conversation(client: ChatClient, prompts: Prompts) -> ConversationWriter:
    return ConversationWriter("openai/m", client, prompts, Places(None))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(roleplay_grammar(tmp_path_factory.mktemp("grammar")))


@pytest.fixture(scope="module")
def roleplay(client: ChatClient, prompts: Prompts, small: Places) -> RoleplayWriter:
    return RoleplayWriter("openai/m", client, prompts, small)


@pytest.fixture(scope="module")
def profiles(client: ChatClient, prompts: Prompts, small: Places) -> Profiles:
    return Profiles(client, prompts, small)


def bundled_plans(language: Language, count: int) -> list[DialoguePlan]:
    """Plans of bundled characters, each in all of its scenes."""
    return [
        plan(index, language).model_copy(update={"kind": "roleplay", "scene": scene, "assistant": role.character})
        for index, role in enumerate(cast(language, count))
        for scene in role.scenes
    ]


def check_words(messages: list[Message]) -> tuple[str, str]:
    """Rules and request, in which nothing is left of the template."""
    system, request = (message["content"] for message in messages)
    assert not re.search(r"\{\{|\{%|%\}|None|Undefined", system + request)
    assert not re.search(r"\n\n\n|[ \t]\n", system + request)
    return system, request


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scene_is_asked_for_with_its_setting_and_its_people(
    language: Language, conversation: ConversationWriter
) -> None:
    grammar = load_grammar(language)
    for index, scene in enumerate(scenes(language)):
        planned = plan(index, language, scene)
        _, request = check_words(conversation.messages(planned))
        for person in (planned.user, planned.assistant):
            for part in (person.name, person.identity, person.personality, person.temperament, person.timbre):
                assert part in request
        assert grammar.scene(scene)[1].setting in request


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scene_of_a_world_is_asked_for_with_its_setting_and_its_character(
    language: Language, client: ChatClient, prompts: Prompts
) -> None:
    grammar = load_grammar(language, None, "roleplay")
    roleplay = RoleplayWriter("openai/m", client, prompts, Places(None))
    profiles = Profiles(client, prompts, Places(None))
    plans = bundled_plans(language, 150)
    assert {planned.scene.partition("/")[0] for planned in plans} == set(grammar.worlds)
    for planned in plans:
        who, portrait = planned.assistant, Portrait(planned.assistant, MANNER)
        told = (grammar.worlds[who.world].title, who.name, who.identity, who.personality, who.temperament, who.timbre)
        told += (who.species, who.origin, who.background, who.relation)
        _, profile = check_words(profiles.messages(who))
        _, staging = check_words(roleplay.staging_messages(planned, portrait))
        _, dialogue = check_words(roleplay.dialogue_messages(planned, portrait, STAGED))
        for request in (profile, staging, dialogue):
            assert [part for part in told if part not in request] == []
        assert grammar.scene(planned.scene)[1].setting in staging
        assert MANNER in staging
        for part in (MANNER, "the place staged", "the user_calls staged", "1. happy", "2. angry", "the wrong one"):
            assert part in dialogue


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_rules_of_the_judge_are_told(
    language: Language, conversation: ConversationWriter, roleplay: RoleplayWriter, profiles: Profiles
) -> None:
    talk = conversation.messages(plan(0, language))[0]["content"]
    planned = roleplay_plan(0, language)
    portrait = Portrait(planned.assistant, MANNER)
    play = roleplay.dialogue_messages(planned, portrait, STAGED)[0]["content"]
    staging = roleplay.staging_messages(planned, portrait)[0]["content"]
    profile = profiles.messages(planned.assistant)[0]["content"]
    for system in (talk, play):
        (told,) = re.findall({"en": r"At most (\d+) words a turn", "zh": r"每轮最多 (\d+) 个字"}[language], system)
        assert 0.5 * MAX_UNITS[language] < int(told) < MAX_UNITS[language]
        for value in (*EMOTIONS, "whisper", "shout", "backchannel", "interrupts", "JSON", "pause_before_s"):
            assert value in system
    assert all(tag in play for tag in TAGS)
    for system, limits in (
        (play, [MAX_ASIDE_UNITS[language]]),
        (profile, [limit[language] for limit in PROFILE_UNITS.values()]),
        (staging, [limit[language] for limit in STAGING_UNITS.values()]),
    ):
        numbers = Counter(int(number) for number in re.findall(r"(\d+) (?:words|个字)", system))
        assert Counter(asked(limit) for limit in limits) <= numbers
    assert all(emotion in staging for emotion in EMOTIONS)
    assert TURNS["conversation"][0] <= FEWEST_TURNS < MOST_TURNS <= TURNS["conversation"][1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_hundred_plans_are_asked_in_five_hundred_ways(
    language: Language, conversation: ConversationWriter
) -> None:
    same_scene = scenes(language)[0]
    requests = [conversation.messages(plan(0, language, same_scene, seed))[1]["content"] for seed in range(500)]
    assert len(set(requests)) == 500
    assert not unused(requests, Prompts("writer").lists("conversation/variety")[language])
    turns = {int(re.findall(r"(\d+) (?:turns|轮)", request)[0]) for request in requests}
    assert turns == set(range(FEWEST_TURNS, MOST_TURNS + 1))


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_hundred_role_plays_of_a_character_differ(language: Language, roleplay: RoleplayWriter) -> None:
    planned = roleplay_plan(0, language)
    portrait = Portrait(planned.assistant, MANNER)
    plans = [planned.model_copy(update={"seed": seed}) for seed in range(500)]
    stagings = [roleplay.staging_messages(one, portrait)[1]["content"] for one in plans]
    plays = [roleplay.dialogue_messages(one, portrait, STAGED)[1]["content"] for one in plans]
    assert len(set(stagings)) == 500
    both = [f"{staging}\n{play}" for staging, play in zip(stagings, plays, strict=True)]
    assert not unused(both, Prompts("writer").lists("roleplay/variety")[language])
    turns = [{int(re.findall(r"(\d+) (?:turns|轮)", one)[0]) for one in asked} for asked in (stagings, plays)]
    assert turns == [set(range(2, 11))] * 2


def unused(requests: list[str], lists: dict[str, list[str]]) -> list[str]:
    """Entries of which no request speaks; each list has twelve at least."""
    assert all(len(set(entries)) == len(entries) >= 12 for entries in lists.values())
    text = "\n".join(requests) + "\n"
    return [entry for entries in lists.values() for entry in entries if f"{entry}\n" not in text]


@pytest.mark.parametrize("name", LISTS)
def test_the_lists_of_both_languages_match(name: str) -> None:
    lists = Prompts("writer").lists(name)
    if name.endswith("variety"):
        assert [{key: len(entries) for key, entries in lists[language].items()} for language in ("en", "zh")] == [
            {key: len(entries) for key, entries in lists["en"].items()}
        ] * 2
    else:
        assert lists["en"].keys() == lists["zh"].keys()
    latin = re.compile("[A-Za-z]")
    assert [entry for entries in lists["zh"].values() for entry in entries if latin.search(entry)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_varies_a_role_play_fits_any_time(language: Language) -> None:
    entries = [entry for listed in Prompts("writer").lists("roleplay/variety")[language].values() for entry in listed]
    assert [entry for entry in entries if re.search(MODERN[language], entry)] == []
    assert re.search(MODERN[language], {"en": "a bus strike", "zh": "地铁停运"}[language])


def examples(system: str) -> list[str]:
    """The JSON objects of a prompt that begin a line."""
    decoder, found, start = json.JSONDecoder(), [], 0
    while match := re.compile(r"^\{", re.MULTILINE).search(system, start):
        _, start = decoder.raw_decode(system, match.start())
        found.append(system[match.start() : start])
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_worked_examples_keep_the_rules(
    language: Language,
    conversation: ConversationWriter,
    roleplay: RoleplayWriter,
    profiles: Profiles,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(foreign_text, "_prompt_runs", frozenset)  # they do stand in the prompt
    planned = roleplay_plan(0, language)
    portrait = Portrait(planned.assistant, MANNER)

    def worked(messages: Callable[[], list[Message]]) -> str:
        _, example = examples(messages()[0]["content"])
        return example

    profile = Profile.model_validate_json(worked(lambda: profiles.messages(planned.assistant)))
    elder = planned.assistant.model_copy(update={"age": "elderly", "gender": "female"})
    assert unfit_profile(profile, elder, Prompts("writer").lists("profile/contradictions")[language]) is None
    staging = Staging.model_validate_json(worked(lambda: roleplay.staging_messages(planned, portrait)))
    assert unfit_staging(staging, language, turns=3) is None
    played = PlayedDraft.model_validate_json(worked(lambda: roleplay.dialogue_messages(planned, portrait, STAGED)))
    assert broken_rule(script_of(planned, played.topic, played.turns, "openai/m", "a quay")) is None
    assert [turn.emotion for turn in played.turns if turn.role == "assistant"] == [staging.arc[0].emotion]
    assert any(tag in turn.text for turn in played.turns for tag in TAGS)
    talk = Draft.model_validate_json(worked(lambda: conversation.messages(plan(0, language))))
    assert broken_rule(script_of(plan(0, language), talk.topic, talk.turns, "openai/m", "a quay")) is None


def test_variety_depends_on_the_seed_alone() -> None:
    lists = {"b": ["1", "2", "3"], "a": ["x", "y"]}
    assert draw_variety(lists, 4) == draw_variety(dict(reversed(lists.items())), 4)
    assert len({tuple(draw_variety(lists, seed).items()) for seed in range(60)}) == 6


def test_a_value_that_is_missing_is_an_error(prompts: Prompts) -> None:
    with pytest.raises(jinja2.UndefinedError, match="'problem' is undefined"):
        prompts.render("en", "conversation/mend")


def test_values_are_not_read_as_templates(prompts: Prompts) -> None:
    assert "{{ 7 * 7 }} <b>" in prompts.render("en", "roleplay/mend", problem="{{ 7 * 7 }} <b>")


def test_the_digest_covers_every_file() -> None:
    assert len({Prompts("writer").digest, Prompts("judge").digest}) == 2
    assert re.fullmatch("[0-9a-f]{64}", Prompts("writer").digest)
