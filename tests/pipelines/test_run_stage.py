"""Batches of bounded size, and failures that cost only their own record."""

from collections.abc import Sequence

from pipelines.run_stage import BATCH_COST, BATCH_RECORDS, batches, run_stage


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


class Forgetful(Doubler):
    def process(self, batch: Sequence[int]) -> list[int]:
        return list(batch)[:-1]


def test_a_failure_costs_its_own_record_only() -> None:
    outcome = run_stage(Doubler(), [1, 13, 3], [5, 5, 5])
    assert outcome.results == {0: 2, 2: 6}
    assert outcome.causes == {1: "ValueError: unlucky"}


def test_a_stage_that_loses_a_record_is_caught() -> None:
    outcome = run_stage(Forgetful(), [1, 2], [1, 1])
    assert outcome.results == {}
    assert outcome.causes[0] == "ValueError: Forgetful gave 0 results for 1 records"


def test_batches_are_sorted_by_cost_and_bounded() -> None:
    costs = [900, 10, BATCH_COST * 2, 200, *[1] * BATCH_RECORDS]
    cut = list(batches(costs))
    assert sorted(position for batch in cut for position in batch) == list(range(len(costs)))
    assert all(len(batch) <= BATCH_RECORDS for batch in cut)
    assert all(len(batch) == 1 or sum(costs[i] for i in batch) <= BATCH_COST for batch in cut)
    assert cut[-1] == [2]


def test_no_records_no_batches() -> None:
    assert list(batches([])) == []
