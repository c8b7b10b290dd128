import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines.answers import FileAnswers, spent
from schemas.errors import CostLimitError, OutageError, RecipeError
from schemas.recipe import Service
from stages.backends import http_client
from stages.backends.http_trouble import UnansweredError
from stages.backends.openai_chat import ChatClient
from stages.backends.openai_schema import Form
from tests.chat_faults import TRANSPORT
from tests.chat_server import ChatServer

FORM = Form("draft", {"type": "object"})
ATTEMPTS = 3


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "write"}, {"role": "user", "content": text}]


@pytest.fixture
def client(server: ChatServer) -> Iterator[Callable[..., ChatClient]]:
    made: list[ChatClient] = []

    def make(answers: FileAnswers | None = None, max_tokens: int = 100, **changes: Any) -> ChatClient:
        settings: dict[str, Any] = {"base_url": server.url, "timeout_s": 0.5, "attempts": ATTEMPTS} | changes
        chat = ChatClient("m", 1.0, max_tokens, Service(**settings))
        if answers is not None:
            chat.use(answers)
        chat.open()
        made.append(chat)
        return chat

    yield make
    for chat in made:
        chat.close()


def ask_all(chat: ChatClient, texts: list[str]) -> list[Any]:
    return chat.each(lambda text: chat.ask(messages(text), FORM, 1), texts)


@pytest.mark.parametrize("fault", TRANSPORT)
def test_a_fault_is_retried_and_leaves_no_trace(fault: str, server: ChatServer, client: Any) -> None:
    (sound,) = ask_all(client(), ["tell"])
    server.faults.forced = [fault, fault]
    began_s = time.monotonic()
    assert ask_all(client(), ["tell"]) == [sound]
    assert server.counts[fault] == 2
    assert server.counts["requests"] == 1 + 3
    assert time.monotonic() - began_s < 3.0


def test_a_429_is_waited_for_by_all(server: ChatServer, client: Any) -> None:
    server.faults.forced, server.retry_after = ["429"], "0.6"
    chat = client(concurrency=1)
    assert all(isinstance(answer.content, str) for answer in ask_all(chat, ["a", "b"]))
    first, second, _ = server.times
    assert 0.6 <= second - first < 1.0


def test_a_429_that_asks_for_no_pause_uses_up_no_attempts(server: ChatServer, client: Any) -> None:
    server.faults.forced, server.retry_after = ["429"] * 4, "0"
    began_s = time.monotonic()
    (answer,) = ask_all(client(attempts=1), ["a"])
    assert answer.content
    assert time.monotonic() - began_s >= 0.5 * (0.1 + 0.3 + 0.9 + 2.7)


def test_a_quota_that_is_used_up_stops_all(server: ChatServer, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "QUOTA_S", 0.6)
    server.faults.forced, server.retry_after = ["429"] * 1000, "0"
    with pytest.raises(
        OutageError, match=rf"^{server.url} has answered nobody for 0.6 s, the quota is used up: HTTP 429"
    ):
        ask_all(client(concurrency=2), [str(number) for number in range(50)])
    assert server.counts["requests"] < 20


def test_who_alone_gets_429_fails_alone(server: ChatServer, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "QUOTA_S", 0.6)
    server.forbidden, server.latency_s = {"bad": 429}, 0.02
    chat = client(concurrency=2)
    answers = ask_all(chat, ["bad", *map(str, range(150))])
    assert isinstance(answers[0], UnansweredError)
    assert "HTTP 429" in str(answers[0])
    assert all(answer.content for answer in answers[1:])


def test_an_endpoint_that_answers_the_probe_with_429_is_alive(server: ChatServer, client: Any) -> None:
    server.faults.forced, server.poison = ["", "", "", "429"], "bad"
    (error,) = ask_all(client(), ["bad"])
    assert isinstance(error, UnansweredError)


@pytest.mark.parametrize("status", [403, 404])
def test_words_that_a_gateway_forbids_fail_alone(status: int, server: ChatServer, client: Any) -> None:
    server.forbidden = {"bad": status}
    answers = ask_all(client(concurrency=1), ["good", "bad", "fine"])
    assert [type(answer).__name__ for answer in answers] == ["Completion", "UnansweredError", "Completion"]
    assert f"HTTP {status}" in str(answers[1])


@pytest.mark.parametrize(("status", "words"), [(403, "does not let us in"), (404, "does not have what is asked for")])
def test_who_lets_nobody_in_is_an_outage(status: int, words: str, server: ChatServer, client: Any) -> None:
    server.forbidden = {"": status}
    with pytest.raises(OutageError, match=rf"^{server.url} {words}: HTTP {status}: .*then build again"):
        ask_all(client(concurrency=1), ["a", "b"])
    assert server.counts["requests"] == 2  # the first, and a probe


def test_an_answer_of_another_shape_is_paid_for_once(server: ChatServer, client: Any) -> None:
    server.shape = {"choices": [{"text": "yes"}]}
    (error,) = ask_all(client(), ["a"])
    assert isinstance(error, UnansweredError)
    assert "a chat completion of another shape: choices.0.message: Field required" in str(error)
    assert server.counts["requests"] == 1


def test_headers_that_drip_cost_one_time_out(server: ChatServer, client: Any) -> None:
    server.stall_s, server.faults.forced = 30.0, ["header_drip"]
    began_s = time.monotonic()
    assert ask_all(client(), ["a"])[0].content
    assert 0.5 <= time.monotonic() - began_s < 1.5


def test_disowned_answers_are_asked_anew_by_who_retries_and_found_by_all_others(
    server: ChatServer, client: Any, tmp_path: Path
) -> None:
    chat = client(FileAnswers(str(tmp_path), None))
    ask_all(chat, ["a", "b"])
    chat.disown(messages("a"), FORM, 1)
    ask_all(client(FileAnswers(str(tmp_path), None)), ["a", "b"])
    assert server.counts["requests"] == 2
    ask_all(client(FileAnswers(str(tmp_path), None, retry_unfit=True)), ["a", "b"])
    assert server.counts["requests"] == 3


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (("", 1.0, 9), "model"), ((3, 1.0, 9), "model"), (("a b", 1.0, 9), "model"),
        (("m", "hot", 9), "temperature"), (("m", 2.1, 9), "temperature"), (("m", float("nan"), 9), "temperature"),
        (("m", True, 9), "temperature"),
        (("m", 1.0, 0), "max_tokens"), (("m", 1.0, 10**7), "max_tokens"), (("m", 1.0, 9.5), "max_tokens"),
        (("m", 1.0, True), "max_tokens"),
    ],
)  # fmt: skip
def test_settings_are_checked(settings: tuple[Any, Any, Any], name: str) -> None:
    with pytest.raises(RecipeError, match=rf"^'settings.{name}' of the back end 'openai' is not "):
        ChatClient(*settings, Service())


def test_a_poisoned_request_fails_alone(server: ChatServer, client: Any) -> None:
    server.poison = "bad"
    answers = ask_all(client(), ["good", "bad", "fine"])
    assert [type(answer).__name__ for answer in answers] == ["Completion", "UnansweredError", "Completion"]
    assert str(answers[1]) == (
        f'{server.url} does not answer this request: HTTP 500: {{"error": {{"message": "poisoned"}}}}'
    )


def test_a_lonely_poisoned_request_is_told_from_an_outage_by_a_probe(server: ChatServer, client: Any) -> None:
    server.poison = "bad"
    (error,) = ask_all(client(), ["bad"])
    assert isinstance(error, UnansweredError)
    assert server.counts["requests"] == ATTEMPTS + 1
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Say yes."}]
    assert server.bodies[-1]["max_tokens"] == 16


def test_a_dead_endpoint_is_an_outage_that_stops_all(server: ChatServer, client: Any) -> None:
    chat = client(concurrency=4)
    server.dead = True
    began_s = time.monotonic()
    with pytest.raises(
        OutageError, match=rf"^{server.url} does not answer model 'm' a single word: .*then build again"
    ):
        ask_all(chat, [str(number) for number in range(100)])
    assert time.monotonic() - began_s < 3.0
    server.dead = False
    assert len(ask_all(chat, ["again"])) == 1  # the next batch tries anew


def test_nobody_listening_is_an_outage_too(client: Any) -> None:
    with pytest.raises(OutageError, match=r"^http://127.0.0.1:9/v1 .*ConnectError"):
        ask_all(client(base_url="http://127.0.0.1:9/v1"), ["a"])


def test_an_outage_in_the_middle_keeps_what_was_answered(server: ChatServer, client: Any, tmp_path: Path) -> None:
    answers = FileAnswers(str(tmp_path), None)
    chat = client(answers, concurrency=1)

    def ask(number: int) -> Any:
        server.dead = number >= 3
        return chat.ask(messages(str(number)), FORM, 1)

    with pytest.raises(OutageError):
        chat.each(ask, range(10))
    assert server.counts["requests"] == 3
    server.dead = False
    assert all(answer.content for answer in ask_all(chat, ["0", "1", "2"]))
    assert server.counts["requests"] == 3


def test_a_wrong_key_is_an_outage_at_once(server: ChatServer, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-test-secret")
    server.unauthorized = True
    with pytest.raises(OutageError, match=r"does not let us in: HTTP 401: .*\[key\].*environment variable SOME_KEY"):
        ask_all(client(key_variable="SOME_KEY", concurrency=1), ["a", "b"])
    assert server.counts["requests"] == 1


def test_an_unknown_model_is_an_outage_at_once(server: ChatServer) -> None:
    chat = ChatClient("no-such-model", 1.0, 100, Service(base_url=server.url))
    chat.open()
    with pytest.raises(OutageError, match=r"HTTP 404.*Check 'settings.model' and 'service.base_url'"):
        chat.probe()


@pytest.mark.parametrize("formats", [0, 1, 2])
def test_formats_that_are_refused_are_not_sent_again(formats: int, server: ChatServer, client: Any) -> None:
    server.formats = formats
    chat = client(concurrency=1)
    assert all(answer.content for answer in ask_all(chat, ["a", "b"]))
    sent = [body.get("response_format", {}).get("type", "text") for body in server.bodies]
    assert (
        sent
        == {
            0: ["json_schema", "json_schema"],
            1: ["json_schema", "json_object", "json_object"],
            2: ["json_schema", "json_object", "text", "text"],
        }[formats]
    )


def test_parameters_that_are_refused_are_left_out(server: ChatServer, client: Any) -> None:
    server.refused_parameters = ("temperature", "max_tokens")
    (answer,) = ask_all(client(), ["a"])
    assert answer.content
    assert sorted(server.bodies[-1]) == ["max_completion_tokens", "messages", "model", "response_format", "seed"]


def test_a_fallback_finds_the_answers_from_before(server: ChatServer, client: Any, tmp_path: Path) -> None:
    before = ask_all(client(FileAnswers(str(tmp_path), None)), ["a"])
    server.formats = 2
    chat = client(FileAnswers(str(tmp_path), None))
    assert ask_all(chat, ["b", "a"])[1:] == before
    assert server.counts["requests"] == 1 + 3


def test_the_same_request_is_paid_for_once(server: ChatServer, client: Any, tmp_path: Path) -> None:
    texts = [str(number) for number in range(20)]
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
    first = ask_all(client(FileAnswers(str(tmp_path), None), **prices), texts)
    again = ask_all(client(FileAnswers(str(tmp_path), None), **prices), texts)
    assert again == first
    assert set(server.answered.values()) == {1}
    assert server.counts["requests"] == 20
    assert sum(answer.usage.usd for answer in again) == pytest.approx(server.usd)
    assert spent(str(tmp_path)) == pytest.approx(server.usd)


def test_tokens_that_are_not_counted_are_estimated_upward(server: ChatServer, client: Any) -> None:
    server.without_usage = True
    (answer,) = ask_all(client(usd_per_million_prompt_tokens=2.0, usd_per_million_completion_tokens=4.0), ["说"])
    assert answer.completion_tokens == len(answer.content.encode())
    assert answer.prompt_tokens > len("write说".encode())
    assert answer.usd == pytest.approx((2 * answer.prompt_tokens + 4 * answer.completion_tokens) / 1e6)


def test_the_cost_limit_is_never_passed(server: ChatServer, client: Any, tmp_path: Path) -> None:
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
    limit_usd = 0.005
    chat = client(FileAnswers(str(tmp_path), limit_usd), max_tokens=500, concurrency=8, **prices)
    with pytest.raises(CostLimitError, match=r"^run.max_cost_usd: the limit is 0.005 USD, .* Raise run.max_cost_usd"):
        ask_all(chat, [str(number) for number in range(100)])
    assert 0.8 * limit_usd < server.usd <= limit_usd
    assert spent(str(tmp_path)) == pytest.approx(server.usd)
    asked = server.counts["requests"]
    more = client(FileAnswers(str(tmp_path), 2 * limit_usd), max_tokens=500, concurrency=1, **prices)
    with pytest.raises(CostLimitError):
        ask_all(more, [str(number) for number in range(100)])
    assert server.usd <= 2 * limit_usd
    assert server.counts["requests"] > asked
    assert set(server.answered.values()) == {1}


def test_not_more_at_a_time_than_allowed_but_that_many(server: ChatServer, client: Any) -> None:
    server.latency_s = 0.05
    answers = ask_all(client(concurrency=8), [str(number) for number in range(40)])
    assert all(answer.content for answer in answers)
    assert server.peak == 8


def test_batches_of_several_threads_share_the_limit(server: ChatServer, client: Any) -> None:
    server.latency_s = 0.05
    chat = client(concurrency=4)
    with ThreadPoolExecutor(3) as pool:
        texts = [[f"{batch}/{number}" for number in range(8)] for batch in range(3)]
        assert all(
            answer.content for answers in pool.map(lambda batch: ask_all(chat, batch), texts) for answer in answers
        )
    assert server.peak == 4


def test_not_more_a_minute_than_allowed(server: ChatServer, client: Any) -> None:
    ask_all(client(requests_per_minute=600.0), [str(number) for number in range(16)])  # 10 at once, then one each 0.1 s
    assert 0.45 <= server.times[-1] - server.times[0] < 1.2


def test_results_keep_their_order(server: ChatServer, client: Any) -> None:
    chat = client(concurrency=4)
    assert chat.each(lambda number: (time.sleep(0.01 * (5 - number)), number)[1], range(5)) == list(range(5))


def test_a_failure_of_ours_is_the_records_own(client: Any) -> None:
    results = client().each(lambda number: 1 // number, [1, 0])
    assert results[0] == 1
    assert isinstance(results[1], ZeroDivisionError)
