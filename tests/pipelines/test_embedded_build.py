"""The embedded back ends themselves: a small corpus of both languages, the same bytes however it is built."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile

from tests.pipelines import processes

pytestmark = pytest.mark.slow

RECIPE = {
    "name": "small",
    "seed": 3,
    "chunk_dialogues": 1,
    "splits": {"train": 0.5, "test": 0.5},
    "kinds": {"conversation": {"dialogues": 4, "user_voices": 4, "assistant_voices": 2}},
    "perform": {"attempts": 2, "pitch_audit_share": 0.2},
    "select": {"max_rejected_share": 1.0},
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return processes.write_recipe(tmp_path_factory.mktemp("recipe") / "small.toml", RECIPE)


@pytest.fixture(scope="module")
def built(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus as one worker makes it."""
    out = tmp_path_factory.mktemp("one") / "corpus"
    code, _, err = processes.finish(processes.command(arguments(recipe, out, 1), fakes=False))
    assert code in (0, 1), err  # 1: a split may be empty in a corpus this small
    return out


def arguments(recipe: Path, out: Path, workers: int) -> list[str]:
    return ["build", str(recipe), "--out", str(out), "--workers", str(workers)]


def work_of(out: Path) -> Path:
    return out.with_name("corpus.work")


def test_two_workers_one_of_them_killed_make_the_same_bytes(recipe: Path, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    process = processes.command(arguments(recipe, out, 2), fakes=False)
    processes.wait_until(lambda: len(processes.manifests(work_of(out))) >= 3, process, "three manifests")
    before = processes.stamps(work_of(out))
    processes.kill(processes.children(process.pid)[0])
    code, _, err = processes.finish(process)
    assert code in (0, 1), err
    after = processes.stamps(work_of(out))
    assert {name: after[name] for name in before} == before
    assert processes.digests(out, work_of(out)) == processes.digests(built, work_of(built))


def test_threads_of_one_process_make_the_same_bytes(recipe: Path, built: Path, tmp_path: Path) -> None:
    """Beam's harness threads share the back ends, and no launcher of ours set their environment."""
    out = tmp_path / "corpus"
    threads = ["--direct_running_mode=multi_threading", "--direct_num_workers=2"]
    code, _, err = processes.finish(processes.command([*arguments(recipe, out, 1), "--", *threads], fakes=False))
    assert code in (0, 1), err
    assert processes.digests(out, work_of(out)) == processes.digests(built, work_of(built))


def test_verify_finds_it_sound(built: Path) -> None:
    code, out, err = processes.finish(processes.command(["verify", str(built)], fakes=False))
    assert code == 0, err
    decoded, sound = out.splitlines()
    distance_db = re.fullmatch(r"\d+ utterances decoded: .* are ([\d.]+) dB off those of the audio \(median\)", decoded)
    assert distance_db
    assert float(distance_db[1]) < 7
    assert sound == f"{built}: sound"


def test_rows_hold_sound_alignment_measures_and_codes(built: Path) -> None:
    rows = []
    for path in sorted((built / "utterances").glob("*.arrow")):
        with pa.ipc.open_stream(path.read_bytes()) as reader:
            rows += reader.read_all().to_pylist()
    assert {row["language"] for row in rows} == {"en", "zh"}
    for row in rows:
        samples, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]))
        assert rate == 24_000
        assert 0.01 < np.abs(samples).max() < 1.0
        assert row["phones"][-1]["end_s"] == pytest.approx(row["duration_s"], abs=1e-3)
        assert row["hypothesis"]
        assert row["measures"]["dnsmos_ovrl"] is not None
        assert row["measures"]["gap"] is not None
        assert np.asarray(row["codes"]).shape == (int(np.ceil(round(row["duration_s"] * 12.5, 6))), 8)


def test_the_books_close(built: Path) -> None:
    books = json.loads((built / "manifest.json").read_text())["books"]
    for account in books.values():
        dialogues = account["dialogues"]
        assert dialogues["planned"] == 2 == dialogues["accepted"] + dialogues["rejected"]
        assert dialogues["dead"] == 0
