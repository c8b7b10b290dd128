import logging
import re
import time
from typing import Any

import pytest

from schemas.errors import OutageError, RecipeError
from schemas.recipe import Service
from stages.backends.http_trouble import EndpointTrouble, Refusal
from stages.backends.openai_http import Endpoint
from tests.chat_server import ChatServer

KEY = "sk-test-0123456789abcdef"
BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def endpoint(server: ChatServer, **changes: Any) -> Endpoint:
    made = Endpoint(Service(**({"base_url": server.url, "timeout_s": 0.5, "key_variable": "TEST_KEY"} | changes)))
    made.open()
    return made


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("429", 'HTTP 429: {"error": {"message": "slow down"}}'),
        ("500", 'HTTP 500: {"error": {"message": "out of memory"}}'),
        ("echo_key", 'HTTP 500: {"error": {"message": "cannot serve Bearer [key]"}}'),
        ("drip", "no whole answer within 0.5 s"),
        ("header_drip", "no whole answer within 0.5 s"),
        ("timeout", "no whole answer within 0.5 s"),
        ("cut", "RemoteProtocolError: peer closed connection without sending complete message body"),
    ],
)
def test_trouble_has_a_cause(fault: str, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with ChatServer(stall_s=20.0) as server:
        began_s = time.monotonic()
        server.faults.forced = [fault]
        with pytest.raises(EndpointTrouble, match=f"^{re.escape(cause)}") as caught:
            endpoint(server).post(BODY)
        assert caught.value.wait_s == (0.05 if fault == "429" else None)
        assert time.monotonic() - began_s < 1.5


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in ["", *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, name)
    return caplog


@pytest.mark.parametrize(("fault", "error"), [("echo_key", EndpointTrouble), ("401", OutageError)])
def test_the_key_is_in_no_exception_and_no_log(
    fault: str, error: type[Exception], monkeypatch: pytest.MonkeyPatch, everything_logged: Any
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with ChatServer() as server:
        server.unauthorized = fault == "401"
        server.faults.forced = [fault]
        with pytest.raises(error, match=r"\[key\]") as caught:
            endpoint(server, timeout_s=10.0).post(BODY)
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert KEY not in everything_logged.text
    assert len(everything_logged.records) > 3  # the libraries did log


def test_the_key_is_scrubbed_from_answers(monkeypatch: pytest.MonkeyPatch, everything_logged: Any) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    with ChatServer() as server:
        server.faults.forced = ["html"]
        assert endpoint(server, timeout_s=10.0).post(BODY) == "<html><body>Gateway for Bearer [key]</body></html>"
    assert KEY not in everything_logged.text


@pytest.mark.parametrize(("status", "words"), [(403, "does not let us in"), (404, "does not have what is asked for")])
def test_a_doubtful_refusal_says_what_it_could_mean(status: int, words: str) -> None:
    with ChatServer() as server:
        server.forbidden = {"hello": status}
        with pytest.raises(Refusal, match=f"^HTTP {status}: ") as caught:
            endpoint(server).post(BODY)
        assert str(caught.value.outage).startswith(f"{server.url} {words}: HTTP {status}: ")


def test_an_address_that_only_the_client_refuses_is_the_recipes_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=r"^'service.base_url' of the back end is no address"):
        Endpoint(Service(base_url="http://a" + "\x7f" + "b/v1", key_variable="TEST_KEY")).open()


def test_a_refusal_is_no_trouble() -> None:
    with ChatServer() as server:
        server.refused_parameters = ("messages",)
        with pytest.raises(Refusal, match=r"HTTP 400: .*'messages' is not supported here") as caught:
            endpoint(server).post(BODY)
    assert caught.value.about_parameters


def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from stages.backends import openai_http

    monkeypatch.setattr(openai_http, "MAX_ANSWER_BYTES", 100)
    with ChatServer() as server, pytest.raises(EndpointTrouble, match="the answer is longer than 100 bytes"):
        endpoint(server).post(BODY)


def test_openai_needs_a_key_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    with pytest.raises(RecipeError, match=r"^https://api.openai.com/v1 needs a key, .* TEST_KEY .*export TEST_KEY"):
        Endpoint(Service(key_variable="TEST_KEY")).open()
    with ChatServer() as server:
        assert '"content": "yes"' in endpoint(server).post(BODY)


def test_a_placeholder_is_no_secret_where_it_is_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "html")
    with ChatServer() as server:
        server.faults.forced = ["html"]
        assert endpoint(server, timeout_s=10.0).post(BODY) == "<html><body>Gateway for Bearer [key]</body></html>"


def test_opening_comes_first() -> None:
    with pytest.raises(RuntimeError, match=r"open\(\) comes before"):
        Endpoint(Service(base_url="http://127.0.0.1:9/v1")).post(BODY)
