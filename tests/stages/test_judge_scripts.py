"""JudgeScripts: rules first, then the judge; answers that are no verdicts are caught."""

from collections.abc import Sequence
from typing import Any

from schemas.script import Script
from stages.backends.protocols import ScriptVerdict
from stages.backends.rules_judge import RulesJudge
from stages.judge_scripts import JudgeScripts
from tests.stages.scripts import script, turn

GOOD = script(turn("user", "Can you help me?"), turn("assistant", "Of course I can."))
SHORT = script(turn("user", "Can you help me?"))


class FixedJudge(RulesJudge):
    """Gives the same answer to every script, and remembers what it was asked."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Script] = []

    def judge(self, scripts: Sequence[Script]) -> list[Any]:
        self.asked += scripts
        return [self.answer for _ in scripts]


def test_a_script_that_breaks_a_rule_costs_no_question() -> None:
    judge = FixedJudge(ScriptVerdict("judge: dull", 0.2))
    verdicts = list(JudgeScripts(judge).process([GOOD, SHORT]))
    assert verdicts == [ScriptVerdict("judge: dull", 0.2), ScriptVerdict("turns: 1 turns, wanted 2 to 20")]
    assert judge.asked == [GOOD]


def test_one_failure_is_that_scripts_own() -> None:
    failure = ValueError("no idea")
    assert list(JudgeScripts(FixedJudge(failure)).process([GOOD])) == [failure]


def test_what_is_no_verdict_is_a_failure() -> None:
    answers = [*JudgeScripts(FixedJudge(None)).process([GOOD])]
    answers += JudgeScripts(FixedJudge(ScriptVerdict(None, float("nan")))).process([GOOD])
    causes = [str(answer) for answer in answers]
    assert causes == ["the judge gave a NoneType, not a verdict", "the judge gave the score nan, outside 0 to 1"]
