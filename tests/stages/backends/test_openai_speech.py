import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.errors import MissingExtraError, OutageError, RecipeError
from schemas.recipe import BackendChoice, Service
from schemas.roles import describe
from schemas.script import Character
from schemas.take import Line, Take, Voice
from stages.backends import http_attempts, http_client, registry
from stages.backends.http_trouble import UnansweredError
from stages.backends.openai_speech import OpenAISpeech
from stages.backends.protocols import Paid, Performance, Served
from stages.backends.served_audio import wav_bytes
from stages.backends.spoken_pieces import LONGEST
from stages.cast_voices import REFERENCE_TEXT, CastVoices, heard_once
from stages.synthesize_speech import SynthesizeSpeech
from tests.speech_server import TRANSPORT, WRONG_AUDIO, SpeechServer, clip, spoken
from tests.stages.scripts import script, turn
from tests.voice_folder import WORDS, write_voices

KEY = "sk-test-0123456789abcdef"
ATTEMPTS = 3
VOICES = {"female": ["nova", "alloy"], "male": ["echo", "onyx"]}

MakeLine = Callable[..., Line]
Make = Callable[..., OpenAISpeech]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server() -> Iterator[SpeechServer]:
    with SpeechServer() as running:
        yield running


@pytest.fixture
def speech(server: SpeechServer) -> Iterator[Make]:
    made: list[OpenAISpeech] = []

    def make(settings: dict[str, Any] | None = None, **changes: Any) -> OpenAISpeech:
        service = {"base_url": f"{server.url}/v1", "timeout_s": 10.0, "attempts": ATTEMPTS, "key_variable": "TEST_KEY"}
        wanted = {"model": "test-tts"} | (settings or {"voices": VOICES, "send_seed": True})
        choice = BackendChoice(name="openai-speech", settings=wanted, service=Service.model_validate(service | changes))
        speaker = registry.load("speech", choice)
        assert isinstance(speaker, OpenAISpeech)
        speaker.open()
        made.append(speaker)
        return speaker

    yield make
    for speaker in made:
        speaker.close()


@pytest.fixture
def line(make_line: MakeLine) -> Callable[..., Line]:
    """The line of a number, which is in its words, in a voice of the endpoint's."""

    def make(number: int = 0, **changes: Any) -> Line:
        words = f"Good morning, number {'abcdefghijklmnopqrstuvwxyz'[number] * 3}."
        spoken_line = make_line(spoken=words, seed=2**40 + number, turn_index=number)
        voice = Voice("openai-speech:nova", "openai-speech", {})
        return replace(spoken_line, **({"voice": voice} | changes))

    return make


def performances(results: Any) -> list[Performance]:
    assert [result for result in results if isinstance(result, Exception)] == []
    return [result for result in results if isinstance(result, Performance)]


def kinds(results: Any) -> list[str]:
    return [type(result).__name__ for result in results]


def test_what_is_asked_of_a_named_voice_and_what_comes_back(
    server: SpeechServer, speech: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.rate_hz = 44_100
    asked = line(5)
    asked = replace(asked, turn=asked.turn.model_copy(update={"emotion": "angry", "intensity": 3, "pace": "fast"}))
    settings = {
        "voices": VOICES,
        "send_seed": True,
        "languages": {"en": "English"},
        "speeds": {"fast": 1.1},
        "extra_body": {"max_new_tokens": 900},
    }
    (made,) = performances(speech(settings).synthesize([asked]))
    assert server.bodies == [
        {
            "path": "/v1/audio/speech",
            "model": "test-tts",
            "voice": "nova",
            "input": "Good morning, number fff.",
            "instructions": f"{describe(asked.character)} Speak in a very angry tone, quickly.",
            "response_format": "wav",
            "speed": 1.1,
            "seed": 5,
            "language": "English",
            "max_new_tokens": 900,
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]
    assert (made.rate_hz, made.phones) == (44_100, ())
    said = spoken("Good morning, number fff.", "nova", 5, 44_100)
    np.testing.assert_allclose(made.samples, said * 32768, atol=1)


def test_the_least_that_is_asked(server: SpeechServer, speech: Make, line: Any) -> None:
    performances(speech({"voices": VOICES, "instruct": False}).synthesize([line()]))
    assert set(server.bodies[0]) == {"path", "model", "voice", "input", "response_format"}


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "opus"])
def test_every_format_is_read_at_its_own_rate(form: str, server: SpeechServer, speech: Make, line: Any) -> None:
    server.rate_hz = 16_000
    (made,) = performances(speech({"voices": VOICES, "response_format": form}).synthesize([line()]))
    assert server.bodies[0]["response_format"] == form
    said = spoken(line().spoken, "nova", 0, 16_000)
    assert made.rate_hz in (16_000, 48_000)  # Opus knows no other than its own
    assert len(made.samples) / made.rate_hz == pytest.approx(len(said) / 16_000, abs=0.1)
    assert np.abs(made.samples).max() == pytest.approx(np.abs(said).max() * 32768, rel=0.15)


def test_a_take_is_resampled_and_its_rate_noted(server: SpeechServer, speech: Make, line: Any) -> None:
    server.rate_hz = 48_000
    (take,) = SynthesizeSpeech(speech()).process([line()])
    assert isinstance(take, Take)
    assert take.native_rate_hz == 48_000
    said = spoken(line().spoken, "nova", 0, 24_000)
    assert len(take.samples) == pytest.approx(len(said), abs=2)


def test_tags_are_said_as_the_model_writes_them(server: SpeechServer, speech: Make, line: Any) -> None:
    settings = {"voices": VOICES, "tags": {"[laugh]": "(laughs)"}}
    tagged = line(tagged="[laugh] Good morning, [sigh] number aaa.")
    (take,) = SynthesizeSpeech(speech(settings)).process([tagged])
    assert isinstance(take, Take)
    assert server.bodies[0]["input"] == "(laughs) Good morning, number aaa."
    assert take.dropped_tags == ("[sigh]",)


def test_a_long_text_is_said_in_pieces(server: SpeechServer, speech: Make, line: Any) -> None:
    long = " ".join(f"This is sentence {name} of a very long speech." for name in "abcdefghijklmnopqrst")
    (made,) = performances(speech().synthesize([line(spoken=long)]))
    said = [body["input"] for body in server.bodies]
    assert len(said) == 3
    assert " ".join(said) == long
    assert all(len(piece) <= LONGEST["en"] for piece in said)
    assert len(made.samples) / made.rate_hz == pytest.approx(0.06 * sum(c.isalnum() for c in long), rel=0.05)


def test_users_and_assistants_never_share_a_voice(speech: Make, line: Any) -> None:
    speaker, who = speech(), line().character

    def voices(ids: str, gender: str) -> set[str]:
        people = [who.model_copy(update={"character_id": ids.format(n), "gender": gender}) for n in range(40)]
        return {speaker.design(person).voice_id for person in people}

    assert voices("en-u{:03d}", "female") == {"openai-speech:nova"}
    assert voices("en-a{:03d}", "female") == voices("en-c{:05d}", "female") == {"openai-speech:alloy"}
    assert voices("x{}", "male") == {"openai-speech:echo", "openai-speech:onyx"}
    assert speaker.design(who) == speaker.design(who)


def test_a_voice_is_designed_once_and_cloned_for_every_line(server: SpeechServer, speech: Make, line: Any) -> None:
    speaker = speech({"mode": "design", "design_model": "test-design", "languages": {"en": "English"}})
    who = line().character
    voice = heard_once(speaker, who)
    assert voice.voice_id == "openai-speech:c1"
    (designed,) = server.bodies
    assert {key: designed[key] for key in ("model", "task_type", "instructions", "input", "language")} == {
        "model": "test-design",
        "task_type": "VoiceDesign",
        "instructions": describe(who),
        "input": REFERENCE_TEXT["en"],
        "language": "English",
    }
    sad = line(1, voice=voice)
    sad = replace(sad, turn=sad.turn.model_copy(update={"emotion": "sad", "style": "whisper"}))
    performances(speaker.synthesize([line(0, voice=voice), sad]))
    first, second = sorted(server.bodies[1:], key=lambda body: body["seed"])
    assert voice.reference is not None
    assert first["clip"] == second["clip"] == clip(wav_bytes(voice.reference))
    for body, number in ((first, 0), (second, 1)):
        assert (body["model"], body["task_type"], body["seed"]) == ("test-tts", "Base", number)
        assert body["ref_text"] == REFERENCE_TEXT["en"]
    assert "instructions" not in first
    assert second["instructions"] == "Speak in a slightly sad tone, in a whisper."
    np.testing.assert_array_equal(heard_once(speaker, who).reference, voice.reference)


def test_casting_has_all_new_voices_said_together(server: SpeechServer, speech: Make) -> None:
    server.latency_s = 0.05
    casts = CastVoices(speech({"mode": "design"}, concurrency=4)).process([_script(number) for number in range(4)])
    assert kinds(casts) == ["CastScript"] * 4
    assert len(server.bodies) == 5
    assert server.peak == 4


def test_a_voice_that_is_not_answered_costs_its_dialogue_alone(server: SpeechServer, speech: Make) -> None:
    server.unlucky = "identity: pilot 1;"
    casts = CastVoices(speech({"mode": "design"})).process([_script(number) for number in range(3)])
    assert kinds(casts) == ["CastScript", "UnansweredError", "CastScript"]


def _script(number: int) -> Any:
    """A dialogue of a user of its own with one assistant."""
    made = script(turn("user", "Well?"))
    user = made.user.model_copy(update={"character_id": f"en-u{number:03d}", "identity": f"pilot {number}"})
    return made.model_copy(update={"plan": made.plan.model_copy(update={"user": user})})


def test_voices_may_be_designed_elsewhere(speech: Make, server: SpeechServer, line: Any) -> None:
    server.tasks = ("Base",)
    with SpeechServer() as designer:
        designer.tasks = ("VoiceDesign",)
        speaker = speech({"mode": "design"}, design_base_url=f"{designer.url}/v1")
        speaker.probe()
        assert [body["task_type"] for body in designer.bodies + server.bodies] == ["VoiceDesign", "Base"]
        assert server.bodies[0]["ref_text"] == "Hello."
        voice = heard_once(speaker, line().character)
        mixed = [line(0, voice=voice), line(1, voice=replace(voice, reference=None)), line(2, voice=voice)]
        made = performances(speaker.synthesize(mixed))
        assert (len(designer.bodies), len(server.bodies)) == (3, 3)
        np.testing.assert_array_equal(made[2].samples, performances(speaker.synthesize(mixed[2:]))[0].samples)
        designer.dead = True
        with pytest.raises(OutageError, match=rf"^{designer.url}/v1 does not say a word: RemoteProtocolError"):
            speaker.synthesize(mixed)
        designer.dead, server.dead = False, True
        with pytest.raises(OutageError, match=rf"^{server.url}/v1 does not say a word: RemoteProtocolError"):
            speaker.synthesize(mixed)
        server.dead = False
        speaker.probe()


def test_voices_are_cloned_from_a_folder(server: SpeechServer, speech: Make, line: Any, tmp_path: Any) -> None:
    folder = write_voices(tmp_path / "voices")
    speaker = speech({"mode": "clone", "prompts": str(folder), "extra_body": {"voice": "default"}})
    who = line().character
    voice = heard_once(speaker, who)
    assert re.fullmatch(r"openai-speech:en/female/en-female-[01]", voice.voice_id)
    performances(speaker.synthesize([line(voice=voice)]))
    asked = clip((folder / f"{voice.voice_id.partition(':')[2]}.wav").read_bytes())
    assert [body["clip"] for body in server.bodies] == [asked, asked]
    assert {body["ref_text"] for body in server.bodies} == {WORDS["en"]}
    assert {(body["task_type"], body["voice"]) for body in server.bodies} == {("Base", "default")}
    assert "seed" not in server.bodies[0]
    (folder / "en" / "female" / "en-female-0.txt").write_text("Other words.")
    assert speech({"mode": "clone", "prompts": str(folder)}).fingerprint != speaker.fingerprint


@pytest.mark.parametrize("fault", [*TRANSPORT, *WRONG_AUDIO])
def test_a_fault_is_retried_and_leaves_no_trace(fault: str, server: SpeechServer, speech: Make, line: Any) -> None:
    (sound,) = performances(speech().synthesize([line()]))
    server.forced = [fault, fault]
    (again,) = performances(speech(timeout_s=0.8 if fault == "timeout" else 10.0).synthesize([line()]))
    np.testing.assert_array_equal(again.samples, sound.samples)
    assert len(server.bodies) == 1 + 3


def test_faults_at_random_change_nothing(server: SpeechServer, speech: Make, line: Any) -> None:
    lines = [line(number) for number in range(24)]
    sound = performances(speech().synthesize(lines))
    server.share, server.faults = 0.3, tuple(fault for fault in (*TRANSPORT, *WRONG_AUDIO) if fault != "timeout")
    shaken = performances(speech(attempts=12).synthesize(lines))
    assert len(server.bodies) > 24 + 24
    for one, other in zip(sound, shaken, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)


def test_a_429_is_waited_for_by_all_as_long_as_it_asks(server: SpeechServer, speech: Make, line: Any) -> None:
    server.forced, server.retry_after = ["429"] * 2, "0.4"
    assert len(performances(speech(concurrency=1, attempts=1).synthesize([line(0), line(1)]))) == 2
    first, second, third, _ = server.times
    assert min(second - first, third - second) >= 0.4


@pytest.mark.parametrize("status", ["400", "413", "422", "404", "403"])
def test_what_is_refused_is_not_asked_again_and_fails_alone(
    status: str, server: SpeechServer, speech: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.forced = ["", status]
    results = speech(concurrency=1).synthesize([line(0), line(1), line(2)])
    assert kinds(results) == ["Performance", "UnansweredError", "Performance"]
    said = f"{server.url}/v1 does not answer this request: HTTP {status}: status {status} for Bearer [key]"
    assert str(results[1]) == said
    assert len(server.bodies) == (4 if status in ("403", "404") else 3)  # one word more, to see whether all are refused


WRONG = {
    "truncated": r"the WAV is cut off: \d+ of \d+ bytes",
    "broken": r"the WAV is broken: .*",
    "nan": r"the WAV holds \d+ samples that are no numbers",
    "stereo": r"the WAV has 2 channels: send one",
    "no_samples": r"the synthesizer gave silence \(0\.00 s\)",
    "silence": r"the synthesizer gave silence \(1\.[0-9]+ s\)",
    "short": r"the synthesizer gave 0\.12 s for 20 letters, outside 0\.20 to 35\.00 s",
    "long": r"the synthesizer gave 84\.00 s for 20 letters, outside 0\.20 to 35\.00 s",
    "rate": r"the synthesizer gave audio at 100 Hz, outside 8000 to 192000",
}


@pytest.mark.parametrize("fault", WRONG_AUDIO)
def test_a_line_that_is_never_said_right_fails_alone(fault: str, server: SpeechServer, speech: Make, line: Any) -> None:
    server.unlucky, server.unlucky_fault = "number bbb", fault
    results = SynthesizeSpeech(speech(concurrency=1)).process([line(0), line(1), line(2)])
    assert kinds(results) == ["Take", "UnansweredError", "Take"]
    assert re.fullmatch(rf"{server.url}/v1 does not answer this request: {WRONG[fault]}", str(results[1]))


def test_a_lonely_one_is_told_from_an_outage_by_one_word(server: SpeechServer, speech: Make, line: Any) -> None:
    server.unlucky = "number bbb"
    (error,) = speech().synthesize([line(1)])
    assert isinstance(error, UnansweredError)
    assert len(server.bodies) == ATTEMPTS + 1
    assert server.bodies[-1]["input"] == "Hello."


@pytest.mark.parametrize("fault", ["html", "500", "stereo", "silence"])
def test_who_answers_nobody_is_an_outage(fault: str, server: SpeechServer, speech: Make, line: Any) -> None:
    server.always = fault
    with pytest.raises(OutageError, match=rf"^{server.url}/v1 does not say a word: .*then build again"):
        speech(concurrency=2).synthesize([line(number % 26) for number in range(30)])
    assert len(server.bodies) < 15


def test_a_dead_endpoint_is_an_outage_and_may_come_back(server: SpeechServer, speech: Make, line: Any) -> None:
    speaker = speech(concurrency=2)
    server.dead = True
    began_s = time.monotonic()
    with pytest.raises(OutageError, match=rf"^{server.url}/v1 does not say a word: RemoteProtocolError"):
        speaker.synthesize([line(number % 26) for number in range(30)])
    with pytest.raises(OutageError, match="does not say a word"):
        speaker.probe()
    assert time.monotonic() - began_s < 4.0
    server.dead = False
    speaker.probe()
    assert len(performances(speaker.synthesize([line()]))) == 1


def test_nobody_listening_is_an_outage_too(speech: Make, line: Any) -> None:
    with pytest.raises(OutageError, match=r"^http://127.0.0.1:9/v1 does not say a word: ConnectError"):
        speech(base_url="http://127.0.0.1:9/v1").synthesize([line()])


def test_a_quota_that_is_used_up_stops_all(
    server: SpeechServer, speech: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "QUOTA_S", 0.4)
    server.always, server.retry_after = "429", "0"
    with pytest.raises(OutageError, match=r"has answered nobody for 0.4 s, the quota is used up: HTTP 429"):
        speech(concurrency=2).synthesize([line(number) for number in range(20)])


def test_a_wrong_key_is_an_outage_at_once_and_is_not_quoted(
    server: SpeechServer, speech: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.always = "401"
    with pytest.raises(OutageError, match=r"does not let us in: HTTP 401: .*\[key\].*variable TEST_KEY") as caught:
        speech(concurrency=1).synthesize([line(0), line(1)])
    assert KEY not in repr(caught.value)
    assert len(server.bodies) == 1


def test_another_path_is_an_outage_that_says_what_to_check(server: SpeechServer, speech: Make, line: Any) -> None:
    with pytest.raises(OutageError, match=r"HTTP 404: no such path. Check 'settings.model' .*which ends in /v1"):
        speech(base_url=server.url).synthesize([line()])


def test_a_task_that_the_served_model_cannot_do_is_an_outage_when_probed(server: SpeechServer, speech: Make) -> None:
    server.tasks = ("CustomVoice",)
    with pytest.raises(OutageError, match=r"does not support task_type='VoiceDesign'"):
        speech({"mode": "design"}).probe()


def test_order_and_concurrency(server: SpeechServer, speech: Make, line: Any) -> None:
    server.latency_s = 0.03
    lines = [line(number) for number in range(12)]
    many = performances(speech(concurrency=4).synthesize(lines))
    assert server.peak == 4
    one = [performances(speech(concurrency=1).synthesize([single]))[0] for single in lines[:3]]
    for together, alone in zip(many, one, strict=False):
        np.testing.assert_array_equal(together.samples, alone.samples)


def test_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"'openai-speech' needs the package 'httpx2'.*'troupe\[http\]'"):
        registry.load("speech", BackendChoice(name="openai-speech"))


def test_it_is_served_and_not_paid_for(speech: Make) -> None:
    speaker = speech()
    assert isinstance(speaker, Served)
    assert not isinstance(speaker, Paid)
    assert speaker.fingerprint == speaker.name == "openai-speech"


def test_a_language_without_voices_to_clone_is_an_error_of_the_recipe(
    speech: Make, make_line: MakeLine, tmp_path: Any
) -> None:
    speaker = speech({"mode": "clone", "prompts": str(write_voices(tmp_path / "voices", languages=["zh"]))})
    who: Character = make_line().character
    with pytest.raises(RecipeError, match=r"no voices of 'en' to clone for c1: add them in .*en/female\."):
        speaker.design(who)


def test_opening_comes_first(line: Any) -> None:
    (error,) = OpenAISpeech("m", voices=VOICES, service=Service(base_url="http://127.0.0.1:9")).synthesize([line()])
    assert isinstance(error, RuntimeError)
