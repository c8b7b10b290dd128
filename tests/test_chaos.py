"""A short run of `make chaos`."""

from pathlib import Path

import pytest

from tests.chaos import run


@pytest.mark.slow
def test_a_few_rounds_of_trouble_lose_nothing(tmp_path: Path) -> None:
    tally = run(seed=7, faults=3, folder=tmp_path)
    assert sum(tally.faults.values()) >= 3
    assert (tally.lost, tally.wrong) == (0, 0)
