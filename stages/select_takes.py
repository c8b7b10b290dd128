"""Which dialogues enter the corpus, from what was measured: no audio is opened, so cutting again is cheap."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.limits import Limits
from schemas.script import Script
from schemas.take import Measures, Verdict
from stages.judge import judge, rank

Status = Literal["accepted", "rejected", "dead", "not attempted"]
TakeFacts = dict[str, Any]
"""A take as its chunk's manifest describes it: ids, attempt, row, duration_s, bytes, frames, measures."""


@dataclass(frozen=True)
class Rejection:
    """Something that is not in the corpus: a performed take, or a written turn (then `take` is None)."""

    dialogue_id: str
    turn_index: int
    take: TakeFacts | None
    rejected_by: str
    reason: str


@dataclass(frozen=True)
class Selection:
    """What became of one planned dialogue. `chosen` has the best take of every turn, in order, if it was accepted."""

    dialogue_id: str
    status: Status
    reason: str
    chosen: tuple[TakeFacts, ...] = ()
    rejections: tuple[Rejection, ...] = ()


def select_takes(script: Script, takes: Sequence[TakeFacts], dead: Sequence[str], limits: Limits) -> Selection:
    """Accepted when every turn's best take is within the limits, dead when a back end broke on any of its takes."""
    dialogue_id = script.dialogue_id
    if dead:
        return _without(dialogue_id, "dead", "dead letter", dead[0], takes)
    verdicts = {take["take_id"]: judge_facts(take, limits) for take in takes}
    best: list[TakeFacts] = []
    for index in range(len(script.turns)):
        attempts = [take for take in takes if take["turn_index"] == index]
        best.append(min(attempts, key=lambda take: rank(verdicts[take["take_id"]], take["attempt"])))
    missed = [take for take in best if not verdicts[take["take_id"]].accepted]
    reason = "; ".join(f"turn {take['turn_index']}: {verdicts[take['take_id']].reason}" for take in missed)
    kept = set() if missed else {take["take_id"] for take in best}
    rejections = tuple(
        _rejection(take, verdicts[take["take_id"]], reason) for take in takes if take["take_id"] not in kept
    )
    if missed:
        return Selection(dialogue_id, "rejected", reason, (), rejections)
    return Selection(dialogue_id, "accepted", "", tuple(best), rejections)


def select_unperformed(script: Script, rejected_by: str, reason: str) -> Selection:
    """A script that was rejected before anything of it was performed."""
    turns = tuple(Rejection(script.dialogue_id, index, None, rejected_by, reason) for index in range(len(script.turns)))
    return Selection(script.dialogue_id, "rejected", reason, (), turns)


def _without(dialogue_id: str, status: Status, rejected_by: str, reason: str, takes: Sequence[TakeFacts]) -> Selection:
    rejections = tuple(Rejection(dialogue_id, t["turn_index"], t, rejected_by, reason) for t in takes)
    return Selection(dialogue_id, status, reason, (), rejections)


def _rejection(take: TakeFacts, verdict: Verdict, dialogue_reason: str) -> Rejection:
    if not verdict.accepted:
        by, reason = "JudgeTakes", verdict.reason
    elif dialogue_reason:
        by, reason = "dialogue", dialogue_reason
    else:
        by, reason = "attempt", "another attempt of this turn was kept"
    return Rejection(take["dialogue_id"], take["turn_index"], take, by, reason)


def judge_facts(take: TakeFacts, limits: Limits) -> Verdict:
    """The verdict on a take from its manifest alone."""
    return judge(Measures(**take["measures"]), limits.of(take["kind"], take["language"], take["manner"]))
