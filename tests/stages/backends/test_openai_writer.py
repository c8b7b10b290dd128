import json
import logging
import re
from pathlib import Path

import pytest

from pipelines.answers import FileAnswers, spent
from schemas.script import KINDS, Script, Turn
from stages.backends.grammar_data import load_grammar
from stages.backends.openai_writer import WRITERS
from stages.backends.protocols import Usage, Written
from stages.backends.rules_judge import broken_rule
from tests.chat_faults import CONTENT
from tests.chat_server import ChatServer
from tests.chat_texts import draft, first_words
from tests.stages.backends.opened_writer import opened, scripts
from tests.stages.scripts import plan

KEY = "sk-test-0123456789abcdef"
PLANS = [plan(index, language) for index in range(30) for language in ("en", "zh")]


@pytest.fixture(scope="module")
def faultless() -> list[Script]:
    """The scripts of PLANS where nothing goes wrong."""
    with ChatServer() as running:
        return scripts(opened(running).write(PLANS))


def test_every_kind_has_its_writer() -> None:
    assert set(WRITERS) == set(KINDS)


def test_a_script_is_what_the_model_wrote(server: ChatServer) -> None:
    (result,) = opened(server).write([plan(3)])
    assert isinstance(result, Written)
    (body,) = server.bodies
    written = draft(first_words(body), 3)
    assert result.script == Script(
        plan=plan(3),
        topic="words",
        setting=load_grammar("en").scene(plan(3).scene)[1].setting,
        turns=tuple(Turn(**turn) for turn in written["turns"]),
        writer="openai/m",
    )
    assert result.usage.requests == 1
    assert result.usage.prompt_tokens > result.usage.completion_tokens > 100
    assert {key: body[key] for key in ("model", "temperature", "max_tokens", "seed")} == {
        "model": "m", "temperature": 1.0, "max_tokens": 4096, "seed": 3
    }  # fmt: skip
    assert body["response_format"]["json_schema"]["name"] == "draft"


def test_scripts_keep_the_rules_and_the_order(faultless: list[Script]) -> None:
    assert [script.plan for script in faultless] == PLANS
    assert [broken_rule(script) for script in faultless] == [None] * len(PLANS)


@pytest.mark.parametrize("seed", [1, 2])
def test_with_a_fifth_of_all_requests_failing_the_scripts_are_the_same(seed: int, faultless: list[Script]) -> None:
    with ChatServer(faults=0.2, seed=seed) as server:
        assert scripts(opened(server).write(PLANS)) == faultless
        assert server.counts["requests"] > len(PLANS) + 5
        assert len(server.counts) > 6


@pytest.mark.parametrize("fault", CONTENT)
def test_an_unfit_answer_is_asked_for_again(fault: str, server: ChatServer) -> None:
    (sound,) = opened(server).write([plan(1)])
    server.faults.forced = [fault]
    (mended,) = opened(server).write([plan(1)])
    assert isinstance(sound, Written)
    assert isinstance(mended, Written)
    assert mended.script == sound.script
    assert mended.usage.requests == (1 if fault == "fence" else 2)


@pytest.mark.parametrize(
    ("fault", "quoted"),
    [
        ("truncated", "(the answer was cut off: write less)"),
        ("schema", "topic: Field required; turns: Field required; title: Extra inputs are not permitted"),
        ("language", "language: turn 0 is not in 'en': "),
        ("huge", "turns: 1 turns, wanted 2 to 20"),
    ],
)
def test_the_re_ask_quotes_what_was_wrong(fault: str, quoted: str, server: ChatServer) -> None:
    server.faults.forced = [fault]
    opened(server).write([plan(1)])
    first, second = server.bodies
    assert second["messages"][:2] == first["messages"]
    assert [message["role"] for message in second["messages"][2:]] == ["assistant", "user"]
    assert quoted in second["messages"][3]["content"]
    assert len(second["messages"][2]["content"]) <= 2000
    assert len(second["messages"][3]["content"]) < 1000


def test_two_answers_that_cannot_be_read_fail_this_plan_alone(server: ChatServer) -> None:
    server.faults.forced = ["schema", "truncated"]
    writer = opened(server, concurrency=1)
    broken, sound = writer.write([plan(1), plan(2)])
    assert isinstance(broken, ValueError)
    assert str(broken).startswith("two answers of m to 'conversation' cannot be read; the second: ")
    assert isinstance(sound, Written)


def test_two_such_answers_are_asked_for_anew_by_who_retries(server: ChatServer, tmp_path: Path) -> None:
    def results(retry: bool) -> list[Written | Exception]:
        return opened(server, FileAnswers(str(tmp_path), None, retry)).write([plan(1)])

    server.faults.forced = ["schema", "schema"]
    assert isinstance(results(retry=False)[0], ValueError)
    assert isinstance(results(retry=False)[0], ValueError)
    assert server.counts["requests"] == 2
    mended = results(retry=True)
    assert isinstance(mended[0], Written)
    assert server.counts["requests"] == 3
    assert results(retry=False) == results(retry=True) == mended
    assert server.counts["requests"] == 3


def test_a_rule_broken_twice_is_left_to_the_judge(server: ChatServer) -> None:
    server.faults.forced = ["language", "language"]
    (result,) = opened(server).write([plan(1)])
    assert isinstance(result, Written)
    assert (broken_rule(result.script) or "").startswith("language: turn 0 is not in 'en'")


def test_unfit_answers_are_kept_as_well(server: ChatServer, tmp_path: Path) -> None:
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
    server.faults.forced = ["language", ""]
    first = opened(server, FileAnswers(str(tmp_path), None), **prices).write([plan(1)])
    again = opened(server, FileAnswers(str(tmp_path), None), **prices).write([plan(1)])
    assert again == first
    assert server.counts["requests"] == 2
    (result,) = again
    assert isinstance(result, Written)
    assert result.usage.usd == pytest.approx(server.usd) == spent(str(tmp_path))


def test_a_restart_after_faults_asks_nothing(tmp_path: Path, faultless: list[Script]) -> None:
    with ChatServer(faults=0.2, seed=3) as server:
        scripts(opened(server, FileAnswers(str(tmp_path), None)).write(PLANS))
        asked = server.counts["requests"]
        assert scripts(opened(server, FileAnswers(str(tmp_path), None)).write(PLANS)) == faultless
        assert server.counts["requests"] == asked
        assert set(server.answered.values()) == {1}


def test_the_key_is_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    for name in ["", *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, name)
    kinds = ("echo_key", "html", "key_in_content", "escaped_key")
    with ChatServer(faults=0.6, seed=1, kinds=kinds) as server:
        results = opened(server, FileAnswers(str(tmp_path), None), timeout_s=10.0).write(PLANS[:20])
        assert set(server.counts) == {"requests", *kinds}
        server.poison = "\n"
        results += opened(server, attempts=2).write(PLANS[:3])
    assert sum(isinstance(result, Exception) for result in results) == 3
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.json"))
    assert "[key]" in kept
    for text in (repr(results), kept, caplog.text):
        assert len(text) > 100
        assert KEY not in text


def test_what_a_hostile_model_adds_is_tidied(server: ChatServer) -> None:
    reply = draft("x", 1)
    reply["topic"] = "a\n" + "b" * 500
    reply["turns"][1] |= {"text": "  Well,\n yes ", "intent": "x" * 99, "overlap": "interrupts", "pause_before_s": 2}
    server.reply = json.dumps(reply)
    (result,) = opened(server).write([plan(0)])
    assert isinstance(result, Written)
    assert result.script.topic == "a " + "b" * 58
    turn = result.script.turns[1]
    assert (turn.text, turn.intent, turn.overlap, turn.pause_before_s) == ("Well, yes", "x" * 40, "interrupts", 0.0)


def test_what_is_asked_depends_on_the_plan_alone(server: ChatServer) -> None:
    asked = plan(5, "zh")
    opened(server).write([asked])
    opened(server, concurrency=1).write([plan(6, "zh"), asked, asked.model_copy(update={"seed": 77})])
    first, _, second, third = (body["messages"] for body in server.bodies)
    assert first == second
    assert first != third
    assert re.fullmatch("[0-9a-f]{64}", opened(server).fingerprint)
    assert opened(server).fingerprint == opened(server).fingerprint


def test_usage_is_summed_over_both_answers(server: ChatServer) -> None:
    server.faults.forced = ["schema"]
    (result,) = opened(server, usd_per_million_completion_tokens=10.0).write([plan(1)])
    assert isinstance(result, Written)
    assert result.usage == Usage(
        2, result.usage.prompt_tokens, result.usage.completion_tokens, result.usage.completion_tokens * 1e-5
    )
