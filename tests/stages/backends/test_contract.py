"""One contract for every back end in the registry: its name, its life cycle, and one result per input, in order."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from schemas.errors import OutageError, RecipeError
from schemas.recipe import BackendChoice, Service
from schemas.score import Note, Score, Song, lyric
from schemas.take import SAMPLE_RATE, Line
from stages.backends.espeak_voice import design_voice
from stages.backends.protocols import Served
from stages.backends.registry import BACKENDS, load
from tests.chat_server import ChatServer
from tests.local_server import LocalServer
from tests.singing_server import SingingServer
from tests.speech_server import SpeechServer
from tests.stages.backends.campplus_model import write_campplus
from tests.stages.backends.codec_models import MODELS, write_codec
from tests.stages.backends.sensevoice_model import write_sensevoice
from tests.stages.backends.whisper_model import write_whisper
from tests.stages.backends.xy_checkout import write_xy
from tests.stages.scripts import plan, script, turn, written
from tests.voice_folder import write_voices

SERVED: dict[str, BackendChoice] = {}
"""Back ends that need an endpoint or a model of one's own, by name."""

RUNNING: list[LocalServer] = []
"""The endpoints."""


def chosen(name: str) -> BackendChoice:
    return SERVED.get(name, BackendChoice(name=name))


@pytest.fixture(scope="module", autouse=True)
def _endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    campplus = write_campplus(tmp_path_factory.mktemp("campplus") / "model")
    SERVED["campplus"] = BackendChoice(name="campplus", settings={"model": str(campplus)})
    whisper = write_whisper(tmp_path_factory.mktemp("whisper") / "tiny.pt")
    SERVED["whisper"] = BackendChoice(name="whisper", settings={"model": str(whisper)})
    sensevoice = write_sensevoice(tmp_path_factory.mktemp("sensevoice") / "model")
    SERVED["funasr"] = BackendChoice(name="funasr", settings={"model": str(sensevoice)})
    ears = {"en": SERVED["whisper"].model_dump(), "zh": SERVED["funasr"].model_dump()}
    SERVED["by-language"] = BackendChoice(name="by-language", settings=dict(ears))
    voices = write_voices(tmp_path_factory.mktemp("prompts") / "voices")
    codecs = tmp_path_factory.mktemp("codecs")
    for name in MODELS:
        SERVED[name] = BackendChoice(name=name, settings={"model": str(write_codec(codecs / name, name))})
    SERVED["xy-tokenizer"] = BackendChoice(name="xy-tokenizer", settings=dict(write_xy(codecs / "xy")))
    with ChatServer() as server, SingingServer() as singer, SpeechServer() as speaker:
        service = Service(base_url=server.url, key_variable="NO_KEY")
        SERVED["openai"] = BackendChoice(name="openai", settings={"model": "test-model"}, service=service)
        service = Service(base_url=singer.url, key_variable="NO_KEY")
        SERVED["http"] = BackendChoice(name="http", service=service)
        service = Service(base_url=speaker.url, key_variable="NO_KEY")
        SERVED["cosyvoice"] = BackendChoice(name="cosyvoice", settings={"prompts": str(voices)}, service=service)
        service = Service(base_url=f"{speaker.url}/v1", key_variable="NO_KEY")
        settings = {"model": "test-tts", "mode": "design"}
        SERVED["openai-speech"] = BackendChoice(name="openai-speech", settings=settings, service=service)
        RUNNING[:] = [server, singer, speaker]
        yield


@pytest.fixture(scope="module", params=sorted(BACKENDS), ids=lambda key: "/".join(key))
def backend(request: pytest.FixtureRequest) -> Iterator[tuple[str, str, Any]]:
    capability, name = request.param
    made = load(capability, chosen(name))
    made.open()
    yield capability, name, made
    made.close()


def noise(seconds: float, seed: int) -> Any:
    """A burst of noise, int16 at 24 kHz."""
    return (np.random.default_rng(seed).normal(0, 3000, int(seconds * SAMPLE_RATE))).astype(np.int16)


def sung(line: Line, beats: float) -> Line:
    """The line as a song of two notes, in the voice that the embedded engine would have designed for it."""
    notes = tuple(
        Note(midi=60 + 2 * place, onset_beats=place * beats, duration_beats=beats, syllable="la") for place in range(2)
    )
    score = Score(tempo_bpm=120, tonic="C", notes=notes)
    song = Song(song_id="s", title="La", origin="test", source="test", licence="CC0-1.0", score=score)
    turn = line.turn.model_copy(update={"role": "assistant", "text": lyric(score), "song": song})
    return replace(line, turn=turn, spoken="la la", voice=design_voice(line.character))


def answers(capability: str, backend: Any, make_line: Any, order: list[int]) -> list[Any]:
    """What the back end's batch method gives for two inputs, in this order."""
    clips = [noise(1.1, 0), noise(1.7, 1)]
    lines = [make_line(spoken="good morning"), replace(make_line(spoken="see you tomorrow"), turn_index=1, seed=8)]
    if capability == "speech":
        lines = [replace(line, voice=backend.design(line.character)) for line in lines]
    if capability == "singing":
        lines = [sung(line, beats) for line, beats in zip(lines, (1.0, 2.0), strict=True)]
    inputs: dict[str, list[Any]] = {
        "script": [plan(0), plan(1)],
        "script_judge": [*written(1, "en"), script(turn("user", "Well?"))],
        "speech": lines,
        "singing": lines,
        "quality": clips,
        "codec": clips,
        "speaker": clips,
        "transcription": clips,
    }
    batch = [inputs[capability][i] for i in order]
    if capability == "transcription":
        return list(backend.transcribe(batch, [lines[i].spoken for i in order], ["en"] * len(order)))
    methods = {
        "script": "write",
        "script_judge": "judge",
        "speech": "synthesize",
        "singing": "sing",
        "quality": "score",
        "speaker": "embed",
        "codec": "encode",
    }
    return list(getattr(backend, methods[capability])(batch))


def test_it_is_called_what_the_registry_calls_it(backend: tuple[str, str, Any]) -> None:
    _, name, made = backend
    assert made.name == name


def test_its_fingerprint_stays_the_same(backend: tuple[str, str, Any]) -> None:
    capability, name, made = backend
    assert made.fingerprint == load(capability, chosen(name)).fingerprint
    assert made.fingerprint == name or len(made.fingerprint) >= 16  # a name: nothing but code shapes its results


def test_opening_twice_and_closing_twice_do_nothing(backend: tuple[str, str, Any]) -> None:
    capability, name, _ = backend
    other = load(capability, chosen(name))
    for step in (other.open, other.open, other.close, other.close):
        step()


def test_one_result_per_input_in_order_whatever_the_neighbours(backend: tuple[str, str, Any], make_line: Any) -> None:
    capability, _, made = backend
    both, turned, first, none = (answers(capability, made, make_line, order) for order in ([0, 1], [1, 0], [0], []))
    assert [len(both), len(turned), len(first), len(none)] == [2, 2, 1, 0]
    for one, other in ((both[0], turned[1]), (both[1], turned[0]), (both[0], first[0])):
        np.testing.assert_equal(_comparable(one), _comparable(other))
    assert str(_comparable(both[0])) != str(_comparable(both[1]))


def _comparable(result: Any) -> Any:
    """Dataclasses with arrays, as dicts that NumPy can compare."""
    return vars(result) if hasattr(result, "__dataclass_fields__") else result


def test_a_codec_decodes_what_it_encodes(backend: tuple[str, str, Any]) -> None:
    capability, _, codec = backend
    if capability != "codec":
        return
    (codes,) = codec.encode([noise(1.3, 2)])
    assert codes.values.dtype == np.uint16
    assert codes.values.shape == (int(np.ceil(1.3 * codec.frame_rate)), codec.num_codebooks)
    assert codes.values.max() < codec.cardinality
    (samples,) = codec.decode([codes.values])
    assert samples.dtype == np.int16
    assert abs(len(samples) / codec.sample_rate - 1.3) <= 1 / codec.frame_rate


def test_results_have_the_shape_of_their_capability(backend: tuple[str, str, Any], make_line: Any) -> None:
    capability, _, made = backend
    for result in answers(capability, made, make_line, [0, 1]):
        if capability in ("speech", "singing"):
            assert result.samples.dtype == np.int16
            assert result.samples.ndim == 1
            assert len(result.samples) > SAMPLE_RATE // 10
            assert result.rate_hz > 0
        elif capability == "speaker":
            assert (result.dtype, result.shape) == (np.float32, (made.width,))
            assert np.linalg.norm(result) == pytest.approx(1.0, abs=1e-3)
        elif capability == "transcription":
            assert result.reference
            assert 0.0 <= result.error_rate < np.inf
            assert 0.0 <= result.length_ratio < np.inf
        elif capability == "codec":
            assert (result.values.dtype, result.values.ndim) == (np.uint16, 2)
            assert (result.frame_rate, result.cardinality) == (made.frame_rate, made.cardinality)
        elif capability == "quality":
            assert np.isfinite(list(result.values())).all()
        elif capability == "script":
            assert result.script.turns
        else:
            assert result.reason is None or isinstance(result.reason, str)


LONG_S = 45.0


def test_very_long_clips_are_taken_whole(backend: tuple[str, str, Any]) -> None:
    capability, _, made = backend
    clip = noise(LONG_S, 3)
    if capability == "codec":
        (codes,) = made.encode([clip])
        assert abs(len(codes.values) / made.frame_rate - LONG_S) <= 1 / made.frame_rate
    elif capability == "transcription":
        (hearing,) = made.transcribe([clip], ["good morning " * 60], ["en"])
        assert len(hearing.reference.split()) >= 120
    elif capability in ("quality", "speaker"):
        assert len(made.score([clip]) if capability == "quality" else made.embed([clip])) == 1


def test_very_long_lines_are_said_to_their_end(backend: tuple[str, str, Any], make_line: Any) -> None:
    capability, _, made = backend
    if capability != "speech":
        return
    short, long = (make_line(spoken="good morning to you all. " * times) for times in (1, 24))
    lines = [replace(line, voice=made.design(line.character)) for line in (short, long)]
    lengths = [len(performance.samples) / performance.rate_hz for performance in made.synthesize(lines)]
    assert lengths[1] > 12 * lengths[0]


def test_an_unknown_language_is_an_error_that_names_it(backend: tuple[str, str, Any]) -> None:
    capability, _, made = backend
    if capability == "transcription":
        with pytest.raises((ValueError, RecipeError), match="'fr'"):
            made.transcribe([noise(1.0, 0)], ["bonjour"], ["fr"])


def elsewhere(name: str, **service: Any) -> BackendChoice:
    choice = chosen(name)
    assert choice.service is not None
    return choice.model_copy(update={"service": choice.service.model_copy(update={"attempts": 1} | service)})


def test_a_closed_endpoint_is_an_outage_that_names_it(backend: tuple[str, str, Any]) -> None:
    capability, name, made = backend
    if not isinstance(made, Served):
        assert chosen(name).service is None
        return
    closed = load(capability, elsewhere(name, base_url="http://127.0.0.1:9"))
    closed.open()
    with pytest.raises(OutageError, match=r"http://127\.0\.0\.1:9"):
        closed.probe()
    closed.close()


def test_a_slow_endpoint_is_an_outage_when_its_time_is_over(backend: tuple[str, str, Any]) -> None:
    capability, name, made = backend
    if not isinstance(made, Served):
        return
    slow = load(capability, elsewhere(name, timeout_s=0.2))
    slow.open()
    for server in RUNNING:
        server.latency_s = 1.0
    try:
        with pytest.raises(OutageError, match=r"no whole answer within 0\.2 s"):
            slow.probe()
    finally:
        for server in RUNNING:
            server.latency_s = 0.0
        slow.close()
