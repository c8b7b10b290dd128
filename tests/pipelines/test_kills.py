"""kill -9 of a worker, the launcher, and during assembly: nothing is lost or done twice, and the bytes agree."""

import json
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data

SLOW = {"name": "fake", "settings": {"seconds_per_line": 0.1}}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 dialogues in 12 chunks, slow enough to be killed in the middle."""
    data = fake_recipe_data(chunk_dialogues=2, kinds={"conversation": {"dialogues": 24, "user_voices": 9}})
    data["backends"] = data["backends"] | {"speech": SLOW}
    return processes.write_recipe(tmp_path_factory.mktemp("recipe") / "kills.toml", data)


def arguments(recipe: Path, out: Path, workers: int = 2) -> list[str]:
    return ["build", str(recipe), "--out", str(out), "--workers", str(workers)]


@pytest.fixture(scope="module")
def undisturbed(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Digests of the build that one worker makes without any trouble."""
    out = tmp_path_factory.mktemp("undisturbed") / "corpus"
    code, _, err = processes.finish(processes.command(arguments(recipe, out, workers=1)))
    assert code == 0, err
    return processes.digests(out, work_of(out))


def work_of(out: Path) -> Path:
    return out.with_name(out.name + ".work")


def test_two_workers_make_the_same_bytes(recipe: Path, tmp_path: Path, undisturbed: dict[str, str]) -> None:
    out = tmp_path / "corpus"
    code, _, err = processes.finish(processes.command(arguments(recipe, out)))
    assert code == 0, err
    assert len([name for name in undisturbed if name.startswith("corpus/chunk-")]) == 12
    assert processes.digests(out, work_of(out)) == undisturbed


def test_a_killed_worker_is_replaced(recipe: Path, tmp_path: Path, undisturbed: dict[str, str]) -> None:
    out = tmp_path / "corpus"
    process = processes.command(arguments(recipe, out))
    processes.wait_until(lambda: len(processes.manifests(work_of(out))) >= 3, process, "three manifests")
    workers = processes.children(process.pid)
    before = processes.stamps(work_of(out))
    processes.kill(workers[0])
    code, _, err = processes.finish(process)
    assert code == 0, err
    assert len(workers) == 2
    after = processes.stamps(work_of(out))
    assert {name: after[name] for name in before} == before
    assert processes.digests(out, work_of(out)) == undisturbed


def test_workers_die_with_a_killed_launcher_and_the_build_resumes_at_once(
    recipe: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    out = tmp_path / "corpus"
    process = processes.command(arguments(recipe, out))
    processes.wait_until(lambda: len(processes.manifests(work_of(out))) >= 3, process, "three manifests")
    workers = processes.children(process.pid)
    processes.kill(process.pid)
    process.wait()
    resumed = processes.command(arguments(recipe, out))
    time.sleep(0.5)
    assert len(workers) == 2
    assert not [pid for pid in workers if processes.alive(pid)]
    before = processes.stamps(work_of(out))
    code, _, err = processes.finish(resumed)
    assert code == 0, err
    after = processes.stamps(work_of(out))
    assert len(before) >= 6
    assert {name: after[name] for name in before} == before
    assert processes.digests(out, work_of(out)) == undisturbed


def test_a_kill_during_assembly_leaves_only_whole_shards(
    recipe: Path, tmp_path: Path, undisturbed: dict[str, str]
) -> None:
    out = tmp_path / "corpus"
    process = processes.command(arguments(recipe, out))
    processes.wait_until(lambda: list(out.glob("*/*.arrow")), process, "the first shard")
    processes.kill(process.pid)
    process.wait()
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    for shard in out.glob("*/*.arrow"):
        with pa.ipc.open_stream(shard.read_bytes()) as reader:
            reader.read_all()
    before = processes.stamps(work_of(out))
    code, _, err = processes.finish(processes.command(arguments(recipe, out)))
    assert code == 0, err
    assert processes.stamps(work_of(out)) == before
    assert processes.digests(out, work_of(out)) == undisturbed
    assert not list(out.rglob("*.tmp"))


def test_a_kill_while_cutting_again_leaves_no_corpus_that_says_it_is_complete(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    assert processes.finish(processes.command(arguments(recipe, out)))[0] == 0
    strict = tmp_path / "strict.toml"
    strict.write_text(recipe.read_text() + '\nselect = {limits = [{measure = "dnsmos_ovrl", minimum = 4.5}]}\n')
    process = processes.command(arguments(strict, out))
    processes.wait_until(lambda: not (out / "dialogues" / "test-00000-of-00001.arrow").exists(), process, "the recut")
    processes.kill(process.pid)
    process.wait()
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    code, _, err = processes.finish(processes.command(arguments(strict, out)))
    assert code == 1
    assert "100.0% of the dialogues were rejected" in err


def test_a_second_build_into_the_same_folder_is_refused(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "corpus"
    first = processes.command(arguments(recipe, out))
    processes.wait_until(lambda: processes.manifests(work_of(out)), first, "a manifest")
    code, _, err = processes.finish(processes.command(arguments(recipe, out)))
    assert code == 2
    assert "another build is using this folder" in err
    assert processes.finish(first)[0] == 0
