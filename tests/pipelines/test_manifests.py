"""Which chunks count as done: those with a sound manifest of the expected shape and, where found, sound bytes."""

from pathlib import Path

import pytest

from pipelines import files
from pipelines.manifests import (
    checked_bytes,
    full_manifest,
    script_chunk,
    sound_manifests,
    valid_manifests,
    write_chunk,
)
from schemas.errors import DamagedError

SHAPES = {0: "s", 1: "s", 2: "s"}


@pytest.fixture
def work(tmp_path: Path) -> str:
    """Three chunks of one shape."""
    for index in SHAPES:
        manifest = {"index": index, "shape": "s", "takes": [{"take_id": "t"}]}
        write_chunk(script_chunk(str(tmp_path), index), b"row\n" * (index + 1), manifest)
    return str(tmp_path)


def test_manifests_come_without_their_takes_and_whole_on_demand(work: str) -> None:
    found = valid_manifests(work, script_chunk, SHAPES)
    assert found[1] == {
        "file": "scripts-00001.jsonl",
        "bytes": 8,
        "sha256": files.sha256(b"row\nrow\n"),
        "index": 1,
        "shape": "s",
    }
    assert full_manifest(work, found[1]) == found[1] | {"takes": [{"take_id": "t"}]}
    assert sound_manifests(work, script_chunk, SHAPES) == found


def test_other_shapes_and_what_is_not_there_are_passed_over_in_silence(
    work: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(sound_manifests(work, script_chunk, {0: "s", 1: "other", 7: "s"})) == [0]
    assert capsys.readouterr().err == ""
    assert Path(work, "scripts-00001.json").exists()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (
            "scripts-00001.jsonl",
            b"rOw\nrow\n",
            "scripts-00001.jsonl: damaged: its sha256 is not the one in its manifest",
        ),
        ("scripts-00001.jsonl", b"row\n", "scripts-00001.jsonl: damaged: 4 bytes long, its manifest says 8"),
        ("scripts-00001.jsonl", None, "scripts-00001.jsonl: missing, though its manifest is there"),
        ("scripts-00001.json", None, "scripts-00001.json: missing, though its chunk is there"),
        ("scripts-00001.json", b"", "scripts-00001.json: empty: it is not the sealed JSON that was written"),
        ("scripts-00001.json", b"{}", "scripts-00001.json: damaged: it is not the sealed JSON that was written"),
    ],
)
def test_damage_is_told_and_loses_its_manifest(
    work: str, name: str, data: bytes | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(work, name)
    path.unlink() if data is None else path.write_bytes(data)
    assert list(sound_manifests(work, script_chunk, SHAPES)) == [0, 2]
    assert capsys.readouterr().err == f"damaged: {work}/{words}; it is done again.\n"
    assert not Path(work, "scripts-00001.json").exists()
    assert list(valid_manifests(work, script_chunk, SHAPES)) == [0, 2]


def test_the_manifest_of_another_chunk_is_damage(work: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(work, "scripts-00001.json").write_bytes(Path(work, "scripts-00000.json").read_bytes())
    assert list(sound_manifests(work, script_chunk, SHAPES)) == [0, 2]
    assert "it is the manifest of another file, scripts-00000.jsonl; it is done again." in capsys.readouterr().err


def test_what_was_written_just_now_is_not_read_again(work: str) -> None:
    """A change of no length passes `valid_manifests`, and is met where the chunk is used."""
    Path(work, "scripts-00001.jsonl").write_bytes(b"rOw\nrow\n")
    manifest = valid_manifests(work, script_chunk, SHAPES)[1]
    with pytest.raises(DamagedError, match=r"scripts-00001\.jsonl: damaged: .*; build again: it is done anew"):
        checked_bytes(script_chunk(work, 1), manifest["sha256"])
