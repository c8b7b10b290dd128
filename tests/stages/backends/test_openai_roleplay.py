import json
import re
from collections import Counter
from pathlib import Path

import pytest

from pipelines.answers import FileAnswers, spent
from schemas.script import Character, Language, Script
from stages.backends.openai_profiles import PROFILE_TRIES
from stages.backends.protocols import Usage, Written
from stages.backends.rules_judge import broken_rule
from tests.chat_faults import CONTENT, TRANSPORT
from tests.chat_server import ChatServer
from tests.stages.backends.opened_writer import opened, scripts, written
from tests.stages.backends.roleplay_plans import roleplay_grammar, roleplay_plan

PRICES = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
STEPS = ("profile", "staging", "roleplay")
FORMS = ("profile", "staging", "playeddraft")
PLANS = [roleplay_plan(index, language, who=index // 3) for index in range(30) for language in ("en", "zh")]
"""Sixty dialogues of twenty characters."""

SETTLED = {"character_id", "language", "age", "gender", "species", "world", "origin", "pace"}


@pytest.fixture(scope="module")
def grammar(tmp_path_factory: pytest.TempPathFactory) -> str:
    return roleplay_grammar(tmp_path_factory.mktemp("grammar"))


def forms(server: ChatServer) -> Counter[str]:
    """How often each form was asked for."""
    return Counter(body["response_format"]["json_schema"]["name"] for body in server.bodies)


@pytest.fixture(scope="module")
def faultless(grammar: str) -> list[Script]:
    """The scripts of PLANS where nothing goes wrong."""
    with ChatServer() as running:
        made = scripts(opened(running, grammar=grammar).write(PLANS))
        assert forms(running) == {"profile": 20, "staging": 60, "playeddraft": 60}
        return made


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_script_takes_a_profile_a_staging_and_a_dialogue(
    language: Language, server: ChatServer, grammar: str
) -> None:
    plan = roleplay_plan(4, language)
    (result,) = written(opened(server, grammar=grammar).write([plan]))
    profile, staging, play = (body["messages"][1]["content"] for body in server.bodies)
    assert tuple(forms(server)) == FORMS
    made = result.script
    assert made.profile is not None
    assert made.profile.model_dump(include=SETTLED) == plan.assistant.model_dump(include=SETTLED)
    assert made.profile.identity != plan.assistant.identity
    assert (made.plan, made.writer) == (plan, "openai/m")
    assert broken_rule(made) is None
    for part in (plan.assistant.name, plan.assistant.identity, plan.assistant.species, plan.assistant.origin):
        assert part in profile
    for request in (staging, play):
        for part in (made.profile.identity, made.profile.timbre, made.profile.background, made.profile.relation):
            assert part in request
    assert any(turn.thought for turn in made.turns)
    assert any(turn.action for turn in made.turns)
    assert result.usage.requests == 3
    assert {key: server.bodies[0][key] for key in ("model", "temperature", "max_tokens")} == {
        "model": "m", "temperature": 1.0, "max_tokens": 4096
    }  # fmt: skip


def test_what_is_staged_is_what_is_played(server: ChatServer, grammar: str) -> None:
    (result,) = written(opened(server, grammar=grammar).write([roleplay_plan(1)]))
    staging, play = (body["messages"][1]["content"] for body in server.bodies[1:])
    assert "a deck at night" in staging
    asked = re.findall(r"dialogue of (?:exactly )?(\d+) turns", staging + play)
    assert asked == [str(len(result.script.turns))] * 2
    (place,) = re.findall(r"Place: (.+)", play)
    assert re.fullmatch(r"a yard with a \w+ in the corner and a \w+ on the wall", place)
    assert len(re.findall(r"^\d\. \w+: the \w+", play, re.MULTILINE)) in (2, 3)


def test_a_scene_is_told_by_place_time_user_and_stake(faultless: list[Script]) -> None:
    told = {script.plan.language: script.setting for script in faultless}
    assert told["en"].count(". ") >= 3
    assert told["zh"].count("。") >= 4
    assert all(text.endswith((".", "。")) and ".." not in text and "。。" not in text for text in told.values())


def test_scripts_keep_the_rules_and_the_order(faultless: list[Script]) -> None:
    assert [script.plan for script in faultless] == PLANS
    assert [broken_rule(script) for script in faultless] == [None] * len(PLANS)
    assert {len(script.turns) for script in faultless} >= set(range(3, 11))
    assert any("[" in turn.text for script in faultless for turn in script.turns)


def test_dialogues_of_a_character_share_its_profile(faultless: list[Script]) -> None:
    profiles: dict[str, set[Character]] = {}
    for script in faultless:
        profiles.setdefault(script.plan.assistant.character_id, set()).add(script.assistant)
    assert [len(shared) for shared in profiles.values()] == [1] * 20
    assert len({min(who.identity + who.background for who in shared) for shared in profiles.values()}) == 20


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_with_a_fifth_of_all_requests_failing_the_scripts_and_the_books_are_the_same(
    seed: int, faultless: list[Script], grammar: str, tmp_path: Path
) -> None:
    with ChatServer(faults=0.2, seed=seed) as faulty:
        results = opened(faulty, FileAnswers(str(tmp_path), None), grammar, **PRICES).write(PLANS)
        assert scripts(results) == faultless
        assert faulty.counts.total() - faulty.counts["requests"] > 20
        assert all(asked > least for asked, least in zip(forms(faulty).values(), (20, 60, 60), strict=True))
        usage = sum((result.usage for result in written(results)), Usage())
        assert usage.requests == sum(faulty.answered.values()) == len(list(tmp_path.glob("answers/*/*.json")))
        assert set(faulty.answered.values()) == {1}
        assert usage.usd == pytest.approx(faulty.usd) == spent(str(tmp_path))

        asked = faulty.counts["requests"]
        again = opened(faulty, FileAnswers(str(tmp_path), None), grammar, **PRICES).write(PLANS)
        assert scripts(again) == faultless
        assert faulty.counts["requests"] == asked
        assert sum((result.usage for result in written(again)), Usage()).usd == pytest.approx(faulty.usd)


@pytest.mark.parametrize("fault", [*TRANSPORT, *CONTENT])
@pytest.mark.parametrize("step", range(3), ids=STEPS)
def test_every_fault_of_every_step_is_mended(fault: str, step: int, server: ChatServer, grammar: str) -> None:
    (sound,) = scripts(opened(server, grammar=grammar).write([roleplay_plan(1)]))
    server.faults.forced = [*[""] * step, fault]
    server.stall_s = 0.3
    (mended,) = scripts(opened(server, grammar=grammar).write([roleplay_plan(1)]))
    assert mended == sound
    assert server.counts["requests"] == (6 if fault == "fence" else 7)


@pytest.mark.parametrize(
    ("step", "fault", "quoted"),
    [
        (0, "language", "name: is not in 'en': '阿禾'"),
        (0, "huge", "name: has 17000 words or characters, limit 5"),
        (1, "language", "place: is not in 'en'"),
        (1, "schema", "place: Field required; time: Field required"),
        (2, "language", "language: turn 0 is not in 'en'"),
        (2, "truncated", "(the answer was cut off: write less)"),
    ],
)
def test_the_re_ask_quotes_what_was_wrong(step: int, fault: str, quoted: str, server: ChatServer, grammar: str) -> None:
    server.faults.forced = [*[""] * step, fault]
    written(opened(server, grammar=grammar).write([roleplay_plan(1)]))
    first, second = server.bodies[step : step + 2]
    assert second["messages"][:2] == first["messages"]
    assert quoted in second["messages"][3]["content"]
    whole = {"profile": "whole profile", "staging": "whole scene", "roleplay": "whole dialogue"}[STEPS[step]]
    assert whole in second["messages"][3]["content"]


@pytest.mark.parametrize("step", range(1, 3), ids=STEPS[1:])
def test_two_answers_that_cannot_be_read_fail_this_dialogue_alone(step: int, server: ChatServer, grammar: str) -> None:
    server.faults.forced = [*[""] * step, "schema", "truncated"]
    broken, sound = opened(server, grammar=grammar, concurrency=1).write([roleplay_plan(1), roleplay_plan(2)])
    assert isinstance(broken, ValueError)
    assert str(broken).startswith(f"two answers of m to '{STEPS[step]}' cannot be read; the second: ")
    assert isinstance(sound, Written)


@pytest.mark.parametrize("step", range(3), ids=STEPS)
def test_such_a_dialogue_is_asked_for_anew_by_who_retries(
    step: int, server: ChatServer, grammar: str, tmp_path: Path
) -> None:
    def result(retry: bool) -> Written | Exception:
        (made,) = opened(server, FileAnswers(str(tmp_path), None, retry), grammar).write([roleplay_plan(1)])
        return made

    asked = 2 if step else 2 * PROFILE_TRIES
    server.faults.forced = [*[""] * step, *["schema"] * asked]
    assert isinstance(result(retry=False), ValueError)
    assert isinstance(result(retry=False), ValueError)
    assert server.counts["requests"] == step + asked
    mended = result(retry=True)
    assert isinstance(mended, Written)
    assert server.counts["requests"] == asked + 3
    assert result(retry=False) == mended


def test_a_character_without_a_profile_fails_its_own_dialogues_alone(server: ChatServer, grammar: str) -> None:
    server.faults.forced = ["schema", "truncated"] * PROFILE_TRIES * 2
    plans = [roleplay_plan(1, who=1), roleplay_plan(2, who=1), roleplay_plan(3, who=2)]
    *broken, sound = opened(server, grammar=grammar, concurrency=1).write(plans)
    last = "3 tries gave no profile; the last: two answers of m to 'profile' cannot be read; the second: "
    assert [str(error).startswith(last) for error in broken] == [True, True]
    assert isinstance(sound, Written)


@pytest.mark.parametrize("retry", [False, True])
def test_after_an_unlucky_try_a_profile_stays_the_same_whoever_asks_later(
    retry: bool, server: ChatServer, grammar: str, tmp_path: Path
) -> None:
    server.faults.forced = ["schema", "schema"]
    (first,) = written(opened(server, FileAnswers(str(tmp_path), None), grammar).write([roleplay_plan(1, who=1)]))
    assert first.usage.requests == server.counts["requests"] == 5
    assert len({body["seed"] for body in server.bodies[:3]}) == 2
    answers = FileAnswers(str(tmp_path), None, retry)
    (second,) = written(opened(server, answers, grammar).write([roleplay_plan(2, who=1)]))
    assert second.script.profile == first.script.profile
    assert forms(server) == {"profile": 3, "staging": 2, "playeddraft": 2}


def test_a_rule_that_a_dialogue_breaks_twice_is_left_to_the_judge(server: ChatServer, grammar: str) -> None:
    server.faults.forced = ["", "", "language", "language"]
    (made,) = scripts(opened(server, grammar=grammar).write([roleplay_plan(1)]))
    assert (broken_rule(made) or "").startswith("language: turn 0 is not in 'en'")


def test_a_profile_that_contradicts_its_brief_in_every_try_is_no_profile(server: ChatServer, grammar: str) -> None:
    server.reply = json.dumps(
        {
            "name": "Rust", "identity": "a retired captain", "personality": "gruff", "temperament": "calm",
            "timbre": "dark", "background": "Sailed once.", "relation": "The user is a friend.", "manner": "Brief.",
        }
    )  # fmt: skip
    (error,) = opened(server, grammar=grammar).write([roleplay_plan(0)])
    assert str(error) == (
        "3 tries gave no profile; the last: two answers of m to 'profile' cannot be read; the second: identity: "
        "'retired' does not fit a character that is child"
    )


def test_an_endpoint_without_schemas_is_told_by_the_prompts(server: ChatServer, grammar: str) -> None:
    (sound,) = scripts(opened(server, grammar=grammar).write([roleplay_plan(1, "zh")]))
    server.formats = 2
    assert scripts(opened(server, grammar=grammar).write([roleplay_plan(1, "zh")])) == [sound]
