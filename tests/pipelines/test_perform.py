"""The perform graph: one fused stage from casting to writing, seeds per attempt, and any filesystem."""

import re
from dataclasses import asdict
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.perform import Line, build_perform, next_attempt
from schemas.limits import Limits
from schemas.script import Character, Turn
from schemas.seeds import derive_seed
from schemas.take import Voice
from tests.pipelines.conftest import fake_recipe

NO_BOUNDS = Limits("embedded", ())
STEPS = ["ReadScripts", "CastVoices", "SynthesizeSpeech", "Transcribe", "ScorePitch", "ScoreQuality", "WriteChunk"]


def line() -> Line:
    person = dict.fromkeys(("name", "identity", "personality", "temperament", "timbre"), "x")
    character = Character(character_id="en-u0", language="en", age="youth", gender="male", pace="normal", **person)
    turn = Turn(role="user", text="hello", intent="greet")
    return Line("d", 1, 0, 7, "conversation", "en", turn, "hello", character, Voice("v", "fake", {}))


def test_from_casting_to_writing_is_one_fused_stage() -> None:
    pipeline = beam.Pipeline(runner=FnApiRunner())
    build_perform(pipeline, [], fake_recipe(), NO_BOUNDS, "work", {"num_codebooks": 8})
    stages = FnApiRunner().create_stages(pipeline.to_runner_api())[1]
    steps = [{re.sub(r" \d+$", "", t.unique_name.split("/")[-1]) for t in stage.transforms} for stage in stages]
    holding_audio = [names for names in steps if names & set(STEPS)]
    assert len(holding_audio) == 1
    assert set(STEPS) <= holding_audio[0]
    assert "Write" not in holding_audio[0]  # a shuffle's writing end: nothing leaves the fused stage for one


def test_the_next_attempt_differs_in_attempt_and_seed_alone() -> None:
    first = line()
    second = next_attempt(first, recipe_seed=3)
    assert second.seed == derive_seed(3, "d", 1, 1)
    assert asdict(second) == asdict(first) | {"attempt": 1, "seed": second.seed}
    assert next_attempt(first, recipe_seed=4).seed != second.seed


class MemoryFiles(FileSystem):  # type: ignore[misc]
    """mem:// paths, kept in a dict of this process."""

    stored: ClassVar[dict[str, bytes]] = {}

    @classmethod
    def scheme(cls) -> str:
        return "mem"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        pass

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Any:
        return [FileMetadata(p, len(d), 0.0) for p, d in self.stored.items() if p.startswith(dir_or_prefix)]

    def create(self, path: str, mime_type: str = "", compression_type: str = "") -> Any:
        return _Upload(self.stored, path)

    def open(self, path: str, mime_type: str = "", compression_type: str = "") -> Any:
        import io

        if path not in self.stored:
            raise BeamIOError(f"no such file: {path}")
        return io.BytesIO(self.stored[path])

    def copy(self, source: list[str], destination: list[str]) -> None:
        self.stored.update({to: self.stored[at] for at, to in zip(source, destination, strict=True)})

    def rename(self, source: list[str], destination: list[str]) -> None:
        self.stored.update({to: self.stored.pop(at) for at, to in zip(source, destination, strict=True)})

    def exists(self, path: str) -> bool:
        return path in self.stored

    def size(self, path: str) -> int:
        return len(self.stored[path])

    def last_updated(self, path: str) -> float:
        return 0.0

    def checksum(self, path: str) -> str:
        return str(hash(self.stored[path]))

    def metadata(self, path: str) -> Any:
        return FileMetadata(path, self.size(path), 0.0)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            del self.stored[path]


class _Upload:
    def __init__(self, stored: dict[str, bytes], path: str) -> None:
        self.stored, self.path, self.data = stored, path, b""

    def write(self, data: bytes) -> int:
        self.data += bytes(data)
        return len(data)

    def __enter__(self) -> "_Upload":
        return self

    def __exit__(self, *_: object) -> None:
        self.stored[self.path] = self.data


def test_a_build_needs_nothing_but_a_beam_filesystem(build: Any, tmp_path: Any) -> None:
    MemoryFiles.stored.clear()
    manifest = build(out="mem://bucket/corpus", work="mem://bucket/work")
    assert manifest["books"]["conversation en"]["dialogues"]["accepted"] == 6
    local = build()
    in_memory = {name.split("mem://bucket/corpus/")[-1]: data for name, data in MemoryFiles.stored.items()}
    for shard in local["shards"]:
        assert in_memory[shard["file"]] == (tmp_path / "corpus" / shard["file"]).read_bytes()
    assert not [name for name in MemoryFiles.stored if name.endswith(".tmp")]
