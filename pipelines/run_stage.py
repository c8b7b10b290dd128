"""Running one stage over a chunk's records: batches of bounded size, and each failure on its own record."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pipelines.stage_table import Stage
from pipelines.trouble import explain
from schemas.errors import RecipeError
from schemas.take import Take

BATCH_RECORDS = 16
BATCH_COST = 1_000
"""A batch ends at this many records, or at this summed cost (characters of text), whichever comes first."""

Record = TypeVar("Record")


@dataclass
class Outcome(Generic[Record]):
    """Results in the order of their records, and the causes of those that failed, by position."""

    results: dict[int, Any] = field(default_factory=dict)
    causes: dict[int, str] = field(default_factory=dict)


def run_stage(stage: Stage, records: Sequence[Record], costs: Sequence[int]) -> Outcome[Record]:
    """Every record once through the stage. An exception costs only the records that raise it by themselves.

    Records are worked through from the cheapest to the costliest, which keeps padding small for batching back ends;
    by the stages' contract no result depends on its neighbours.
    """
    outcome: Outcome[Record] = Outcome()
    for batch in batches(costs):
        try:
            results = _process(stage, [records[i] for i in batch])
            outcome.results.update(zip(batch, results, strict=True))
        except Exception as error:
            _raise_if_common(error)
            _one_by_one(stage, records, batch, outcome)
    return outcome


def batches(costs: Sequence[int]) -> Iterator[list[int]]:
    """Positions sorted by cost, cut into batches of at most BATCH_RECORDS and BATCH_COST; one record may exceed it."""
    batch: list[int] = []
    spent = 0
    for position in sorted(range(len(costs)), key=lambda i: (costs[i], i)):
        if batch and (len(batch) == BATCH_RECORDS or spent + costs[position] > BATCH_COST):
            yield batch
            batch, spent = [], 0
        batch.append(position)
        spent += costs[position]
    if batch:
        yield batch


def _one_by_one(stage: Stage, records: Sequence[Record], batch: list[int], outcome: Outcome[Record]) -> None:
    for position in batch:
        try:
            outcome.results[position] = _process(stage, [records[position]])[0]
        except Exception as error:
            _raise_if_common(error)
            logging.getLogger(__name__).warning("%s: record failed", type(stage).__name__, exc_info=error)
            outcome.causes[position] = f"{type(error).__name__}: {error}"


def _raise_if_common(error: Exception) -> None:
    """Trouble that is no record's own: a wrong recipe, a full disk, no memory. It stops the run."""
    if isinstance(error, RecipeError | MemoryError) or (isinstance(error, OSError) and explain(error, "") is not None):
        raise error


def _process(stage: Stage, records: Sequence[Record]) -> list[Any]:
    results = list(stage.process(records))
    if len(results) != len(records):
        raise ValueError(f"{type(stage).__name__} gave {len(results)} results for {len(records)} records")
    for result in results:
        if isinstance(result, Take):
            _check_finite(result)
    return results


def _check_finite(take: Take) -> None:
    wrong = [name for name, value in take.measures.as_dict().items() if value is not None and not math.isfinite(value)]
    if wrong:
        raise ValueError(f"not a finite number: {', '.join(wrong)}")
