from collections.abc import Sequence

from schemas.script import DialoguePlan
from stages.backends.grammar_writer import GrammarWriter
from stages.backends.protocols import Written
from stages.write_scripts import WriteScripts
from tests.stages.scripts import plan


class ShuffledWriter(GrammarWriter):
    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]:
        return super().write(plans)[::-1]


def test_one_script_a_plan_in_order() -> None:
    stage = WriteScripts(GrammarWriter())
    stage.open()
    plans = [plan(index) for index in range(5)]
    answers = stage.process(plans)
    stage.close()
    assert [answer.script.plan for answer in answers if isinstance(answer, Written)] == plans


def test_scripts_in_the_wrong_order_fail_one_by_one() -> None:
    stage = WriteScripts(ShuffledWriter())
    stage.open()
    causes = [str(answer) for answer in stage.process([plan(0), plan(1)])]
    assert causes == ["grammar answered plan d0 with d1", "grammar answered plan d1 with d0"]
