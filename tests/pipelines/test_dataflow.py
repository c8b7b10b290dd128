"""Dataflow without Dataflow: the very job that a launch would submit is drawn offline and looked at."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.dataflow", reason="needs pip install 'troupe[gcp]'")

from apache_beam.options.pipeline_options import SetupOptions
from apache_beam.runners.dataflow.internal.apiclient import DataflowApplicationClient, Job

from pipelines.flex_template import GRAPHS, launch, parser
from pipelines.runners import check_options, unknown_options
from schemas.errors import FolderError, RecipeError
from schemas.recipe import Recipe
from tests import fakes
from tests.chat_server import ChatServer
from tests.pipelines import processes
from tests.pipelines.conftest import fake_recipe_data
from tests.pipelines.memory_filesystem import MemoryFileSystem, stored

DATAFLOW = processes.ROOT / "workflows" / "dataflow"
IMAGE = "europe-west4-docker.pkg.dev/some-project/troupe/troupe:1"
PLACE = [
    "--project=some-project",
    "--region=europe-west4",
    "--temp_location=gs://some-bucket/temp",
    "--staging_location=gs://some-bucket/staging",
    f"--sdk_container_image={IMAGE}",
    "--dry_run=true",
    "--no_auth",
]
FREEZE = "submission_environment_dependencies.txt"
"""A list of the launcher's packages that Beam stages for the log."""
FOLDERS = ["--out=memory://a/corpus", "--work=memory://a/work"]
Launch = Callable[..., Any]


def options_of(name: str) -> list[str]:
    """An options file as the shell reads it in `-- $(cat FILE)`."""
    return (DATAFLOW / name).read_text().split()


@pytest.fixture
def launch_phase(tmp_path: Path) -> Iterator[Launch]:
    """Launches a phase of a small recipe in memory, on the in-memory runner unless told otherwise."""
    MemoryFileSystem.stored.clear()
    recipe = processes.write_recipe(tmp_path / "recipe.toml", fake_recipe_data())
    MemoryFileSystem.stored["memory://a/recipe.toml"] = recipe.read_bytes()

    def run(phase: str, *options: str) -> Any:
        return launch(["--recipe=memory://a/recipe.toml", *FOLDERS, f"--phase={phase}", *options])

    yield run
    MemoryFileSystem.stored.clear()


class OfflineClient(DataflowApplicationClient):  # type: ignore[misc]
    """Keeps what it would upload."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.options, job.root_staging_location)
        self.staged: dict[str, bytes] = {}

    def stage_file(self, folder: str, name: str, stream: Any, *_: Any, **__: Any) -> None:
        self.staged[name] = stream.read()


def described(job: Job) -> tuple[dict[str, Any], OfflineClient]:
    """The JSON of the request that would create the job."""
    client = OfflineClient(job)
    client.create_job_description(job)
    return json.loads(str(job)), client


def steps_by_hints(job: Job) -> dict[bool, set[str]]:
    """Names of the leaf steps that workers run, by whether they carry resource hints."""
    components = job.proto_pipeline.components
    steps: dict[bool, set[str]] = {True: set(), False: set()}
    for transform in components.transforms.values():
        if transform.environment_id and not transform.subtransforms:
            steps[bool(components.environments[transform.environment_id].resource_hints)].add(transform.unique_name)
    return steps


@pytest.fixture
def ready_to_perform(launch_phase: Launch) -> Launch:
    """The same, after write and duplicates."""
    launch_phase("write")
    launch_phase("duplicates")
    return launch_phase


@pytest.mark.parametrize(
    ("file", "threads", "disk_gb", "workers", "hints"),
    [
        ("cpu.options", 1, 50, 50, {}),
        (
            "gpu.options",
            2,
            100,
            20,
            {
                "beam:resources:min_ram_bytes:v1": b"24000000000",
                "beam:resources:accelerator:v1": (
                    b"type:nvidia-l4;count:1;machine_type:g2-standard-8;install-nvidia-driver"
                ),
            },
        ),
    ],
)
def test_the_perform_job_has_the_options_of_its_file(
    ready_to_perform: Launch, file: str, threads: int, disk_gb: int, workers: int, hints: dict[str, bytes]
) -> None:
    job = ready_to_perform("perform", *options_of(file), *PLACE).job
    request, client = described(job)
    (pool,) = request["environment"]["workerPools"]
    assert {image["containerImage"] for image in pool["sdkHarnessContainerImages"]} == {IMAGE}
    assert pool["machineType"] == "n2-standard-4"
    assert pool["diskSizeGb"] == disk_gb
    assert pool["numThreadsPerWorker"] == threads
    assert pool["autoscalingSettings"]["maxNumWorkers"] == workers
    # No main session and no SDK: all that workers need is in the image.
    assert [package["name"] for package in pool["packages"]] == [FREEZE]
    assert set(client.staged) == {FREEZE, "pipeline.pb"}
    assert job.options.view_as(SetupOptions).save_main_session is False
    several = "no_use_multiple_sdk_containers" not in request["environment"]["experiments"]
    assert several == (file == "cpu.options")
    environments = job.proto_pipeline.components.environments.values()
    assert [dict(e.resource_hints) for e in environments if e.resource_hints] == ([hints] if hints else [])


def test_hints_are_on_the_perform_composite_and_only_there(ready_to_perform: Launch) -> None:
    steps = steps_by_hints(ready_to_perform("perform", *options_of("gpu.options"), *PLACE).job)
    assert {"Perform/ReadScripts", "Perform/SynthesizeSpeech 0", "Perform/WriteChunk"} <= steps[True]
    assert all(name.startswith("Perform/") for name in steps[True])
    assert {name.split("/")[0] for name in steps[False]} == {"Chunks", "Reshuffle"}


def test_the_perform_job_is_create_reshuffle_perform(ready_to_perform: Launch) -> None:
    proto = ready_to_perform("perform", *options_of("cpu.options"), *PLACE).job.proto_pipeline
    (root,) = proto.root_transform_ids
    steps = [proto.components.transforms[step].unique_name for step in proto.components.transforms[root].subtransforms]
    assert steps == ["Chunks", "Reshuffle", "Perform"]


@pytest.mark.parametrize(
    ("phase", "steps"),
    [
        ("write", {"WriteScripts", "JudgeScripts", "WriteScriptChunk"}),
        ("duplicates", {"Signatures", "SameBand", "WriteDuplicates"}),
        ("assemble", {"WriteShard", "AllWritten", "Finish"}),
    ],
)
def test_other_jobs_carry_no_hints(launch_phase: Launch, phase: str, steps: set[str]) -> None:
    for before in GRAPHS[: GRAPHS.index(phase)]:  # type: ignore[arg-type]
        launch_phase(before)
    job = launch_phase(phase, *options_of("gpu.options"), *PLACE).job
    request, _ = described(job)
    assert request["environment"]["workerPools"][0]["machineType"] == "n2-standard-4"
    assert steps_by_hints(job)[True] == set()
    assert steps <= {transform.unique_name for transform in job.proto_pipeline.components.transforms.values()}


def test_four_launches_make_the_corpus_of_one_build(launch_phase: Launch, build: Any) -> None:
    for phase in GRAPHS:
        assert launch_phase(phase) is not None
    build(out="memory://b/corpus", work="memory://b/work")
    assert stored("memory://a/corpus") == stored("memory://b/corpus")
    assert launch_phase("perform") is None  # nothing is left
    assert stored("memory://a/corpus") == stored("memory://b/corpus")


def test_a_phase_before_its_turn_is_refused(launch_phase: Launch) -> None:
    with pytest.raises(FolderError, match=r"the write graph has not finished, and perform needs .* --phase=write"):
        launch_phase("perform")
    launch_phase("write")
    with pytest.raises(FolderError, match="the duplicates graph has not finished"):
        launch_phase("perform")


def test_what_the_cost_limit_left_out_is_left_out_of_the_later_graphs(
    launch_phase: Launch, build: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notes of what was not attempted stay until the write graph is launched again."""
    monkeypatch.setenv("TEST_KEY", "sk-test-0123456789abcdef")
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
    with ChatServer() as server:
        service = {"base_url": server.url, "key_variable": "TEST_KEY", "concurrency": 1} | prices
        script = {"name": "openai", "settings": {"model": "m", "max_tokens": 200}, "service": service}
        data = fake_recipe_data(chunk_dialogues=2, backends=fakes.BACKENDS | {"script": script})
        build(Recipe.model_validate(data), out="memory://b/whole", work="memory://b/whole.work")
        data["run"] = {"max_cost_usd": 0.9 * server.usd}
        recipe = processes.write_recipe(tmp_path / "dear.toml", data)
        MemoryFileSystem.stored["memory://a/recipe.toml"] = recipe.read_bytes()
        for phase in GRAPHS:
            assert launch_phase(phase) is not None
        launched = stored("memory://a/corpus")
        notes = [name for name in stored("memory://a/work") if name.startswith("not-attempted-")]
        asked = server.counts["requests"]
        MemoryFileSystem.stored[f"memory://a/work/{notes[0]}"] = b""
        with pytest.raises(FolderError, match=rf"{notes[0]}: empty.*; launch --phase=write again"):
            launch_phase("assemble")
        MemoryFileSystem.stored.pop(f"memory://a/work/{notes[0]}")
        with pytest.raises(FolderError, match="the write graph has not finished"):
            launch_phase("assemble")
        build(Recipe.model_validate(data), out="memory://b/corpus", work="memory://b/work")
        assert launch_phase("write") is not None  # it tries again
        assert server.counts["requests"] > asked
    books = json.loads(launched["manifest.json"])["books"]
    assert sum(account["dialogues"]["not attempted"] for account in books.values()) == 2 * len(notes) > 0
    assert launched == stored("memory://b/corpus")


def test_an_option_of_a_newer_launcher_does_not_stop_it(launch_phase: Launch) -> None:
    assert launch_phase("write", "--option_of_tomorrow=1") is not None


def test_a_local_folder_is_refused_before_anything_is_paid_for(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="Dataflow's workers cannot see this folder"):
        check_options([*options_of("cpu.options"), *PLACE], [str(tmp_path)])


def test_option_files_survive_the_shell_and_hold_no_unknown_option() -> None:
    for name in ("cpu.options", "gpu.options"):
        lines = (DATAFLOW / name).read_text().splitlines()
        assert options_of(name) == lines
        assert [shlex.split(line.replace(";", r"\;")) for line in lines] == [[line] for line in lines]
        assert unknown_options(lines) == []
        assert "--no_save_main_session" in lines


def test_the_metadata_names_what_the_launcher_takes() -> None:
    metadata = json.loads((DATAFLOW / "metadata.json").read_text())
    named = {parameter["name"]: parameter for parameter in metadata["parameters"]}
    own = {action.dest: action for action in parser()._actions if action.dest != "help"}
    assert list(own) == ["recipe", "out", "work", "phase"]
    assert all(not named[name].get("isOptional", False) and action.required for name, action in own.items())
    assert unknown_options([f"--{name}=1" for name in named if name not in own]) == []
    assert all(parameter["label"] and parameter["helpText"] and parameter["regexes"] for parameter in named.values())


@pytest.mark.parametrize(
    ("name", "fit", "unfit"),
    [
        ("recipe", "gs://bucket/a/recipe.toml", "recipe.toml"),
        ("out", "gs://bucket/corpus", "gs://bucket/*"),
        ("work", "gs://bucket/corpus.work", "/tmp/work"),
        ("phase", "duplicates", "all"),
        ("sdk_container_image", IMAGE, "an image"),
        ("number_of_worker_harness_threads", "2", "0"),
        ("perform_min_ram", "24GB", "24"),
        ("perform_cpu_count", "8", "many"),
        (
            "perform_accelerator",
            "type:nvidia-l4;count:1;machine_type:g2-standard-8;install-nvidia-driver",
            "nvidia-l4",
        ),
    ],
)
def test_the_metadata_lets_through_what_fits(name: str, fit: str, unfit: str) -> None:
    metadata = json.loads((DATAFLOW / "metadata.json").read_text())
    (parameter,) = [parameter for parameter in metadata["parameters"] if parameter["name"] == name]
    (pattern,) = parameter["regexes"]
    assert re.fullmatch(pattern, fit)
    assert not re.fullmatch(pattern, unfit)


def test_all_phases_are_in_the_metadata() -> None:
    assert f"^({'|'.join(GRAPHS)})$" in (DATAFLOW / "metadata.json").read_text()


def test_the_image_has_the_beam_and_python_of_the_lock() -> None:
    dockerfile = (DATAFLOW / "Dockerfile").read_text()
    (beam,) = re.findall(r"^apache-beam==(.*)$", (processes.ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert re.findall(r"^FROM apache/beam_python(.*)_sdk:(.*)$", dockerfile, re.MULTILINE) == [("3.11", beam)]
    assert "python311-template-launcher" in dockerfile


def test_the_image_takes_all_that_the_package_needs() -> None:
    """What the build context leaves out would be missing in the image only."""
    context = (DATAFLOW / "Dockerfile.dockerignore").read_text()
    project = (processes.ROOT / "pyproject.toml").read_text()
    (rooms,) = re.findall(r"^include = \[(.*)\]$", project, re.MULTILINE)
    for name in [*re.findall(r'"(\w+)\*"', rooms), "pyproject.toml", "README.md", "LICENSE", "requirements.lock"]:
        assert f"\n!{name}\n" in context


def test_the_commands_of_the_readme_have_no_option_that_beam_does_not_know() -> None:
    text = (DATAFLOW / "README.md").read_text().replace("\\\n", " ")
    after = [line.split(" -- ", 1)[1] for line in text.splitlines() if line.startswith("troupe build")]
    options = [word for line in after for word in line.split() if word.startswith("--")]
    options += re.findall(r"--\S+", re.findall(r'PLACE="(.*)"', text)[0])
    assert {"--runner=FlinkRunner", "--runner=SparkRunner", "--runner=PortableRunner"} <= set(options)
    assert unknown_options(options) == []
