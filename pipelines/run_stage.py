"""Running one stage over a chunk's records: batches of bounded size, and each failure on its own record."""

import logging
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pipelines.patience import within
from pipelines.stage_table import StageSource
from pipelines.trouble import explain
from schemas.errors import CostLimitError, FolderError, OutageError, RecipeError
from schemas.printable import printable
from schemas.take import Take

BATCH_RECORDS = 16
BATCH_COST = 1_000
"""A batch ends at this many records, or at this summed cost (characters of text), whichever comes first."""

CAUSE_LENGTH = 600
"""Characters kept of why a record failed."""

Record = TypeVar("Record")


@dataclass
class Outcome(Generic[Record]):
    """Results in the order of their records, and the causes of those that failed, by position."""

    results: dict[int, Any] = field(default_factory=dict)
    causes: dict[int, str] = field(default_factory=dict)


def run_stage(source: StageSource, records: Sequence[Record], costs: Sequence[int] | None = None) -> Outcome[Record]:
    """Every record once through the stage. Trouble costs only the records that meet it by themselves.

    Records are worked through from the cheapest to the costliest, which keeps padding small for batching back ends;
    by the stages' contract no result depends on its neighbours. Without costs all records are one batch.
    """
    outcome: Outcome[Record] = Outcome()
    for batch in [list(range(len(records)))] if costs is None else batches(costs):
        try:
            _enter(outcome, batch, _process(source, [records[i] for i in batch]), source.name)
        except Exception as error:
            _raise_if_common(error)
            _one_by_one(source, records, batch, outcome)
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


def _enter(outcome: Outcome[Record], batch: list[int], results: list[Any], stage_name: str) -> None:
    """Note the results of a batch; an exception in the place of a result is that record's failure."""
    for position, result in zip(batch, results, strict=True):
        if not isinstance(result, Exception):
            outcome.results[position] = result
            continue
        _raise_if_common(result)
        logging.getLogger(__name__).warning("%s: record failed", stage_name, exc_info=result)
        outcome.causes[position] = printable(" ".join(f"{type(result).__name__}: {result}".split()), CAUSE_LENGTH)


def _one_by_one(source: StageSource, records: Sequence[Record], batch: list[int], outcome: Outcome[Record]) -> None:
    for position in batch:
        try:
            results = _process(source, [records[position]])
        except Exception as error:
            results = [error]
        _enter(outcome, [position], results, source.name)


def _raise_if_common(error: Exception) -> None:
    """Trouble that is no record's own: a wrong recipe or folder, a dead endpoint, an empty purse, no memory."""
    common = RecipeError | FolderError | OutageError | CostLimitError | MemoryError
    if isinstance(error, common) or (isinstance(error, OSError) and explain(error, "") is not None):
        raise error


def _process(source: StageSource, records: Sequence[Record]) -> list[Any]:
    stage = source.stage()
    if source.patience_s is None:
        results = list(stage.process(records))
    else:
        try:
            results = within(source.patience_s, lambda: list(stage.process(records)))
        except TimeoutError:
            source.abandon()
            raise
    if len(results) != len(records):
        raise ValueError(f"{source.name} gave {len(results)} results for {len(records)} records")
    for result in results:
        if isinstance(result, Take):
            _check_finite(result)
    return results


def _check_finite(take: Take) -> None:
    wrong = [name for name, value in take.measures.as_dict().items() if value is not None and not math.isfinite(value)]
    if wrong:
        raise ValueError(f"not a finite number: {', '.join(wrong)}")
