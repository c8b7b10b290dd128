import base64
import io
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from schemas.errors import MissingExtraError, OutageError, RecipeError
from schemas.recipe import BackendChoice, Service
from schemas.roles import describe
from schemas.score import Note, Score, Song, lyric
from schemas.take import SAMPLE_RATE, Line, Voice
from stages.backends import http_attempts, http_client, registry
from stages.backends.http_singing import LEAD_S, HttpSinging
from stages.backends.http_trouble import UnansweredError
from stages.backends.protocols import Paid, Performance, Served
from stages.backends.score_ds import to_ds
from stages.backends.served_audio import read_audio
from stages.synthesize_singing import SynthesizeSinging
from tests.singing_server import AUDIO_FAULTS, OTHER_BODIES, SingingServer, sung, wav

KEY = "sk-test-0123456789abcdef"
ATTEMPTS = 3
TRANSPORT = ("429", "500", "503", "timeout", "cut", *OTHER_BODIES)
"""Faults after which a song is asked for again."""

MakeLine = Callable[..., Line]
Make = Callable[..., HttpSinging]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def server() -> Iterator[SingingServer]:
    with SingingServer() as running:
        yield running


@pytest.fixture
def singing(server: SingingServer) -> Iterator[Make]:
    made: list[HttpSinging] = []

    def make(send_reference: bool = False, **changes: Any) -> HttpSinging:
        service = {"base_url": server.url, "timeout_s": 0.5, "attempts": ATTEMPTS, "key_variable": "TEST_KEY"} | changes
        choice = BackendChoice(
            name="http", settings={"send_reference": send_reference}, service=Service.model_validate(service)
        )
        singer = registry.load("singing", choice)
        assert isinstance(singer, HttpSinging)
        singer.open()
        made.append(singer)
        return singer

    yield make
    for singer in made:
        singer.close()


@pytest.fixture
def line(make_line: MakeLine) -> Callable[[int], Line]:
    """The line of a song of its own number, which its voice's name tells: one second of three notes."""

    def make(number: int = 0) -> Line:
        pitches = (60 + number % 12, 64, 67)
        notes = [
            Note(midi=midi, onset_beats=place, duration_beats=1, syllable="la") for place, midi in enumerate(pitches)
        ]
        score = Score(tempo_bpm=180, tonic="C", notes=tuple(notes))
        song = Song(song_id="s", title="La", origin="test", source="test", licence="CC0-1.0", score=score)
        spoken = make_line(spoken="la la la", kind="singing", seed=2**40 + number)
        turn = spoken.turn.model_copy(
            update={"song": song, "role": "assistant", "text": lyric(score), "emotion": "sad", "intensity": 2}
        )
        return replace(spoken, turn=turn, turn_index=number, voice=Voice(f"voice-{number}", "test", {}))

    return make


def performances(results: list[Performance | Exception]) -> list[Performance]:
    assert [result for result in results if isinstance(result, Exception)] == []
    return [result for result in results if isinstance(result, Performance)]


def test_what_is_asked_and_what_comes_back(
    server: SingingServer, singing: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    asked = line(5)
    (made,) = performances(singing().sing([asked]))
    assert server.bodies == [
        {
            "ds": [to_ds(asked.turn.song.score, "en", LEAD_S)],
            "language": "en",
            "voice": "voice-5",
            "character": describe(asked.character),
            "emotion": "sad",
            "intensity": 2,
            "seed": 5,
        }
    ]
    assert server.keys == [f"Bearer {KEY}"]
    assert (made.rate_hz, made.phones, made.score_start_s) == (44_100, (), LEAD_S)
    np.testing.assert_array_equal(made.samples, read_audio(wav(sung(server.bodies[0]["ds"][0])))[0])


def test_beat_0_lies_where_the_take_says(singing: Make, line: Any) -> None:
    (take,) = SynthesizeSinging(singing()).process([line()])
    assert not isinstance(take, Exception)
    assert (take.native_rate_hz, take.score_start_s) == (44_100, LEAD_S)
    voiced = np.flatnonzero(np.abs(take.samples.astype(int)) > 300) / SAMPLE_RATE
    assert voiced[0] == pytest.approx(LEAD_S, abs=0.005)
    assert voiced[-1] == pytest.approx(LEAD_S + 1.0, abs=0.005)


def test_the_voices_reference_goes_along_if_wanted(server: SingingServer, singing: Make, line: Any) -> None:
    heard = np.arange(-500, 500, dtype=np.int16)
    asked = line()
    singer = singing(send_reference=True)
    (error,) = singer.sing([asked])
    assert str(error) == f"{asked.take_id}: the voice 'voice-0' has no reference that could be sent"
    performances(singer.sing([replace(asked, voice=Voice("v", "test", {}, heard))]))
    (body,) = server.bodies
    samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(body["reference"])), dtype="int16")
    assert rate_hz == SAMPLE_RATE
    np.testing.assert_array_equal(samples, heard)


def test_floats_are_as_good(server: SingingServer, singing: Make, line: Any) -> None:
    (sound,) = performances(singing().sing([line()]))
    server.forced = ["float"]
    (floats,) = performances(singing().sing([line()]))
    np.testing.assert_allclose(floats.samples, sound.samples, atol=1)


@pytest.mark.parametrize("fault", TRANSPORT)
def test_a_fault_is_retried_and_leaves_no_trace(fault: str, server: SingingServer, singing: Make, line: Any) -> None:
    (sound,) = performances(singing().sing([line()]))
    server.forced = [fault, fault]
    (again,) = performances(singing(timeout_s=0.3).sing([line()]))
    np.testing.assert_array_equal(again.samples, sound.samples)
    assert len(server.bodies) == 1 + 3


def test_a_429_is_waited_for_by_all_as_long_as_it_asks(server: SingingServer, singing: Make, line: Any) -> None:
    server.forced, server.retry_after = ["429"] * 2, "0.4"
    assert len(performances(singing(concurrency=1, attempts=1).sing([line(0), line(1)]))) == 2
    first, second, third, _ = server.times
    assert min(second - first, third - second) >= 0.4


@pytest.mark.parametrize("status", ["400", "413", "422", "404", "403"])
def test_what_is_refused_is_not_asked_again_and_fails_alone(
    status: str, server: SingingServer, singing: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.forced = ["", status]
    results = singing(concurrency=1).sing([line(0), line(1), line(2)])
    assert [type(result).__name__ for result in results] == ["Performance", "UnansweredError", "Performance"]
    said = f"{server.url} does not answer this request: HTTP {status}: status {status} for Bearer [key]"
    assert str(results[1]) == said
    assert len(server.bodies) == (4 if status in ("403", "404") else 3)  # one note more, to see whether all are refused


WRONG = {
    "truncated": r"the WAV is cut off: \d+ of \d+ bytes",
    "broken": r"the WAV is broken: .*",
    "nan": r"the WAV holds \d+ samples that are no numbers",
    "stereo": r"the WAV has 2 channels: send one",
    "no_samples": r"the synthesizer gave silence \(0\.00 s\)",
    "silence": r"the synthesizer gave silence \(1\.70 s\)",
    "short": r"the singer gave 0\.85 s for a score that ends at 1\.50 s",
    "long": r"the singer gave 15\.30 s for a score that ends at 1\.50 s",
    "rate": r"the synthesizer gave audio at 100 Hz, outside 8000 to 192000",
}


@pytest.mark.parametrize("fault", AUDIO_FAULTS)
def test_a_wav_that_cannot_be_the_song_fails_it_alone_at_once(
    fault: str, server: SingingServer, singing: Make, line: Any
) -> None:
    server.forced = ["", fault]
    results = SynthesizeSinging(singing(concurrency=1)).process([line(0), line(1), line(2)])
    assert [type(result).__name__ for result in results] == ["Take", "ValueError", "Take"]
    assert re.fullmatch(WRONG[fault], str(results[1]))
    assert len(server.bodies) == 3


def test_a_song_that_is_never_answered_fails_alone(server: SingingServer, singing: Make, line: Any) -> None:
    server.unlucky = "voice-1"
    results = singing().sing([line(0), line(1), line(2)])
    assert [type(result).__name__ for result in results] == ["Performance", "UnansweredError", "Performance"]
    assert "HTTP 500" in str(results[1])


def test_a_lonely_one_is_told_from_an_outage_by_one_note(server: SingingServer, singing: Make, line: Any) -> None:
    server.unlucky = "voice-1"
    (error,) = singing().sing([line(1)])
    assert isinstance(error, UnansweredError)
    assert len(server.bodies) == ATTEMPTS + 1
    assert server.bodies[-1]["ds"][0]["note_seq"] == "rest C4"


@pytest.mark.parametrize("fault", ["html", "500"])
def test_who_answers_nobody_is_an_outage(fault: str, server: SingingServer, singing: Make, line: Any) -> None:
    server.always = fault
    with pytest.raises(OutageError, match=rf"^{server.url} does not sing a single note: .*then build again"):
        singing(concurrency=2).sing([line(number) for number in range(30)])
    assert len(server.bodies) < 15


def test_a_dead_endpoint_is_an_outage_and_may_come_back(server: SingingServer, singing: Make, line: Any) -> None:
    singer = singing(concurrency=2)
    server.dead = True
    began_s = time.monotonic()
    with pytest.raises(OutageError, match=rf"^{server.url} does not sing a single note: RemoteProtocolError"):
        singer.sing([line(number) for number in range(30)])
    with pytest.raises(OutageError, match="does not sing a single note"):
        singer.probe()
    assert time.monotonic() - began_s < 4.0
    server.dead = False
    singer.probe()
    assert len(performances(singer.sing([line()]))) == 1


def test_nobody_listening_is_an_outage_too(singing: Make, line: Any) -> None:
    with pytest.raises(OutageError, match=r"^http://127.0.0.1:9 does not sing a single note: ConnectError"):
        singing(base_url="http://127.0.0.1:9").sing([line()])


def test_a_quota_that_is_used_up_stops_all(
    server: SingingServer, singing: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "QUOTA_S", 0.4)
    server.always, server.retry_after = "429", "0"
    with pytest.raises(OutageError, match=r"has answered nobody for 0.4 s, the quota is used up: HTTP 429"):
        singing(concurrency=2).sing([line(number) for number in range(30)])


def test_a_wrong_key_is_an_outage_at_once_and_is_not_quoted(
    server: SingingServer, singing: Make, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    server.always = "401"
    with pytest.raises(OutageError, match=r"does not let us in: HTTP 401: .*\[key\].*variable TEST_KEY") as caught:
        singing(concurrency=1).sing([line(0), line(1)])
    assert KEY not in repr(caught.value)
    assert len(server.bodies) == 1


def test_another_path_is_an_outage_that_names_it(server: SingingServer, singing: Make, line: Any) -> None:
    with pytest.raises(OutageError, match=r"HTTP 404: no such path. Check 'service.base_url' .*go to /sing below it"):
        singing(base_url=f"{server.url}/v1").sing([line()])


def test_order_and_concurrency(server: SingingServer, singing: Make, line: Any) -> None:
    server.latency_s = 0.03
    lines = [line(number) for number in range(12)]
    many = performances(singing(concurrency=4).sing(lines))
    assert server.peak == 4
    one = [performances(singing(concurrency=1).sing([single]))[0] for single in lines[:3]]
    for together, alone in zip(many, one, strict=False):
        np.testing.assert_array_equal(together.samples, alone.samples)


def test_what_the_recipe_may_say(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=r"^backends.singing: 'http' sings at an endpoint of your own: name it"):
        registry.load("singing", BackendChoice(name="http"))
    mine = Service(base_url="http://127.0.0.1:9")
    with pytest.raises(RecipeError, match=r"^'settings.send_reference' of the back end 'http' is neither true nor"):
        registry.load("singing", BackendChoice(name="http", settings={"send_reference": "yes"}, service=mine))
    monkeypatch.setattr(registry, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"'http' needs the package 'httpx2'.*pip install 'troupe\[http\]'"):
        registry.load("singing", BackendChoice(name="http", service=mine))


def test_it_is_served_and_not_paid_for(singing: Make) -> None:
    singer = singing()
    assert isinstance(singer, Served)
    assert not isinstance(singer, Paid)


def test_a_line_without_a_song_is_an_error(singing: Make, make_line: MakeLine) -> None:
    (error,) = singing().sing([make_line(spoken="hello")])
    assert str(error) == "d1-t00-a0 has no song"


def test_opening_comes_first(line: Any) -> None:
    (error,) = HttpSinging(service=Service(base_url="http://127.0.0.1:9")).sing([line()])
    assert isinstance(error, RuntimeError)
