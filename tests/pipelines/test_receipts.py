"""A shard with a sound receipt and sound bytes is not written again; all else is, and damage is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import files
from pipelines.assemble import ShardJob
from pipelines.receipts import unfinished
from pipelines.selection import Shard


@pytest.fixture
def job(tmp_path: Path) -> ShardJob:
    """A shard of three bytes that lies there, with its receipt."""
    shard = Shard("dialogues", "train", "dialogues/train-00000-of-00001.arrow", [(0, ["d", [1]])])
    made = ShardJob(shard, {0: ("a", "b")}, {}, "shape", str(tmp_path / "work"), str(tmp_path / "out"))
    files.write_bytes(str(tmp_path / "out" / shard.name), b"abc")
    receipt = {"file": shard.name, "rows": 1, "bytes": 3, "sha256": files.sha256(b"abc"), "digest": made.digest}
    files.write_sealed(made.receipt, receipt)
    return made


def test_a_sound_shard_is_finished(job: ShardJob, capsys: pytest.CaptureFixture[str]) -> None:
    assert unfinished([job]) == []
    assert unfinished([]) == []
    assert capsys.readouterr().err == ""


def test_what_another_job_would_write_is_written_in_silence(job: ShardJob, capsys: pytest.CaptureFixture[str]) -> None:
    other = replace(job, sha256={0: ("other", "b")})
    assert unfinished([other]) == [other]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("file", "data", "words"),
    [
        ("shard", b"abd", "train-00000-of-00001.arrow: damaged: its sha256 is not the one in its receipt"),
        ("shard", b"ab", "train-00000-of-00001.arrow: damaged: 2 bytes long, its receipt says 3"),
        ("shard", None, "train-00000-of-00001.arrow: missing, though its receipt is there"),
        ("receipt", None, "dialogues-train-00000-of-00001.arrow.json: missing, though its shard is there"),
        ("receipt", b"{}", "dialogues-train-00000-of-00001.arrow.json: damaged: it is not the sealed JSON"),
    ],
)
def test_damage_is_told(
    job: ShardJob, file: str, data: bytes | None, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(job.receipt if file == "receipt" else files.join(job.out, job.shard.name))
    path.unlink() if data is None else path.write_bytes(data)
    assert unfinished([job]) == [job]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("damaged: ")
    assert words in line
    assert line.endswith("; it is done again.")
