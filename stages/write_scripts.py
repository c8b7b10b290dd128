"""Write the script of every planned dialogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.script import DialoguePlan, Script
from stages.backends.protocols import ScriptWriter


@dataclass(frozen=True)
class WriteScripts:
    """One script a plan, in order; the writer owns the grammar or the model."""

    writer: ScriptWriter

    def open(self) -> None:
        self.writer.open()

    def process(self, batch: Sequence[DialoguePlan]) -> list[Script]:
        scripts = self.writer.write(batch)
        for plan, script in zip(batch, scripts, strict=True):
            if script.plan != plan:
                raise ValueError(f"{self.writer.name} answered plan {plan.dialogue_id} with {script.dialogue_id}")
        return scripts

    def close(self) -> None:
        self.writer.close()
