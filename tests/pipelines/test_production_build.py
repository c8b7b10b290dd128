"""A whole corpus on production back ends: a language model and a voice behind real local servers, whisper for English
and SenseVoice for Mandarin, Mimi's codes. The nets are tiny and random: what they hear is garbage, and only measured.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests import Manifest
from pipelines.show import rows_of
from pipelines.stage_table import close_stages
from pipelines.verify import verify
from schemas.errors import OutageError
from schemas.limits import load_limits
from schemas.recipe import Recipe
from stages.backends import http_attempts
from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines.conftest import build_into
from tests.speech_server import TRANSPORT, WRONG_AUDIO, SpeechServer
from tests.stages.backends.codec_models import write_codec
from tests.stages.backends.sensevoice_model import write_sensevoice
from tests.stages.backends.whisper_model import write_whisper

pytestmark = pytest.mark.slow

DIALOGUES, ACCEPTED = 22, 20
CHUNKS = 3
KEY = "sk-test-0123456789abcdef"
NOT_LIMITED = {"attempts": 2, "pitch_audit_share": 0.0, "profile": "production"}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    whisper, sensevoice = write_whisper(folder / "whisper.pt"), write_sensevoice(folder / "sensevoice")
    return {"whisper": str(whisper), "funasr": str(sensevoice), "mimi": str(write_codec(folder / "mimi", "mimi"))}


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ChatServer, SpeechServer]]:
    with ChatServer(stall_s=1.2) as writer, SpeechServer() as speaker:
        speaker.stall_s = 1.2
        yield writer, speaker


@pytest.fixture
def well(servers: tuple[ChatServer, SpeechServer]) -> Iterator[tuple[ChatServer, SpeechServer]]:
    """Both answer, until a test has it otherwise."""
    yield servers
    writer, speaker = servers
    writer.faults.rate, writer.dead = 0.0, False
    speaker.share, speaker.dead, speaker.dies_after = 0.0, False, None
    close_stages()


@pytest.fixture(scope="module")
def recipe(models: dict[str, str], servers: tuple[ChatServer, SpeechServer]) -> Recipe:
    writer, speaker = servers
    asked = {"timeout_s": 1.0, "attempts": 8, "key_variable": "TEST_KEY"}
    ears = {
        "en": {"name": "whisper", "settings": {"model": models["whisper"], "device": "cpu"}},
        "zh": {"name": "funasr", "settings": {"model": models["funasr"], "device": "cpu"}},
    }
    backends = {
        "script": {
            "name": "openai",
            "settings": {"model": "test-model"},
            "service": {"base_url": writer.url} | asked,
        },
        "speech": {
            "name": "openai-speech",
            "settings": {"model": "test-tts", "mode": "design"},
            "service": {"base_url": f"{speaker.url}/v1"} | asked,
        },
        "transcription": {"name": "by-language", "settings": ears},
        "quality": "fake",  # DNSMOS and CAM++ would take most of the time; others' tests have them
        "speaker": "fake",
        "codec": {"name": "mimi", "settings": {"model": models["mimi"], "num_codebooks": 8, "device": "cpu"}},
    }
    kinds = {"conversation": {"dialogues": DIALOGUES, "user_voices": 12, "assistant_voices": 4}}
    return Recipe.model_validate(
        {
            "name": "production",
            "seed": 5,
            "chunk_dialogues": -(-DIALOGUES // CHUNKS),
            "kinds": kinds,
            "splits": {"train": 0.5, "validation": 0.25, "test": 0.25},
            "backends": backends,
            "perform": NOT_LIMITED | {"limits": unlimited()},
        }
    )


def unlimited() -> list[dict[str, Any]]:
    """The profile with every limit lifted: random ears hear garbage, and vowels of a tone are no speech."""
    table = load_limits("production").table
    lifted = {(limit.measure, limit.side) for limit in table if limit.style not in ("sung", "hummed")}
    return [
        {"measure": measure, side: -1e9 if side == "minimum" else 1e9, **where}
        for measure, side in sorted(lifted)
        for where in ({}, {"style": "whisper"}, {"style": "shout"}, {"style": "backchannel"}, {"style": "plain"})
    ]


@pytest.fixture(scope="module")
def sound(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The corpus, undisturbed."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        patch.setenv("TEST_KEY", KEY)
        manifest = build_into(folder, recipe)
    close_stages()
    assert manifest is not None
    return folder, manifest


def shards(folder: Path) -> dict[str, str]:
    """Digests of all Arrow files of a corpus."""
    paths = sorted((folder / "corpus").rglob("*.arrow"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def test_every_column_is_filled_and_the_corpus_is_sound(sound: tuple[Path, Manifest]) -> None:
    folder, manifest = sound
    corpus = str(folder / "corpus")
    assert len(list(rows_of(corpus, manifest, "dialogues"))) >= ACCEPTED
    rows = list(rows_of(corpus, manifest, "utterances"))
    assert {row["language"] for row in rows} == {"en", "zh"}
    for row in rows:
        assert row["hypothesis"]
        assert row["reference"]
        measures = row["measures"]
        assert measures["error_rate"] > 0.3
        assert measures["length_ratio"] == pytest.approx(
            len(row["hypothesis"].split()) / len(row["reference"].split()), abs=1e-3
        )
        assert measures["repetition"] >= 0.0
        if row["language"] == "en":
            assert measures["no_speech_probability"] is not None
            assert row["heard_tags"] == []
        else:
            assert row["heard_tags"][:3] == ["zh", "HAPPY", "Speech"]
            assert measures["language_agrees"] == 1.0
        assert row["codec"]["name"] == "mimi"
        assert (row["codec"]["frame_rate"], row["codec"]["num_codebooks"], row["codec"]["cardinality"]) == (12.5, 8, 32)
        assert len(row["codes"][0]) == 8
    assert verify(corpus) == []


def test_calls_that_fail_at_random_change_no_byte(
    recipe: Recipe, sound: tuple[Path, Manifest], well: tuple[ChatServer, SpeechServer], tmp_path: Path
) -> None:
    writer, speaker = well
    writer.faults.rate = speaker.share = 0.05
    speaker.faults = TRANSPORT + WRONG_AUDIO
    written, met = writer.counts["requests"], sum(speaker.met.values())
    build_into(tmp_path, recipe)
    assert shards(tmp_path) == shards(sound[0])
    assert writer.counts.total() > writer.counts["requests"]
    assert writer.counts["requests"] - written > DIALOGUES
    assert sum(speaker.met.values()) > met


def test_a_dead_endpoint_stops_the_run_early_is_named_and_loses_nothing(
    recipe: Recipe, sound: tuple[Path, Manifest], well: tuple[ChatServer, SpeechServer], tmp_path: Path
) -> None:
    writer, speaker = well
    lines = len({body["input"] for body in speaker.bodies if body.get("task_type") == "Base"})
    before = len(speaker.bodies)
    speaker.dies_after = before + lines // 2
    with pytest.raises(OutageError, match=rf"{speaker.url}/v1 does not say a word: .*what was performed is kept"):
        build_into(tmp_path, recipe)
    assert len(speaker.bodies) - before < lines
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "corpus.work").glob("chunk-*.arrow")}
    assert 1 <= len(kept) < CHUNKS
    close_stages()
    speaker.dies_after, speaker.dead = None, False
    before, written = len(speaker.bodies), writer.counts["requests"]
    build_into(tmp_path, recipe)
    assert shards(tmp_path) == shards(sound[0])
    assert writer.counts["requests"] == written
    assert len(speaker.bodies) - before < lines
    again = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "corpus.work").glob("chunk-*.arrow")}
    assert {name: again[name] for name in kept} == kept


def test_a_dead_writer_stops_the_run_before_anything_is_said(
    recipe: Recipe, well: tuple[ChatServer, SpeechServer], tmp_path: Path
) -> None:
    writer, speaker = well
    writer.dead, asked = True, len(speaker.bodies)
    with pytest.raises(OutageError, match=writer.url):
        build_into(tmp_path, recipe)
    assert len(speaker.bodies) == asked
