"""The batch endpoint, through the back end that uses it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import OutageError
from schemas.recipe import BackendChoice, Service
from schemas.take import Line, Voice
from stages.backends import http_attempts, registry
from stages.backends.openai_speech import OpenAISpeech
from stages.backends.protocols import Performance
from tests.speech_server import TRANSPORT, WRONG_AUDIO, SpeechServer
from tests.voice_folder import write_voices

VOICES = {"female": ["nova", "alloy"], "male": ["echo", "onyx"]}

Make = Callable[..., OpenAISpeech]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpeechServer]:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)
    with SpeechServer() as running:
        yield running


@pytest.fixture
def speech(server: SpeechServer) -> Iterator[Make]:
    made: list[OpenAISpeech] = []

    def make(batch: int = 4, timeout_s: float = 10.0, **settings: Any) -> OpenAISpeech:
        service = Service(base_url=f"{server.url}/v1", timeout_s=timeout_s, attempts=3, key_variable="NO_KEY")
        wanted = {"model": "m", "batch": batch} | (settings or {"voices": VOICES})
        speaker = registry.load("speech", BackendChoice(name="openai-speech", settings=wanted, service=service))
        assert isinstance(speaker, OpenAISpeech)
        speaker.open()
        made.append(speaker)
        return speaker

    yield make
    for speaker in made:
        speaker.close()


@pytest.fixture
def lines(make_line: Callable[..., Line]) -> list[Line]:
    """Six, the fourth too long for one piece."""
    words = [f"Good morning, number {letter * 3}." for letter in "abcdef"]
    words[3] = " ".join([words[3]] * 20)
    voice = Voice("openai-speech:nova", "openai-speech", {})
    return [replace(make_line(spoken=text, turn_index=place), voice=voice) for place, text in enumerate(words)]


def paths(server: SpeechServer) -> list[tuple[str, int]]:
    """Where requests went, and how many items they had."""
    return sorted((body["path"].removeprefix("/v1/audio/speech"), len(body.get("items", []))) for body in server.bodies)


def assert_same(results: Any, wanted: Any) -> None:
    for one, other in zip(results, wanted, strict=True):
        assert isinstance(one, Performance), one
        np.testing.assert_array_equal(one.samples, other.samples)
        assert one.rate_hz == other.rate_hz


def test_lines_go_together_and_sound_as_they_do_alone(server: SpeechServer, speech: Make, lines: list[Line]) -> None:
    alone = speech(batch=1).synthesize(lines)
    server.bodies.clear()
    assert_same(speech().synthesize(lines), alone)
    assert paths(server) == [("", 0), ("", 0), ("/batch", 2), ("/batch", 3)]  # the long one in two pieces
    first = next(body for body in server.bodies if len(body.get("items", [])) == 3)
    assert first["model"] == "m"
    assert [item["input"] for item in first["items"]] == [lines[place].spoken for place in (0, 1, 2)]
    assert all(item["voice"] == "nova" and "model" not in item for item in first["items"])


def test_clips_go_along(server: SpeechServer, speech: Make, lines: list[Line], tmp_path: Path) -> None:
    speaker = speech(mode="clone", prompts=str(write_voices(tmp_path / "voices")))
    speaker.probe()
    made = speaker.synthesize(lines[:3])
    assert [type(each).__name__ for each in made] == ["Performance"] * 3
    assert paths(server) == [("/batch", 1), ("/batch", 3)]
    assert all(item["ref_audio"].startswith("data:audio/wav;base64,") for item in server.bodies[1]["items"])


@pytest.mark.parametrize("fault", TRANSPORT)
def test_a_batch_that_fails_is_asked_for_again(
    fault: str, server: SpeechServer, speech: Make, lines: list[Line]
) -> None:
    sound = speech().synthesize(lines[:3])
    server.bodies.clear()
    server.forced = [fault]
    assert_same(speech(timeout_s=1.0 if fault == "timeout" else 10.0).synthesize(lines[:3]), sound)
    assert paths(server) == [("/batch", 3)] * 2


@pytest.mark.parametrize("fault", WRONG_AUDIO)
def test_a_line_that_comes_out_wrong_is_asked_for_alone(
    fault: str, server: SpeechServer, speech: Make, lines: list[Line]
) -> None:
    sound = speech().synthesize(lines[:3])
    server.bodies.clear()
    server.forced = [fault]
    assert_same(speech().synthesize(lines[:3]), sound)
    assert paths(server) == [("", 0), ("/batch", 3)]
    assert server.bodies[1]["input"] == lines[0].spoken


def test_an_item_that_fails_is_asked_for_alone_and_may_fail_there(
    server: SpeechServer, speech: Make, lines: list[Line]
) -> None:
    server.unlucky_item = "number bbb"
    sound = speech().synthesize(lines[:3])
    assert [type(each).__name__ for each in sound] == ["Performance"] * 3
    assert paths(server) == [("", 0), ("/batch", 3)]
    server.bodies.clear()
    server.forced = ["", "422"]
    first, error, last = speech().synthesize(lines[:3])
    assert re.fullmatch(rf"{server.url}/v1 does not answer this request: HTTP 422: .*", str(error))
    assert_same([first, last], [sound[0], sound[2]])


def test_lines_that_are_refused_together_are_asked_for_alone(
    server: SpeechServer, speech: Make, lines: list[Line]
) -> None:
    server.forced = ["400"]
    made = speech().synthesize(lines[:3])
    assert [type(each).__name__ for each in made] == ["Performance"] * 3
    assert paths(server) == [("", 0)] * 3 + [("/batch", 3)]


@pytest.mark.parametrize(
    "answer", ["[]", "{}", '{"results": [1]}', '{"results": 3}', "not json", '{"results": [{"a": 1}]}']
)
def test_what_is_no_answer_is_an_outage_where_it_is_all_that_comes(
    answer: str, speech: Make, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = speech()
    monkeypatch.setattr(speaker._speaker, "post", lambda *_, **__: answer.encode())
    with pytest.raises(OutageError, match="does not say a word: not the results of a batch"):
        speaker.synthesize(lines[:3])


def test_results_that_hold_no_audio_are_as_good_as_none(
    speech: Make, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = speech()
    empty = b'{"results": [{"index": 0, "status": "success"}, {"index": 1, "status": "success", "audio_data": "%%"}]}'
    monkeypatch.setattr(speaker._speaker, "post", lambda *_, **__: empty)
    with pytest.raises(OutageError, match="does not say a word: a batch of one word without the word"):
        speaker.probe()


def test_an_endpoint_without_batches_is_an_outage_that_says_so(
    server: SpeechServer, speech: Make, lines: list[Line]
) -> None:
    server.batches = False
    with pytest.raises(OutageError, match=r"does not have what is asked for: HTTP 404: no such path"):
        speech().synthesize(lines)
    assert len(server.bodies) < 6
