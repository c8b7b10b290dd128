import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.errors import MissingExtraError, OutageError, RecipeError
from schemas.recipe import BackendChoice, Service
from schemas.take import Line, Take
from stages.backends import http_attempts, registry
from stages.backends.cosyvoice_speech import CosyVoiceSpeech
from stages.backends.http_trouble import UnansweredError
from stages.backends.protocols import Paid, Performance, Served
from stages.cast_voices import heard_once
from stages.synthesize_speech import SynthesizeSpeech
from tests.speech_server import TRANSPORT, WRONG_PCM, SpeechServer, clip, spoken
from tests.voice_folder import WORDS, write_voices

ATTEMPTS = 3
SPEAKERS = {"female": ["中文女", "英文女"], "male": ["中文男", "英文男"]}
HELPFUL = "You are a helpful assistant."

MakeLine = Callable[..., Line]
Make = Callable[..., CosyVoiceSpeech]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with SpeechServer() as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voices(tmp_path_factory.mktemp("prompts") / "voices")


@pytest.fixture
def speech(server: SpeechServer, folder: Path) -> Iterator[Make]:
    made: list[CosyVoiceSpeech] = []

    def make(settings: dict[str, Any] | None = None, **changes: Any) -> CosyVoiceSpeech:
        service = {
            "base_url": server.url,
            "timeout_s": 10.0,
            "attempts": ATTEMPTS,
            "key_variable": "TEST_KEY",
        } | changes
        prompts = {} if (settings or {}).get("mode") == "sft" else {"prompts": str(folder)}
        choice = BackendChoice(
            name="cosyvoice", settings=prompts | (settings or {}), service=Service.model_validate(service)
        )
        speaker = registry.load("speech", choice)
        assert isinstance(speaker, CosyVoiceSpeech)
        speaker.open()
        made.append(speaker)
        return speaker

    yield make
    for speaker in made:
        speaker.close()


@pytest.fixture
def line(make_line: MakeLine) -> Callable[..., Line]:
    """The line of a number, which is in its words."""

    def make(number: int = 0, **told: Any) -> Line:
        words = f"Good morning, number {'abcdefghijklmnopqrstuvwxyz'[number] * 3}."
        made = make_line(spoken=words, turn_index=number)
        return replace(made, turn=made.turn.model_copy(update=told))

    return make


def performances(results: Any) -> list[Performance]:
    assert [result for result in results if isinstance(result, Exception)] == []
    return [result for result in results if isinstance(result, Performance)]


def kinds(results: Any) -> list[str]:
    return [type(result).__name__ for result in results]


def test_a_clip_is_cloned_with_its_words(server: SpeechServer, speech: Make, line: Any, folder: Path) -> None:
    speaker = speech()
    voice = heard_once(speaker, line().character)
    assert re.fullmatch(r"cosyvoice:en/female/en-female-[01]", voice.voice_id)
    (made,) = performances(speaker.synthesize([line(1)]))
    wanted = clip((folder / f"{voice.voice_id.partition(':')[2]}.wav").read_bytes())
    assert server.bodies[1] == {
        "path": "/inference_zero_shot",
        "tts_text": "Good morning, number bbb.",
        "prompt_text": WORDS["en"],
        "clip": wanted,
    }
    assert server.bodies[0]["clip"] == wanted
    assert made.rate_hz == 24_000
    said = spoken("Good morning, number bbb.", wanted, 0, 24_000)
    np.testing.assert_array_equal(made.samples, (said * 32767).astype(np.int16))


def test_without_its_words(server: SpeechServer, speech: Make, line: Any) -> None:
    performances(speech({"mode": "cross_lingual", "version": 3}).synthesize([line()]))
    (body,) = server.bodies
    assert set(body) == {"path", "tts_text", "clip"}
    assert body["path"] == "/inference_cross_lingual"
    assert body["tts_text"] == f"{HELPFUL}<|endofprompt|>Good morning, number aaa."


@pytest.mark.parametrize(
    ("version", "words", "instruction"),
    [
        (2, WORDS["en"], "Speak in a sad tone.<|endofprompt|>"),
        (3, f"{HELPFUL}<|endofprompt|>{WORDS['en']}", f"{HELPFUL} Speak in a sad tone.<|endofprompt|>"),
    ],
)
def test_a_line_with_a_manner_is_told_it_and_another_is_not(
    version: int, words: str, instruction: str, server: SpeechServer, speech: Make, line: Any
) -> None:
    speaker = speech({"mode": "instruct2", "version": version}, concurrency=1)
    performances(speaker.synthesize([line(0), line(1, emotion="sad", intensity=2)]))
    plain, told = server.bodies
    assert (plain["path"], plain["prompt_text"]) == ("/inference_zero_shot", words)
    assert (told["path"], told["instruct_text"]) == ("/inference_instruct2", instruction)
    assert told["tts_text"] == "Good morning, number bbb."
    assert told["clip"] == plain["clip"]


def test_the_models_own_speakers_at_the_rate_of_the_first_version(
    server: SpeechServer, speech: Make, line: Any
) -> None:
    server.rate_hz = 22_050
    speaker = speech({"mode": "sft", "version": 1, "voices": SPEAKERS})
    user = line().character.model_copy(update={"character_id": "en-u001"})
    assert speaker.design(user).voice_id == "cosyvoice:中文女"
    assert speaker.design(user.model_copy(update={"character_id": "en-a001"})).voice_id == "cosyvoice:英文女"
    (take,) = SynthesizeSpeech(speaker).process([replace(line(), voice=speaker.design(user))])
    assert server.bodies == [{"path": "/inference_sft", "tts_text": "Good morning, number aaa.", "spk_id": "中文女"}]
    assert isinstance(take, Take)
    assert take.native_rate_hz == 22_050
    assert take.duration_s == pytest.approx(20 * 0.06 + 0.2, abs=0.01)
    assert speaker.fingerprint == "cosyvoice"


def test_tags_are_tokens_of_the_model(server: SpeechServer, speech: Make, line: Any) -> None:
    tagged = replace(line(), tagged="[laugh] Good morning, [hum] number [sigh] aaa.")
    for version in (1, 2):
        server.rate_hz = {1: 22_050, 2: 24_000}[version]
        (take,) = SynthesizeSpeech(speech({"version": version})).process([tagged])
        assert isinstance(take, Take)
        assert take.dropped_tags == (("[hum]", "[sigh]") if version == 1 else ())
    assert [body["tts_text"] for body in server.bodies] == [
        "[laughter] Good morning, number aaa.",
        "[laughter] Good morning, [mn] number [sigh] aaa.",
    ]


def test_a_long_text_is_said_in_pieces(server: SpeechServer, speech: Make, line: Any) -> None:
    long = " ".join(f"This is sentence {name} of a very long speech." for name in "abcdefghijklmnopqrst")
    (made,) = performances(speech().synthesize([replace(line(), spoken=long)]))
    assert " ".join(body["tts_text"] for body in server.bodies) == long
    assert len(server.bodies) == 3
    assert len(made.samples) / made.rate_hz == pytest.approx(0.06 * sum(c.isalnum() for c in long), rel=0.05)


@pytest.mark.parametrize("fault", [*(fault for fault in TRANSPORT if fault != "empty"), *WRONG_PCM])
def test_a_fault_is_retried_and_leaves_no_trace(fault: str, server: SpeechServer, speech: Make, line: Any) -> None:
    (sound,) = performances(speech().synthesize([line()]))
    server.forced = [fault, fault]
    (again,) = performances(speech(timeout_s=0.8 if fault == "timeout" else 10.0).synthesize([line()]))
    np.testing.assert_array_equal(again.samples, sound.samples)
    assert len(server.bodies) == 1 + 3


WRONG = {
    "no_samples": r"the synthesizer gave silence \(0\.00 s\)",
    "silence": r"the synthesizer gave silence \(1\.40 s\)",
    "short": r"the synthesizer gave 0\.12 s for 20 letters, outside 0\.20 to 35\.00 s",
    "long": r"the synthesizer gave 84\.00 s for 20 letters, outside 0\.20 to 35\.00 s",
    "odd": r"the PCM is cut off: \d+ bytes are no whole number of 16-bit samples",
    "html": r"not PCM: <html>Sign in</html>",
    "json": r'not PCM: {"error": "out of memory"}',
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_line_that_is_never_said_right_fails_alone(fault: str, server: SpeechServer, speech: Make, line: Any) -> None:
    server.unlucky, server.unlucky_fault = "number bbb", fault
    results = SynthesizeSpeech(speech(concurrency=1)).process([line(0), line(1), line(2)])
    assert kinds(results) == ["Take", "UnansweredError", "Take"]
    assert re.fullmatch(rf"{server.url} does not answer this request: {WRONG[fault]}", str(results[1]))
    assert {body["tts_text"] for body in server.bodies} >= {"Good morning, number ccc."}


@pytest.mark.parametrize("status", ["400", "422", "404"])
def test_what_is_refused_is_not_asked_again_and_fails_alone(
    status: str, server: SpeechServer, speech: Make, line: Any
) -> None:
    server.forced = ["", status]
    results = speech(concurrency=1).synthesize([line(0), line(1), line(2)])
    assert kinds(results) == ["Performance", "UnansweredError", "Performance"]
    assert len(server.bodies) == (4 if status == "404" else 3)


def test_a_lonely_one_is_told_from_an_outage_by_one_word(server: SpeechServer, speech: Make, line: Any) -> None:
    server.unlucky = "number bbb"
    (error,) = speech().synthesize([line(1)])
    assert isinstance(error, UnansweredError)
    assert len(server.bodies) == ATTEMPTS + 1
    assert server.bodies[-1]["tts_text"] == "Hello."


@pytest.mark.parametrize("fault", ["html", "500", "silence"])
@pytest.mark.parametrize("mode", ["zero_shot", "sft"])
def test_who_answers_nobody_is_an_outage(fault: str, mode: str, server: SpeechServer, speech: Make, line: Any) -> None:
    server.always = fault
    speaker = speech({"mode": mode} | ({"voices": SPEAKERS} if mode == "sft" else {}), concurrency=2)
    with pytest.raises(OutageError, match=rf"^{server.url} does not say a word: .*then build again"):
        speaker.synthesize([line(number) for number in range(26)])
    assert len(server.bodies) < 15


def test_a_dead_endpoint_is_an_outage_and_may_come_back(server: SpeechServer, speech: Make, line: Any) -> None:
    speaker = speech(concurrency=2)
    server.dead = True
    began_s = time.monotonic()
    with pytest.raises(OutageError, match=rf"^{server.url} does not say a word: RemoteProtocolError"):
        speaker.synthesize([line(number) for number in range(26)])
    with pytest.raises(OutageError, match="does not say a word"):
        speaker.probe()
    assert time.monotonic() - began_s < 4.0
    server.dead = False
    speaker.probe()
    assert len(performances(speaker.synthesize([line()]))) == 1


def test_another_path_is_an_outage_that_names_it(server: SpeechServer, speech: Make, line: Any) -> None:
    with pytest.raises(OutageError, match=r"HTTP 404: no such path. Check 'service.base_url' .*/inference_zero_shot"):
        speech(base_url=f"{server.url}/v1").synthesize([line()])


def test_order_and_concurrency(server: SpeechServer, speech: Make, line: Any) -> None:
    server.latency_s = 0.03
    lines = [line(number) for number in range(12)]
    many = performances(speech(concurrency=4).synthesize(lines))
    assert server.peak == 4
    one = [performances(speech(concurrency=1).synthesize([single]))[0] for single in lines[:3]]
    for together, alone in zip(many, one, strict=False):
        np.testing.assert_array_equal(together.samples, alone.samples)


@pytest.mark.parametrize(
    ("settings", "cause"),
    [
        ({"mode": "clone"}, r"'settings.mode' .* is not one of: zero_shot, cross_lingual, instruct2, sft"),
        ({"version": 4}, r"'settings.version' .* is not 1, 2 or 3"),
        ({"version": True}, r"'settings.version' .* is not 1, 2 or 3"),
        ({"mode": "instruct2", "version": 1}, r"'settings.version' .* is not 2 or 3, which have"),
        ({"voices": SPEAKERS}, r"'settings.voices' .* is of no use in the mode 'zero_shot': delete it"),
        ({"mode": "sft", "prompts": "somewhere"}, r"'settings.prompts' .* is of no use in the mode 'sft'"),
        ({"mode": "sft"}, r"'settings.voices' .* is not a table such as"),
        ({"prompts": "/nowhere"}, r"'settings.prompts' .* is no folder"),
    ],
)
def test_what_the_recipe_may_not_say(settings: dict[str, Any], cause: str, folder: Path) -> None:
    given = settings if settings.get("mode") == "sft" else {"prompts": str(folder)} | settings
    mine = Service(base_url="http://127.0.0.1:9")
    with pytest.raises(RecipeError, match=cause):
        registry.load("speech", BackendChoice(name="cosyvoice", settings=given, service=mine))


def test_it_needs_an_endpoint_and_an_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = BackendChoice(name="cosyvoice", settings={"prompts": str(folder)})
    with pytest.raises(RecipeError, match=r"^backends.speech: 'cosyvoice' speaks at an endpoint of your own: name it"):
        registry.load("speech", choice)
    monkeypatch.setattr(registry, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"'cosyvoice' needs the package 'httpx2'.*'troupe\[http\]'"):
        registry.load("speech", choice)


def test_it_is_served_and_not_paid_for(speech: Make) -> None:
    speaker = speech()
    assert isinstance(speaker, Served)
    assert not isinstance(speaker, Paid)
    assert len(speaker.fingerprint) == 64


def test_opening_comes_first(line: Any, folder: Path) -> None:
    speaker = CosyVoiceSpeech(prompts=str(folder), service=Service(base_url="http://127.0.0.1:9"))
    (error,) = speaker.synthesize([line()])
    assert isinstance(error, RuntimeError)
