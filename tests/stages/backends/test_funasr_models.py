"""What a model's own folder asks for is not done; what it lacks is an error. Loading and fingerprints of whole models
are tested with the back ends."""

from pathlib import Path

import pytest
import torch

from stages.backends.funasr_models import load_model
from tests.stages.backends.campplus_model import WEIGHTS, write_campplus


def load(folder: Path) -> None:
    load_model(str(folder), "master", "cpu", ValueError)


def test_a_configuration_does_not_get_its_code_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_campplus(tmp_path / "model")
    code = tmp_path / "sprung.py"
    code.write_text(f"open({str(tmp_path / 'trace')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    with (folder / "config.yaml").open("a") as config:
        config.write(f"trust_remote_code: true\nremote_code: {code}\n")
    load(folder)
    assert not (tmp_path / "trace").exists()


def test_weights_of_another_shape_are_an_error(tmp_path: Path) -> None:
    """funasr itself leaves them out and goes on with random ones."""
    folder = write_campplus(tmp_path / "model")
    state = torch.load(folder / WEIGHTS, weights_only=True)
    state["head.conv1.weight"] = state["head.conv1.weight"][:1]
    torch.save(state, folder / WEIGHTS)
    with pytest.raises(ValueError, match=r"its file lacks 1 of the net's weights, such as head\.conv1\.weight"):
        load(folder)
