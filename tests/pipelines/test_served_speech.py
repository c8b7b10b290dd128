"""Small corpora spoken by a real local server: the same with failing calls, and none of it lost with a dead one."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.manifests import Manifest
from pipelines.replay import replay
from pipelines.show import rows_of
from pipelines.stage_table import close_stages
from schemas.errors import OutageError
from schemas.recipe import Recipe
from stages import cast_voices
from stages.backends import http_attempts
from stages.cast_voices import REFERENCE_TEXT
from tests import fakes
from tests.pipelines.conftest import build_into, fake_recipe
from tests.speech_server import TRANSPORT, WRONG_AUDIO, WRONG_PCM, SpeechServer
from tests.voice_folder import write_voices

pytestmark = pytest.mark.slow

Build = Callable[..., Manifest | None]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpeechServer]:
    monkeypatch.setattr(http_attempts, "FIRST_WAIT_S", 0.01)
    with SpeechServer() as running:
        yield running


def recipe(name: str, settings: dict[str, Any], base_url: str) -> Recipe:
    service = {"base_url": base_url, "attempts": 8, "key_variable": "NO_KEY"}
    speech = {"name": name, "settings": settings, "service": service}
    kinds = {"conversation": {"dialogues": 6, "user_voices": 6, "assistant_voices": 3}}
    whole = {"chunk_dialogues": 2, "kinds": kinds, "splits": {"train": 0.5, "test": 0.5}}
    return fake_recipe(**whole, backends=fakes.BACKENDS | {"speech": speech})


def designed(server: SpeechServer) -> Recipe:
    return recipe("openai-speech", {"model": "test-tts", "mode": "design"}, f"{server.url}/v1")


def shards(folder: Path) -> dict[str, str]:
    """Digests of all Arrow files of a corpus."""
    paths = sorted((folder / "corpus").rglob("*.arrow"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def takes(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    return list(rows_of(str(folder / "corpus"), manifest, "utterances"))


def test_every_line_is_cloned_from_its_characters_reference(server: SpeechServer, tmp_path: Path, build: Build) -> None:
    server.rate_hz = 16_000
    manifest = build(designed(server))
    assert manifest is not None
    rows = takes(tmp_path, manifest)
    assert len(rows) == 12
    assert {row["native_rate_hz"] for row in rows} == {16_000}
    assert all(row["character"]["voice_id"] == f"openai-speech:{row['character']['character_id']}" for row in rows)
    lines = [body for body in server.bodies if body["task_type"] == "Base"]
    characters = {row["character"]["character_id"] for row in rows}
    assert len({body["clip"] for body in lines}) == len(characters)
    assert sorted(body["input"] for body in lines) == sorted(row["text"] for row in rows)
    close_stages()
    assert replay(str(tmp_path / "corpus.work"), rows[5]["take_id"]).same


def test_a_voice_is_designed_once_though_the_endpoint_never_repeats_itself(
    server: SpeechServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cast_voices, "MAX_KEPT", 1)
    server.fickle, server.dies_after = True, 14
    with pytest.raises(OutageError):
        build_into(tmp_path, designed(server))
    server.dies_after, server.dead = None, False
    close_stages()
    manifest = build_into(tmp_path, designed(server))
    assert manifest is not None
    rows = takes(tmp_path, manifest)
    characters = {row["character"]["character_id"] for row in rows}
    made = [body for body in server.bodies if body["input"] == REFERENCE_TEXT["en"] or "。" in body["input"]]
    designs = [body for body in made if body["task_type"] == "VoiceDesign"]
    assert len({body["seed"] for body in designs}) == len(characters)
    clips = {body["clip"] for body in server.bodies if body.get("ref_text") in REFERENCE_TEXT.values()}
    assert len(clips) == len(characters)
    close_stages()
    asked = len(server.bodies)
    assert replay(str(tmp_path / "corpus.work"), rows[0]["take_id"]).same
    assert [body["task_type"] for body in server.bodies[asked:]] == ["Base"]


@pytest.mark.parametrize("name", ["openai-speech", "cosyvoice"])
def test_calls_that_fail_at_random_change_no_byte(name: str, server: SpeechServer, tmp_path: Path) -> None:
    prompts = {"prompts": str(write_voices(tmp_path / "voices"))}
    wanted = designed(server) if name == "openai-speech" else recipe(name, prompts, server.url)
    build_into(tmp_path / "sound", wanted)
    asked = len(server.bodies)
    close_stages()
    wrong = WRONG_AUDIO if name == "openai-speech" else WRONG_PCM
    faults = [fault for fault in (*TRANSPORT, *wrong) if fault not in ("timeout", "empty")]
    server.share, server.faults = 0.2, tuple(faults)
    build_into(tmp_path / "shaken", wanted)
    assert len(server.bodies) > 2 * asked
    assert shards(tmp_path / "sound") == shards(tmp_path / "shaken")


def test_a_dead_endpoint_stops_the_build_and_loses_nothing(server: SpeechServer, tmp_path: Path) -> None:
    wanted = designed(server)
    build_into(tmp_path / "sound", wanted)
    close_stages()
    asked = len(server.bodies)
    server.dies_after = asked + asked // 2
    with pytest.raises(OutageError, match=rf"{server.url}/v1 does not say a word: .*what was performed is kept"):
        build_into(tmp_path / "stopped", wanted)
    kept = len(list((tmp_path / "stopped" / "corpus.work").glob("chunk-*.arrow")))
    assert 1 <= kept < 3
    close_stages()
    server.dies_after, server.dead = None, False
    before = len(server.bodies)
    build_into(tmp_path / "stopped", wanted)
    assert len(server.bodies) - before < asked
    assert shards(tmp_path / "sound") == shards(tmp_path / "stopped")
