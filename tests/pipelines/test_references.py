from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.references import FileReferences
from pipelines.verify_work import verify_work
from pipelines.work_folder import claim
from schemas.recipe import BackendChoice, Service
from tests.pipelines.memory_filesystem import MemoryFileSystem
from tests.stages.backends.test_voice_sides import person

CHOICE = BackendChoice(name="openai-speech", settings={"model": "m", "mode": "design"})
HEARD: Any = (5_000 * np.sin(np.arange(24_000) / 20)).astype(np.int16)


@pytest.fixture(params=["disk", "memory"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    MemoryFileSystem.stored.clear()
    return str(tmp_path) if request.param == "disk" else "memory://work"


def test_the_first_reference_of_a_character_is_kept_for_all(work: str) -> None:
    one, other = FileReferences(work, CHOICE, "f"), FileReferences(work, CHOICE, "f")
    assert one.find(person("en-u001")) is None
    np.testing.assert_array_equal(one.keep(person("en-u001"), HEARD), HEARD)
    np.testing.assert_array_equal(other.keep(person("en-u001"), HEARD[:100]), HEARD)
    found = other.find(person("en-u001"))
    assert found is not None
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, HEARD)
    assert other.find(person("en-u002")) is None


def test_another_back_end_has_other_voices_and_another_address_the_same(work: str) -> None:
    FileReferences(work, CHOICE, "f").keep(person("en-u001"), HEARD)
    elsewhere = CHOICE.model_copy(update={"service": Service(base_url="http://127.0.0.1:9")})
    assert FileReferences(work, elsewhere, "f").find(person("en-u001")) is not None
    reread = CHOICE.model_copy(update={"settings": {"mode": "design", "model": "m"}})
    assert FileReferences(work, reread, "f").find(person("en-u001")) is not None
    other = CHOICE.model_copy(update={"settings": {"model": "n"}})
    assert FileReferences(work, other, "f").find(person("en-u001")) is None
    assert FileReferences(work, CHOICE, "g").find(person("en-u001")) is None


def test_a_damaged_one_is_said_and_heard_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references = FileReferences(str(tmp_path), CHOICE, "f")
    references.keep(person("en-u001"), HEARD)
    (path,) = (tmp_path / "voices").iterdir()
    path.write_bytes(path.read_bytes()[:-50])
    assert [fault for fault in verify_work(str(tmp_path), lambda rows: None) if str(path) in fault]
    assert references.find(person("en-u001")) is None
    assert f"damaged: {path}" in capsys.readouterr().err
    np.testing.assert_array_equal(references.keep(person("en-u001"), HEARD[:99]), HEARD[:99])


def test_a_phase_that_is_done_again_has_new_voices(tmp_path: Path) -> None:
    references = FileReferences(str(tmp_path), CHOICE, "f")
    references.keep(person("en-u001"), HEARD)
    claim(str(tmp_path), "perform", {"code": "1"}, None)
    assert references.find(person("en-u001")) is not None
    claim(str(tmp_path), "perform", {"code": "2"}, "perform")
    assert references.find(person("en-u001")) is None
