"""Sealed JSON, new files that appear whole or not at all, and digests."""

import errno
import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystems import FileSystems

from pipelines import files
from schemas.errors import DamagedError, FolderError

VALUE: dict[str, Any] = {"name": "声音", "rows": 3, "share": 0.1, "parts": [1, {"a": None}], "half": "\ud800"}


def test_sealed_json_comes_back_and_is_for_people_to_read(tmp_path: Path) -> None:
    path = str(tmp_path / "a.json")
    files.write_sealed(path, VALUE)
    assert files.read_sealed(path) == VALUE
    text = Path(path).read_text(encoding="utf-8")
    assert ' "name": "声音",\n' in text
    assert set(json.loads(text)) == {*VALUE, "seal"}


def test_every_flipped_bit_of_sealed_json_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    files.write_sealed(str(path), VALUE)
    data = path.read_bytes()
    for bit in random.Random(1).sample(range(len(data) * 8), 300):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with pytest.raises(DamagedError, match=r"a\.json: damaged"):
            files.read_sealed(str(path))


@pytest.mark.parametrize("links", [True, False])
def test_the_first_of_several_writers_wins(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    if not links:
        monkeypatch.setattr(files.os, "link", refuse)
    path = str(tmp_path / "voices" / "a.json")
    files.write_first(path, {"who": "first"})
    files.write_first(path, {"who": "second"})
    assert files.read_sealed(path) == {"who": "first"}
    assert [found.name for found in (tmp_path / "voices").iterdir()] == ["a.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"a": 1}', '{"a": 1, "seal": 3}', "[" * 100_000])
def test_what_is_not_sealed_json_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DamagedError, match=r"a\.json: (damaged|empty)"):
        files.read_sealed(str(tmp_path / "a.json"))


def test_a_new_file_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a"
    files.write_bytes(str(path), b"old")
    with pytest.raises(TypeError), files.new_file(str(path)) as stream:
        stream.writelines([b"ne", None])  # type: ignore[list-item]
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"old"}


def test_a_failing_rename_gives_the_systems_own_error_and_cleans_up(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(OSError, match="Is a directory") as error:
        files.write_bytes(str(tmp_path / "a"), b"new")
    assert error.value.errno == errno.EISDIR
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("mine")
    with pytest.raises(FolderError, match="/a: there is a file of this name"):
        files.make_folder(str(tmp_path / "a"))


def test_digests_come_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK_BYTES", 7)
    contents = {str(tmp_path / str(i)): bytes([i]) * (i * 10) for i in range(12)}
    for path, data in contents.items():
        files.write_bytes(path, data)
    assert list(files.sha256_of(contents)) == [hashlib.sha256(data).hexdigest() for data in contents.values()]


def test_sweep_takes_only_what_writers_left(tmp_path: Path) -> None:
    for folder in ("shards", "answers/3f"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (".a.123.tmp", "shards/.b.456.tmp", "answers/3f/.c.789.tmp", "a.tmp", ".hidden"):
        (tmp_path / name).write_text("x")
    files.sweep(str(tmp_path))
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()) == [".hidden", "a.tmp"]


def test_bytes_are_on_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, bool]] = []
    path = tmp_path / "a"
    monkeypatch.setattr(
        files.os, "fsync", lambda number: synced.append((files.os.fstat(number).st_size, path.exists()))
    )
    files.write_bytes(str(path), b"words")
    assert synced == [(5, False)]


def test_writing_goes_through_beam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    create = FileSystems.create
    monkeypatch.setattr(FileSystems, "create", lambda path, *rest: asked.append(path) or create(path, *rest))
    files.write_sealed(str(tmp_path / "a.json"), {})
    assert len(asked) == 1
    assert asked[0].endswith(".tmp")


def test_listing_names_files_of_one_folder_with_their_sizes(tmp_path: Path) -> None:
    for name in ("b-1.json", "a-1.json", "a-2.json", "below/a-3.json", ".a-4.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "a-5.json").mkdir()
    (tmp_path / "a-6.json").symlink_to(tmp_path / "nowhere")
    assert files.listing(str(tmp_path / "a-*")) == {str(tmp_path / f"a-{i}.json"): 8 for i in (1, 2)}
    assert files.listing(str(tmp_path / "*" / "a-*")) == {str(tmp_path / "below" / "a-3.json"): 14}
    assert files.listing(str(tmp_path / "none" / "*")) == {}
    assert files.listing(str(tmp_path / "a-1.json")) == {str(tmp_path / "a-1.json"): 8}
