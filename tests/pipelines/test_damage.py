"""Damage to any file that is read back is named, and mended to the very bytes of an undisturbed build."""

import errno
import os
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystems import FileSystems

from pipelines import shape
from pipelines.build import Build
from pipelines.verify import verify
from schemas.errors import FolderError
from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines.conftest import SMALL, build_into, fake_recipe
from tests.pipelines.damages import FAULTS, SORTS, Sort, contents, damage

build = partial(build_into, recipe=SMALL)
SEEDS = range(2)


@pytest.fixture(scope="module", autouse=True)
def _read_code_once() -> Iterator[None]:
    """Every build digests the code that shapes it, which does not change during these tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_imports", "code_digest"):
            patch.setattr(shape, name, cache(getattr(shape, name)))
        yield


def faults_of(folder: Path) -> list[str]:
    return verify(str(folder / "corpus")) + verify(str(folder / "corpus.work"))


def damage_lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.split("\n") if line.startswith("damaged:")]


def test_the_undisturbed_build_is_sound_and_resumes_in_silence(
    whole: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert faults_of(copy) == []
    build(copy)
    assert damage_lines(capsys) == []
    assert contents(copy) == contents(whole)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SORTS)
def test_one_damaged_file_is_named_and_mended(
    whole: Path, copy: Path, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sort = SORTS[name]
    path = damage(copy, sort, fault, f"{name} {fault}")
    found = faults_of(copy)
    if fault not in sort.unverified:
        assert found
        assert all(path.stem in line and "build again" in line for line in found), found
    build(copy)
    told = damage_lines(capsys)
    assert len(told) == (fault not in sort.untold)
    assert all(path.stem in line and line.endswith("it is done again.") for line in told)
    assert contents(copy) == contents(whole)
    assert faults_of(copy) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_much_damage_at_once_is_named_and_mended(
    whole: Path, copy: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of every sort at once, whatever happens to each; the manifest of the corpus apart, which hides its shards
    from `verify`. One shard is left whole: by its receipt a corpus without a manifest is known to be ours."""
    faults = list(FAULTS)
    hurt = [
        damage(copy, sort, faults[(seed + place) % len(faults)], f"{seed} {name}")
        for place, (name, sort) in enumerate(SORTS.items())
        if name not in ("corpus manifest", "card", "receipt", "recipe")
    ]
    found = faults_of(copy)
    assert [path.name for path in hurt if not any(path.stem in line for line in found)] == []
    build(copy)
    told = damage_lines(capsys)
    assert [path.name for path in hurt if not any(path.stem in line for line in told)] == []
    assert contents(copy) == contents(whole)


class FullDisk:
    """A disk for `FileSystems.create` that has room for so many bytes, then gives this error."""

    def __init__(self, room: float, code: int, below: Path) -> None:
        self.room = room
        self.error = code
        self.below = f"{below}{os.sep}"
        self.create = FileSystems.create

    def __call__(self, path: str, *rest: Any, **named: Any) -> Any:
        stream = self.create(path, *rest, **named)
        if not path.startswith(self.below):
            return stream
        write = stream.write
        disk = self

        class Stream:
            def write(self, data: bytes) -> int:
                disk.room -= len(data)
                if disk.room < 0:
                    write(data[: len(data) // 2])
                    raise OSError(disk.error, os.strerror(disk.error))
                return int(write(data))

            def flush(self) -> None:
                stream.flush()

            def fileno(self) -> int:
                return int(stream.fileno())

            def __enter__(self) -> "Stream":
                return self

            def __exit__(self, *error: Any) -> None:
                stream.close()

        return Stream()


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_disk_that_fills_up_stops_the_build_and_the_next_one_finishes(
    whole: Path, tmp_path: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = contents(whole)
    room = share * sum(map(len, expected.values()))
    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, "create", FullDisk(room, errno.ENOSPC, tmp_path))
        with pytest.raises(FolderError) as error:
            build(tmp_path)
    assert str(tmp_path / "corpus") in str(error.value)
    assert "the disk is full; free space, then build again: finished chunks are kept" in str(error.value)
    left = contents(tmp_path)
    left.pop("corpus/manifest.json", None)  # it says that the corpus is not finished
    assert [name for name, data in left.items() if data != expected[name]] == []
    build(tmp_path)
    assert contents(tmp_path) == expected


@pytest.mark.parametrize("folder", ["corpus", "corpus.work"])
def test_a_read_only_folder_is_named(whole: Path, tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may write anywhere, so the file system says it: no test can take its permission away."""
    with monkeypatch.context() as patch:
        patch.setattr(FileSystems, "create", FullDisk(-1, errno.EROFS, tmp_path / folder))
        with pytest.raises(FolderError) as error:
            build(tmp_path)
    assert str(error.value) == f"{tmp_path / folder}: the disk is read-only; choose another folder."
    build(tmp_path)
    assert contents(tmp_path) == contents(whole)


@pytest.mark.parametrize("place", ["corpus", "corpus.work", "corpus.work/chunk-00000.arrow", "corpus/dialogues"])
def test_a_file_or_folder_in_the_way_is_named(tmp_path: Path, place: str) -> None:
    way = tmp_path / place
    way.parent.mkdir(parents=True, exist_ok=True)
    if place.endswith(".arrow"):
        (way / "mine").mkdir(parents=True)
        (way.parent / "shape-write.json").write_text("{}")
    else:
        way.write_text("mine")
    with pytest.raises(FolderError) as error:
        build(tmp_path)
    assert str(tmp_path / place.split("/")[0]) in str(error.value)


@pytest.mark.parametrize(("out", "work"), [("a", "a"), ("a", "a/work"), ("w/out", "w"), ("a/../b", "b/c")])
def test_folders_inside_each_other_are_refused(tmp_path: Path, out: str, work: str) -> None:
    with pytest.raises(FolderError, match="one of these folders is, or lies in, the other"):
        build(tmp_path, out=str(tmp_path / out), work=str(tmp_path / work))
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_work_folder_is_seen_through(tmp_path: Path) -> None:
    (tmp_path / "corpus.work").mkdir()
    (tmp_path / "corpus").symlink_to(tmp_path / "corpus.work")
    with pytest.raises(FolderError, match="one of these folders is, or lies in, the other"):
        build(tmp_path)


def test_an_output_folder_that_is_a_link_is_followed(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "corpus").symlink_to(tmp_path / "elsewhere")
    build(tmp_path)
    assert contents(tmp_path / "elsewhere") == contents(whole / "corpus")


def test_a_dangling_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "corpus").symlink_to(tmp_path / "nowhere" / "at all")
    with pytest.raises(FolderError, match="corpus: cannot make this folder"):
        build(tmp_path)


def test_what_is_sound_is_not_done_again(copy: Path) -> None:
    """Two of three chunks, and the shards, keep their files."""
    before = {path: path.stat().st_ino for path in copy.rglob("*.arrow")}
    damage(copy, SORTS["take chunk"], "flip", "once")
    build(copy)
    changed = [path for path, inode in before.items() if path.stat().st_ino != inode]
    assert [path.name[:6] for path in changed] == ["chunk-"]


def test_damaged_scripts_that_were_paid_for_are_written_again_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the answers that are kept; an answer that is itself damaged is asked for again, and it alone."""
    monkeypatch.setenv("TEST_KEY", "sk-test-0123456789abcdef")
    settings = {"out": str(tmp_path / "corpus"), "work": str(tmp_path / "corpus.work"), "workers": 0}
    with ChatServer() as server:
        service = {"base_url": server.url, "key_variable": "TEST_KEY", "timeout_s": 5.0}
        script = {"name": "openai", "settings": {"model": "m"}, "service": service}
        paid = fake_recipe(backends=fakes.BACKENDS | {"script": script})
        Build(paid, **settings).run()
        before, asked = contents(tmp_path), server.counts["requests"]
        takes = {path: path.stat().st_ino for path in tmp_path.rglob("chunk-*.arrow")}
        for chunk in (tmp_path / "corpus.work").glob("scripts-*.jsonl"):
            chunk.write_bytes(b"")
        Build(paid, **settings).run()
        assert (contents(tmp_path), server.counts["requests"]) == (before, asked)
        damage(tmp_path, Sort("corpus.work/answers/*/*.json"), "flip", "answer")
        for chunk in (tmp_path / "corpus.work").glob("scripts-*.json"):
            chunk.unlink()
        Build(paid, **settings).run()
        assert server.counts["requests"] == asked + 1
    assert {path: path.stat().st_ino for path in takes} == takes
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
