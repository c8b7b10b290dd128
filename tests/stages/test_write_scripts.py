from collections.abc import Sequence

import pytest

from schemas.script import DialoguePlan, Script
from stages.backends.grammar_writer import GrammarWriter
from stages.write_scripts import WriteScripts
from tests.stages.scripts import plan


class ShuffledWriter(GrammarWriter):
    def write(self, plans: Sequence[DialoguePlan]) -> list[Script]:
        return super().write(plans)[::-1]


def test_one_script_a_plan_in_order() -> None:
    stage = WriteScripts(GrammarWriter())
    stage.open()
    plans = [plan(index) for index in range(5)]
    scripts = stage.process(plans)
    stage.close()
    assert [script.plan for script in scripts] == plans


def test_scripts_in_the_wrong_order_are_refused() -> None:
    stage = WriteScripts(ShuffledWriter())
    stage.open()
    with pytest.raises(ValueError, match="grammar answered plan d0 with d1"):
        stage.process([plan(0), plan(1)])
