from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from schemas.errors import OutageError, RecipeError
from schemas.recipe import Service
from stages.backends import http_attempts
from stages.backends.audio_service import AudioService
from stages.backends.http_trouble import EndpointTrouble, Refusal, UnansweredError
from tests.speech_server import SpeechServer

KEY = "sk-test-0123456789abcdef"
BODY: dict[str, Any] = {"input": "Well?", "voice": "nova", "response_format": "wav"}


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with SpeechServer() as running:
        yield running


@pytest.fixture
def endpoint(server: SpeechServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[AudioService]:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("TEST_KEY", KEY)
    service = Service(base_url=f"{server.url}/v1", key_variable="TEST_KEY", attempts=2, concurrency=3)
    made = AudioService(service, lambda: post(made), "does not say a word", "Look again", max_bytes=500_000)
    made.open()
    yield made
    made.close()


def post(endpoint: AudioService, path: str = "/audio/speech", **content: Any) -> bytes:
    return endpoint.post(path, "a WAV", lambda response: response.content[:4] == b"RIFF", **(content or {"json": BODY}))


def test_a_body_that_fits_is_given(server: SpeechServer, endpoint: AudioService) -> None:
    assert post(endpoint)[:4] == b"RIFF"
    assert server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("fault", "kind", "cause"),
    [
        ("500", EndpointTrouble, r"HTTP 500: status 500 for Bearer \[key\]"),
        ("429", EndpointTrouble, "HTTP 429"),
        ("html", EndpointTrouble, "not a WAV: <html>Sign in</html>"),
        ("empty", EndpointTrouble, "not a WAV: nothing"),
        ("cut", EndpointTrouble, "RemoteProtocolError"),
        ("422", Refusal, "HTTP 422"),
        ("404", Refusal, "HTTP 404"),
        ("401", OutageError, r"does not let us in: HTTP 401"),
    ],
)
def test_what_one_request_may_meet(
    fault: str, kind: type[Exception], cause: str, server: SpeechServer, endpoint: AudioService
) -> None:
    server.forced = [fault]
    with pytest.raises(kind, match=cause) as caught:
        post(endpoint)
    assert KEY not in repr(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_an_answer_that_is_too_long_is_not_read_to_its_end(server: SpeechServer, endpoint: AudioService) -> None:
    server.forced = ["long"]
    with pytest.raises(EndpointTrouble, match="the answer is longer than 500000 bytes"):
        post(endpoint)


def test_asking_is_patient_and_tells_whose_failure_it_is(server: SpeechServer, endpoint: AudioService) -> None:
    server.forced = ["500"]
    assert endpoint.ask(lambda: post(endpoint))[:4] == b"RIFF"
    server.forced = ["500", "500"]
    with pytest.raises(UnansweredError, match=f"^{server.url}/v1 does not answer this request: HTTP 500"):
        endpoint.ask(lambda: post(endpoint))  # the trial is answered
    server.always = "500"
    with pytest.raises(OutageError, match=f"^{server.url}/v1 does not say a word: HTTP 500"):
        endpoint.ask(lambda: post(endpoint))


def test_each_gives_results_in_order_and_failures_in_their_places(server: SpeechServer, endpoint: AudioService) -> None:
    def twice(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return 2 * number

    results = endpoint.each(twice, [1, 2, 3])
    assert (results[0], str(results[1]), results[2]) == (2, "two", 6)


def test_an_address_that_is_none_is_an_error_of_the_recipe(
    endpoint: AudioService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise httpx2.InvalidURL("port")

    monkeypatch.setattr(endpoint._client, "post", refuse)
    with pytest.raises(RecipeError, match=r"^'service.base_url' of the back end is no address"):
        post(endpoint)


def test_opening_comes_first() -> None:
    closed = AudioService(Service(), lambda: None, "", "", 1)
    with pytest.raises(RuntimeError, match="open"):
        post(closed)
