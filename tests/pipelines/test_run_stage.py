"""Batches of bounded size, and failures that cost only their own record."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pipelines.run_stage import BATCH_COST, BATCH_RECORDS, batches, run_stage
from pipelines.stage_table import StageSource
from schemas.errors import CostLimitError, OutageError, RecipeError
from tests.pipelines.conftest import fake_recipe


class Doubler:
    """Doubles numbers; 13 is unlucky, alone or in a batch."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def open(self) -> None: ...

    def close(self) -> None: ...

    def process(self, batch: Sequence[int]) -> list[int]:
        self.seen.append(list(batch))
        if 13 in batch:
            raise ValueError("unlucky")
        return [2 * number for number in batch]


class Seat(StageSource):
    """Serves a stage made by the test; counts how often it was abandoned."""

    def __init__(self, make: Callable[[], Any], patience_s: float | None = 5.0) -> None:
        super().__init__("WriteScripts", fake_recipe(), "")
        self.make = make
        self.served = make()
        self.abandoned = 0
        self.limit_s = patience_s

    def stage(self) -> Any:
        return self.served

    def abandon(self) -> None:
        self.abandoned += 1
        self.served = self.make()

    @property
    def patience_s(self) -> float | None:
        return self.limit_s


class Forgetful(Doubler):
    def process(self, batch: Sequence[int]) -> list[int]:
        return list(batch)[:-1]


def test_a_failure_costs_its_own_record_only() -> None:
    outcome = run_stage(Seat(Doubler), [1, 13, 3], [5, 5, 5])
    assert outcome.results == {0: 2, 2: 6}
    assert outcome.causes == {1: "ValueError: unlucky"}


def test_a_stage_that_loses_a_record_is_caught() -> None:
    outcome = run_stage(Seat(Forgetful), [1, 2], [1, 1])
    assert outcome.results == {}
    assert outcome.causes[0] == "ValueError: WriteScripts gave 0 results for 1 records"


class Sleeper(Doubler):
    """Does not come back from 13."""

    def process(self, batch: Sequence[int]) -> list[int]:
        if 13 in batch:
            time.sleep(60)
        return [2 * number for number in batch]


class Sorter(Doubler):
    """Knows by itself which records it cannot do."""

    def process(self, batch: Sequence[int]) -> list[Any]:
        self.seen.append(list(batch))
        return [ValueError("un\nlucky") if number == 13 else 2 * number for number in batch]


def test_a_hang_costs_its_own_record_only_and_the_stage_is_not_used_again() -> None:
    seat = Seat(Sleeper, patience_s=0.2)
    outcome = run_stage(seat, [1, 13, 3], [5, 5, 5])
    assert outcome.results == {0: 2, 2: 6}
    assert outcome.causes == {1: "TimeoutError: no answer within 0.2 s"}
    assert seat.abandoned == 2


def test_an_exception_in_the_place_of_a_result_is_not_asked_for_again() -> None:
    seat = Seat(Sorter)
    outcome = run_stage(seat, [1, 13, 3])
    assert outcome.results == {0: 2, 2: 6}
    assert outcome.causes == {1: "ValueError: un lucky"}
    assert seat.served.seen == [[1, 13, 3]]


@pytest.mark.parametrize("trouble", [OutageError("gone"), CostLimitError("spent"), RecipeError("wrong"), MemoryError()])
def test_trouble_that_is_no_records_own_stops_the_run(trouble: Exception) -> None:
    class Broken(Doubler):
        def process(self, batch: Sequence[int]) -> list[Any]:
            return [2 * number if number < 3 else trouble for number in batch]

    with pytest.raises(type(trouble)):
        run_stage(Seat(Broken), [1, 3])


def test_batches_are_sorted_by_cost_and_bounded() -> None:
    costs = [900, 10, BATCH_COST * 2, 200, *[1] * BATCH_RECORDS]
    cut = list(batches(costs))
    assert sorted(position for batch in cut for position in batch) == list(range(len(costs)))
    assert all(len(batch) <= BATCH_RECORDS for batch in cut)
    assert all(len(batch) == 1 or sum(costs[i] for i in batch) <= BATCH_COST for batch in cut)
    assert cut[-1] == [2]


def test_no_records_no_batches() -> None:
    assert list(batches([])) == []
