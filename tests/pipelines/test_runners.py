"""The same bytes on whatever runs the graphs and wherever files lie, and one paragraph for options that cannot be."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.runner import PipelineResult, PipelineRunner, PipelineState

from pipelines.command_line import main
from pipelines.manifests import Manifest
from pipelines.runners import check_options, perform_hints, run_graph, watching
from pipelines.trouble import disk_errors
from schemas.errors import RecipeError
from tests import fakes
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data
from tests.pipelines.memory_filesystem import MemoryFileSystem, stored
from tests.pipelines.test_dead_letters import FAULTED

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return processes.write_recipe(tmp_path_factory.mktemp("recipe") / "runners.toml", fake_recipe_data())


@pytest.fixture(scope="module")
def plain(recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus of a plain local build, with its work folder beside it."""
    out = tmp_path_factory.mktemp("plain") / "corpus"
    code, _, err = processes.finish(processes.command(["build", str(recipe), "--out", str(out), "--workers", "1"]))
    assert code == 0, err
    return out


def digests(out: Path) -> dict[str, str]:
    return processes.digests(out, out.with_name(out.name + ".work"))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--runner=FnApiRunner", "--direct_running_mode=in_memory"],
        ["--direct_running_mode=multi_threading", "--direct_num_workers=2"],
    ],
)
def test_threads_make_the_same_bytes(recipe: Path, plain: Path, tmp_path: Path, options: list[str]) -> None:
    assert main(["build", str(recipe), "--out", str(tmp_path / "corpus"), "--", *options]) == 0
    assert len(digests(plain)) == 3 + 3 + 6  # script chunks, take chunks, two tables of three splits
    assert digests(tmp_path / "corpus") == digests(plain)


@pytest.mark.slow
def test_beams_own_processes_make_the_same_bytes(recipe: Path, plain: Path, tmp_path: Path) -> None:
    options = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    build = ["build", str(recipe), "--out", str(tmp_path / "corpus"), "--", *options]
    code, _, err = processes.finish(processes.command(build), PATIENCE_S)
    assert code == 0, err
    assert digests(tmp_path / "corpus") == digests(plain)


@contextmanager
def job_service(folder: Path, **pool: Any) -> Iterator[list[str]]:
    """Beam's Python job service and a pool of workers, processes of their own: the options that lead there.

    Keywords go to the process of the pool.
    """
    port, pool_port = free_port(), free_port()
    service = start("portability.local_job_service_main", f"--port={port}", f"--staging_dir={folder}/staged")
    workers = start("worker.worker_pool_main", f"--service_port={pool_port}", **pool)
    try:
        processes.wait_until(lambda: listening(port), service, "the job service listened")
        processes.wait_until(lambda: listening(pool_port), workers, "the worker pool listened")
        yield [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{port}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{pool_port}",
        ]
    finally:
        for process in (service, workers):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def start(module: str, *arguments: str, **options: Any) -> subprocess.Popen[str]:
    """A server of Beam's in a process group of its own, so that what it starts is killed with it."""
    return subprocess.Popen(
        [sys.executable, "-m", f"apache_beam.runners.{module}", *arguments],
        env=processes.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        **options,
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def build_there(recipe: Path, out: Path, options: list[str]) -> tuple[int, str, str]:
    """Return code, stdout and stderr of a build on a job service, killed where Beam hangs."""
    process = processes.command(["build", str(recipe), "--out", str(out), "--", *options])
    try:
        return processes.finish(process, PATIENCE_S)
    finally:
        process.kill()


@pytest.mark.slow
def test_a_job_service_with_a_worker_pool_makes_the_same_bytes(recipe: Path, plain: Path, tmp_path: Path) -> None:
    with job_service(tmp_path) as options:
        code, _, err = build_there(recipe, tmp_path / "corpus", [*options, "--perform_min_ram=2GB"])
    assert code == 0, err
    assert "12/12" in err  # the bar saw what another process had made
    assert digests(tmp_path / "corpus") == digests(plain)


@pytest.mark.slow
def test_a_full_disk_of_a_far_worker_is_one_paragraph(recipe: Path, plain: Path, tmp_path: Path) -> None:
    """A file size limit on the pool stands in for the full disk; what was finished is gone on with."""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    out = tmp_path / "corpus"
    with job_service(tmp_path, preexec_fn=small_files) as options:
        code, _, err = build_there(recipe, out, options)
    assert code == 2, err
    (said,) = [line for line in err.splitlines() if line.startswith("troupe:")]
    assert "the file would pass the size limit" in said
    assert main(["build", str(recipe), "--out", str(out), "--workers", "0"]) == 0
    assert digests(out) == digests(plain)


def refuse(value: int) -> None:
    raise RecipeError(f"limits: there are {value} of them.")


@pytest.mark.parametrize("options", [(), ("--direct_running_mode=multi_threading", "--direct_num_workers=2")])
def test_our_own_errors_come_out_of_beam_again(options: tuple[str, ...]) -> None:
    with pytest.raises(RecipeError, match=r"^limits: there are 3 of them\.$"), disk_errors("work"):
        run_graph(lambda pipeline: pipeline | beam.Create([3]) | beam.Map(refuse), options)


class IdleRunner(PipelineRunner):  # type: ignore[misc]
    """Says that it is done, and does nothing."""

    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        result = PipelineResult(PipelineState.DONE)
        result.wait_until_finish = lambda duration=None: PipelineState.DONE
        return result


class BrokenRunner(PipelineRunner):  # type: ignore[misc]
    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        raise OSError("first line\nno route to the cluster")


class CancelledRunner(PipelineRunner):  # type: ignore[misc]
    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        result = PipelineResult(PipelineState.CANCELLED)
        result.wait_until_finish = lambda duration=None: None
        return result


class EndlessRunner(PipelineRunner):  # type: ignore[misc]
    """Runs until it is interrupted, or cancelled."""

    cancelled = False

    def run_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        result = PipelineResult(PipelineState.RUNNING)
        result.wait_until_finish = self.interrupted
        result.cancel = self.cancel
        return result

    def interrupted(self) -> None:
        raise KeyboardInterrupt

    def cancel(self) -> None:
        type(self).cancelled = True


def test_an_interrupted_build_cancels_its_job(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EndlessRunner, "cancelled", False)
    options = [f"--runner={__name__}.EndlessRunner"]
    assert main(["build", str(recipe), "--out", str(tmp_path / "corpus"), "--", *options]) == 130
    assert EndlessRunner.cancelled
    assert "troupe: interrupted" in capsys.readouterr().err


HANGS = {
    "write": {"script": {"conversation-en-train-000001": "hang"}},
    "perform": {"speech": {"conversation-en-train-000001-t01-a0": "hang"}},
}


@pytest.mark.parametrize(
    ("phase", "options"), [("write", ["--workers", "1"]), ("perform", ["--", "--runner=FnApiRunner"])]
)
def test_ctrl_c_in_the_middle_of_a_graph_is_one_line(
    recipe: Path, plain: Path, tmp_path: Path, phase: str, options: list[str]
) -> None:
    """Beam makes a crash of an interrupt inside a step: the real thing, where a back end hangs. Then gone on with."""
    faults, out = tmp_path / "faults.json", tmp_path / "corpus"
    faults.write_text(json.dumps({name: {} for name in FAULTED} | HANGS[phase]))
    process = processes.command(["build", str(recipe), "--out", str(out), *options], env={fakes.FAULTS: str(faults)})
    work, first = out.with_name("corpus.work"), {"write": "scripts-*.json", "perform": "chunk-*.json"}[phase]
    processes.wait_until(lambda: list(work.glob(first)), process, f"the first chunk of {phase}")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    code, _, err = processes.finish(process, PATIENCE_S)
    assert code == 130, err
    said = [line for line in err.splitlines() if line and not line.startswith(tuple(f"{bar}:" for bar in HANGS))]
    assert said == ["troupe: interrupted; finished chunks are kept: go on with the same command, less any --restart."]
    assert main(["build", str(recipe), "--out", str(out), "--workers", "0"]) == 0
    assert digests(out) == digests(plain)


@pytest.mark.parametrize(
    ("runner", "words"),
    [
        ("IdleRunner", "The graph ended without 3 chunks, the first of them "),
        ("BrokenRunner", "The Beam runner stopped: OSError: no route to the cluster"),
        ("CancelledRunner", "The Beam runner ended the run as CANCELLED"),
    ],
)
def test_a_runner_that_fails_is_one_paragraph(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], runner: str, words: str
) -> None:
    options = [f"--runner={__name__}.{runner}"]
    assert main(["build", str(recipe), "--out", str(tmp_path / "corpus"), "--", *options]) == 2
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("troupe:")]
    assert words in said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--runer=FlinkRunner"], "Beam has no option --runer. Did you mean --runner?"),
        (["--direct_num_worker", "2"], "Beam has no option --direct_num_worker. Did you mean --direct_num_workers?"),
        (["FlinkRunner"], "Beam has no option FlinkRunner."),
        (["--runner=FlinkRuner"], "--runner=FlinkRuner: Unexpected pipeline runner: FlinkRuner"),
        (["--runner=no.such.Runner"], "--runner=no.such.Runner: No module named 'no'"),
        (["--direct_num_workers=two"], "argument --direct_num_workers: invalid int value: 'two'"),
        (["--perform_min_ram=much"], "Resource hint min_ram has invalid value much."),
        (["--runner=DataflowRunner"], "Dataflow's workers cannot see this folder"),
    ],
)
def test_options_that_beam_would_pass_over_are_refused(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    assert main(["build", str(recipe), "--out", str(tmp_path / "corpus"), "--", *options]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_options_that_a_runner_misses_are_named() -> None:
    with pytest.raises(RecipeError, match="Missing required option: project"):
        check_options(["--runner=DataflowRunner", "--region=europe-west4", "--dry_run=true"], ["gs://bucket/corpus"])


def test_only_build_takes_beam_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["verify", "corpus", "--", "--runner=FlinkRunner"])
    assert "only build takes Beam options after --" in capsys.readouterr().err


def test_hints_are_those_that_were_given() -> None:
    assert perform_hints(["--perform_cpu_count=4", "--direct_num_workers=2"]) == {"cpu_count": "4"}
    assert perform_hints([]) == {}


def test_watching_goes_on_after_a_look_that_failed() -> None:
    looks: list[int] = []
    third = threading.Event()

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            third.set()
        if len(looks) == 2:
            raise OSError("the bucket does not answer")

    with watching(look):
        assert third.wait(30)
    assert looks[:3] == [0, 1, 2]


@pytest.fixture
def memory() -> Iterator[dict[str, bytes]]:
    MemoryFileSystem.stored.clear()
    yield MemoryFileSystem.stored
    MemoryFileSystem.stored.clear()


def test_all_files_may_lie_where_only_beam_reaches(
    recipe: Path, plain: Path, tmp_path: Path, memory: dict[str, bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    """Build, the look at it, resume and verify, from a recipe in memory to a corpus in memory."""
    memory["memory://in/recipe.toml"] = recipe.read_bytes()
    build = ["build", "memory://in/recipe.toml", "--out", "memory://a/corpus", "--work", "memory://a/b/work"]
    assert main([*build, "--workers", "0"]) == 0
    printed = capsys.readouterr().out
    assert "conversation en dialogues" in printed
    assert '"dialogue_id": "conversation-' in printed
    made = {n: d for n, d in stored("memory://a/corpus").items() | stored("memory://a/b/work").items()}
    local = {p.relative_to(f).as_posix(): p.read_bytes() for f in folders(plain) for p in f.rglob("*") if p.is_file()}
    ours = {name for name in local if name.endswith((".arrow", ".jsonl", ".md", ".wav"))}
    assert len(ours) == 3 + 3 + 6 + 1 + 2  # and the card, and two dialogues to listen to
    assert {name: made[name] for name in ours} == {name: local[name] for name in ours}
    assert not [name for name in memory if name.endswith(".tmp")]
    assert not list(tmp_path.iterdir())

    before = {name: id(data) for name, data in memory.items() if name.endswith((".arrow", ".jsonl"))}
    assert main([*build, "--workers", "0"]) == 0
    assert {name: id(memory[name]) for name in before} == before
    assert main(["verify", "memory://a/corpus"]) == 0
    assert "memory://a/corpus: sound" in capsys.readouterr().out


def folders(out: Path) -> list[Path]:
    return [out, out.with_name(out.name + ".work")]


def test_a_lost_chunk_in_memory_is_done_again(memory: dict[str, bytes], build: Any) -> None:
    places = {"out": "memory://a/corpus", "work": "memory://a/work"}
    whole: Manifest = build(**places)
    chunk = memory.pop("memory://a/work/chunk-00001.arrow")
    assert build(**places) == whole
    assert memory["memory://a/work/chunk-00001.arrow"] == chunk


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("memory://in/none.toml", "memory://in/none.toml: cannot read the recipe: there is no such file."),
        ("memory://in/large.toml", "1,000,001 bytes are no recipe"),
        ("memory://in/wrong.toml", "memory://in/wrong.toml: Unknown key 'sede'. Did you mean 'seed'?"),
        ("nowhere://in/recipe.toml", "nowhere://in/recipe.toml: cannot read the recipe:"),
    ],
)
def test_a_far_recipe_that_cannot_be_read_is_named(
    memory: dict[str, bytes], capsys: pytest.CaptureFixture[str], path: str, words: str
) -> None:
    memory["memory://in/large.toml"] = b" " * 1_000_001
    memory["memory://in/wrong.toml"] = b'name = "x"\nsede = 1\nkinds = {conversation = {dialogues = 3}}\n'
    assert main(["build", path, "--out", "memory://a/corpus"]) == 2
    assert words in capsys.readouterr().err
