"""Devices, precisions and batches of the production back ends."""

import pytest
import torch

from schemas.errors import RecipeError
from stages.backends.torch_placement import Placement, batches, elsewhere


def test_a_processor_computes_in_full_precision() -> None:
    assert Placement("cpu").resolved() == (torch.device("cpu"), torch.float32)
    assert Placement("cpu", "bfloat16").resolved() == (torch.device("cpu"), torch.bfloat16)


@pytest.mark.parametrize(
    ("device", "dtype", "message"),
    [("cuda:99", "auto", "'cuda:99' is not here"), ("gpu", "auto", "is no device"), ("cpu", "int8", "dtype: 'int8'")],
)
def test_what_is_not_here_is_named(device: str, dtype: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Placement(device, dtype).resolved()


def test_batches_hold_like_lengths_within_the_budget() -> None:
    assert list(batches([1.0, 9.0, 1.5, 4.0, 30.0], 10.0)) == [[4], [1], [3, 2], [0]]
    assert list(batches([2.0, 1.0], 0.0)) == [[0], [1]]
    assert list(batches([], 10.0)) == []


def test_another_machine_has_its_own_device_and_precision() -> None:
    settings = {"model": "here", "device": "cuda:1", "dtype": "float16", "num_codebooks": 8}
    assert elsewhere(settings) == {"model": "here", "num_codebooks": 8}
