"""Judge every script before it is performed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.script import Script
from stages.backends.protocols import ScriptJudge, ScriptVerdict
from stages.backends.rules_judge import broken_rule


@dataclass(frozen=True)
class JudgeScripts:
    """One verdict a script, in order: the offline rules first, then, for scripts that keep them, `judge`."""

    judge: ScriptJudge

    def open(self) -> None:
        self.judge.open()

    def process(self, batch: Sequence[Script]) -> Iterator[ScriptVerdict | Exception]:
        broken = [broken_rule(script) for script in batch]
        sound = [script for script, reason in zip(batch, broken, strict=True) if reason is None]
        verdicts = iter(self.judge.judge(sound))
        for reason in broken:
            yield _checked(next(verdicts)) if reason is None else ScriptVerdict(reason)

    def close(self) -> None:
        self.judge.close()


def _checked(verdict: ScriptVerdict | Exception) -> ScriptVerdict | Exception:
    if not isinstance(verdict, ScriptVerdict | Exception):
        return TypeError(f"the judge gave a {type(verdict).__name__}, not a verdict")
    if isinstance(verdict, ScriptVerdict) and verdict.score is not None and not 0 <= verdict.score <= 1:
        return ValueError(f"the judge gave the score {verdict.score}, outside 0 to 1")
    return verdict
