"""What every export has in common: whole or not at all, refusals in one paragraph, the same bytes again."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines.command_line import LAYOUTS, main
from schemas.errors import DamagedError, FolderError, RecipeError
from trainer import export_moshi
from trainer.export import FORMATS, export

WRONG: dict[str, tuple[type[Exception], str]] = {
    "format": (RecipeError, "there is no layout 'kaldi'; use one of: vita-qinyu, parquet, webdataset, moshi."),
    "caches": (RecipeError, "only vita-qinyu has caches, 'parquet' has none; leave the option out."),
    "url": (FolderError, "exports are written to local folders"),
    "corpus url": (FolderError, "exports read local folders; copy the corpus here first."),
    "full": (FolderError, "this folder is not empty; name another, or empty it."),
    "file": (FolderError, "there is a file of this name"),
    "no corpus": (FolderError, "there is no manifest.json here"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_request_says_what_to_do(corpus_folder: Path, tmp_path: Path, what: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    corpus, out = str(corpus_folder), str(tmp_path / "out")
    arguments: dict[str, tuple[Any, ...]] = {
        "format": (corpus, out, "kaldi"),
        "caches": (corpus, out, "parquet", True),
        "url": (corpus, "gs://bucket/out", "parquet"),
        "corpus url": ("gs://bucket/corpus", out, "parquet"),
        "full": (corpus, str(tmp_path / "full"), "parquet"),
        "file": (corpus, str(tmp_path / "file"), "parquet"),
        "no corpus": (str(tmp_path / "full"), out, "parquet"),
    }
    error, words = WRONG[what]
    with pytest.raises(error) as raised:
        export(*arguments[what])
    assert words in str(raised.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine.txt"]


def test_a_corpus_that_is_not_what_was_built_is_refused(corpus_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(corpus_folder, tmp_path / "copy"))
    shard = copy / "utterances" / "train-00000-of-00001.arrow"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    with pytest.raises(DamagedError, match=r"train-00000-of-00001\.arrow: damaged: its sha256 is not the manifest's"):
        export(str(copy), str(tmp_path / "out"), "parquet")
    shard.unlink()
    with pytest.raises(DamagedError, match=r"train-00000-of-00001.arrow: missing; build again"):
        export(str(copy), str(tmp_path / "out"), "parquet")
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))
    with pytest.raises(FolderError, match="this build has not finished"):
        export(str(copy), str(tmp_path / "out"), "parquet")
    (copy / "manifest.json").write_text("[]")
    with pytest.raises(DamagedError, match="it is not the manifest that was written"):
        export(str(copy), str(tmp_path / "out"), "parquet")


def test_an_export_that_fails_leaves_nothing(
    corpus_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export_moshi, "transcript", full)
    with pytest.raises(OSError, match="No space"):
        export(str(corpus_folder), str(tmp_path / "deep" / "out"), "moshi")
    assert [path.name for path in tmp_path.rglob("*")] == ["deep"]


@pytest.mark.parametrize("layout", FORMATS)
def test_the_same_corpus_gives_the_same_bytes(corpus_folder: Path, tmp_path: Path, layout: str) -> None:
    out, first = tmp_path / "out", tmp_path / "first"
    out.mkdir()  # an empty folder is as good as none
    rows = []
    lines = export(str(corpus_folder), str(out), layout, layout == "vita-qinyu", rows.append)
    out.rename(first)
    assert lines == export(str(corpus_folder), str(out), layout, layout == "vita-qinyu")
    assert digests(out) == digests(first)
    assert sum(rows) == {"parquet": 75}.get(layout, 59)
    assert "All voices are synthetic" in (out / "README.md").read_text(encoding="utf-8")
    assert str(corpus_folder) not in (out / "README.md").read_text(encoding="utf-8")


def digests(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_the_command(corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(FORMATS) == LAYOUTS
    arguments = ["export", str(corpus_folder), "--format", "webdataset", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("test-000000.tar: 27 samples, ")
    assert said[-1] == f"The export is in {tmp_path / 'out'}; its README.md says how to use it."
    assert main(arguments) == 2
    (error,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("troupe:")]
    assert error == f"troupe: {tmp_path / 'out'}: this folder is not empty; name another, or empty it."
