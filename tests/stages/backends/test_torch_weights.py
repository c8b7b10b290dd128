import os
from pathlib import Path

import pytest
import torch

from stages.backends.torch_weights import file_digest, lacking, only_weights


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def test_weights_alone_are_read_within_and_the_environment_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    for before in (None, "0"):
        monkeypatch.delenv(name, raising=False) if before is None else monkeypatch.setenv(name, before)
        with only_weights():
            assert os.environ[name] == "1"
        assert os.environ.get(name) == before


def test_a_file_with_code_in_it_is_not_run(tmp_path: Path) -> None:
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "model.pt")
    with only_weights(), pytest.raises(Exception, match="weights"):
        torch.load(tmp_path / "model.pt", weights_only=False)
    assert not (tmp_path / "sprung").exists()


def test_weights_that_are_missing_or_of_another_shape_are_named() -> None:
    net = torch.nn.Linear(3, 2)
    assert lacking(net, net.state_dict()) == []
    assert lacking(net, {"weight": torch.zeros(2, 4)}) == ["weight", "bias"]


def test_the_digest_is_of_the_bytes_and_follows_a_change(tmp_path: Path) -> None:
    first, second = tmp_path / "a.pt", tmp_path / "b.pt"
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    before = file_digest(first)
    assert file_digest(second) == before
    first.write_bytes(b"others!!")
    assert file_digest(first) != before
