"""The command as a user meets it: exit codes, one clear paragraph, and nothing half-written."""

import errno
import os
import re
import resource
import shutil
from pathlib import Path
from typing import Any

import pytest
from apache_beam.io.filesystems import FileSystems

from pipelines.command_line import main
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data


def recipe(tmp_path: Path, **changes: Any) -> str:
    return str(processes.write_recipe(tmp_path / "recipe.toml", fake_recipe_data(**changes)))


def paragraph(capsys: pytest.CaptureFixture[str]) -> str:
    """What went to stderr after the progress bar: a single line."""
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("troupe:")]
    assert len(lines) == 1
    return lines[0]


def test_build_then_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "corpus")
    assert main(["build", recipe(tmp_path), "--out", out, "--workers", "0"]) == 0
    printed = capsys.readouterr().out
    assert "conversation en dialogues" in printed
    assert '"dialogue_id": "conversation-' in printed
    assert out in printed
    assert main(["verify", out]) == 0
    decoded, sound = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"3 utterances decoded: their mel bands are [\d.]+ dB off those of the audio \(median\)", decoded
    )
    assert sound == f"{out}: sound"


def test_until_scripts_writes_no_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "corpus"
    assert main(["build", recipe(tmp_path), "--out", str(out), "--workers", "0", "--until", "scripts"]) == 0
    assert not out.exists()
    assert len(list(tmp_path.glob("corpus.work/scripts-*.jsonl"))) == 3
    assert "scripts-*.jsonl" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sede": 4}, ["Unknown key 'sede'", "Did you mean 'seed'?"]),
        ({"kinds": {"conversation": {"dialogs": 4}}}, ["'kinds.conversation.dialogs'", "Did you mean 'dialogues'?"]),
        ({"kinds": {"conversation": {}}}, ["'kinds.conversation'", "give either dialogues or hours"]),
        ({"kinds": {"conversaton": {"dialogues": 3}}}, ["Unknown name 'conversaton' in 'kinds'", "'conversation'"]),
        ({"splits": {"train": 0.5}}, ["'splits'", "must add up to 1, not 0.5"]),
        ({"name": "../up"}, ["'name'", "'../up'"]),
        ({"kinds": {"conversation": {"dialogues": 2}}}, ["1 is too few for the splits train, validation, test"]),
        ({"perform": {"limits": [{"measure": "gapp", "maximum": 1}]}}, ["did you mean 'gap'?"]),
        (
            {
                "backends": {
                    "speech": "parrot",
                    "transcription": {"name": "by-language", "settings": {"en": "phone-ctc"}},
                }
            },
            ["'phone-ctc' knows the voices of 'espeak-world' only"],
        ),
        ({"backends": {"speech": "parrot"}}, ["'phone-ctc' knows the voices of 'espeak-world' only"]),
    ],
)
def test_a_wrong_recipe_names_key_and_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], words: list[str]
) -> None:
    assert main(["build", recipe(tmp_path, **changes), "--out", str(tmp_path / "corpus"), "--workers", "0"]) == 2
    said = paragraph(capsys)
    assert all(word in said for word in words), said
    assert not (tmp_path / "corpus").exists()


def test_a_recipe_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", str(tmp_path / "no.toml"), "--out", str(tmp_path / "corpus")]) == 2
    assert "no.toml: cannot read the recipe" in paragraph(capsys)


def test_verify_of_a_folder_without_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 2
    assert "there is no manifest.json here" in paragraph(capsys)


def test_verify_names_a_flipped_bit_and_a_missing_shard(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "corpus"
    assert main(["build", recipe(tmp_path), "--out", str(out), "--workers", "0"]) == 0
    shard = out / "utterances" / "train-00000-of-00001.arrow"
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (out / "dialogues" / "test-00000-of-00001.arrow").unlink()
    capsys.readouterr()
    assert main(["verify", str(out)]) == 1
    said = capsys.readouterr().err
    assert "utterances/train-00000-of-00001.arrow: damaged" in said
    assert "dialogues/test-00000-of-00001.arrow: missing" in said


def test_an_unwritable_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    out = str(tmp_path / "file" / "corpus")
    assert main(["build", recipe(tmp_path), "--out", out, "--workers", "0"]) == 2
    assert "file" in paragraph(capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    assert main(["build", recipe(tmp_path), "--out", str(tmp_path / "locked" / "corpus"), "--workers", "0"]) == 2
    assert "permission" in paragraph(capsys).lower()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_is_one_paragraph_and_leaves_nothing_half_written(tmp_path: Path, workers: int) -> None:
    """A file size limit stands in for the full disk: the write fails in the middle of a chunk."""
    path, out = recipe(tmp_path), tmp_path / "corpus"

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    arguments = ["build", path, "--out", str(out), "--workers", str(workers)]
    code, _, err = processes.finish(processes.command(arguments, preexec_fn=small_files))
    assert code == 2, err
    (said,) = [line for line in err.splitlines() if line.startswith("troupe:")]
    assert "size limit" in said
    assert not list(tmp_path.rglob("chunk-*.arrow")) + list(out.rglob("*.arrow"))
    code, _, err = processes.finish(processes.command(arguments))
    assert code == 0, err
    shutil.rmtree(out)


def test_verify_takes_a_work_folder_and_says_what_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "corpus"
    arguments = ["build", recipe(tmp_path), "--out", str(out), "--workers", "0"]
    assert main(arguments) == 0
    work = f"{out}.work"
    assert main(["verify", work]) == 0
    assert capsys.readouterr().out.endswith(f"{work}: sound\n")
    Path(work, "chunk-00001.arrow").write_bytes(b"")
    assert main(["verify", work]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"{work}: 1 faults\n"
    words = "damaged: 0 bytes long, its manifest says"
    (line,) = [line for line in captured.err.splitlines() if line.startswith(f"{work}/chunk-00001.arrow: {words}")]
    assert line.endswith("; build again: it is done anew")
    assert main(arguments) == 0
    (told,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("damaged:")]
    assert told.startswith(f"damaged: {work}/chunk-00001.arrow: {words}")
    assert main(["verify", work]) == 0


def test_a_disk_that_is_full_after_the_last_shard_is_one_paragraph(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The corpus is finished by then: what is missing are the WAVs to listen to."""
    arguments = ["build", recipe(tmp_path), "--out", str(tmp_path / "corpus"), "--workers", "0"]
    create = FileSystems.create

    def full(path: str, *rest: Any) -> Any:
        if "/listen/" in path:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(path, *rest)

    monkeypatch.setattr(FileSystems, "create", full)
    assert main(arguments) == 2
    assert paragraph(capsys).startswith(
        f"troupe: {tmp_path / 'corpus'}: the disk is full; free space, then build again"
    )
    assert main(["verify", str(tmp_path / "corpus")]) == 0
