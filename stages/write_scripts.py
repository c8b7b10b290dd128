"""Write the script of every planned dialogue."""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.script import DialoguePlan
from stages.backends.protocols import ScriptWriter, Written


@dataclass(frozen=True)
class WriteScripts:
    """One script a plan, in order; the writer owns the grammar or the model."""

    writer: ScriptWriter

    def open(self) -> None:
        self.writer.open()

    def process(self, batch: Sequence[DialoguePlan]) -> list[Written | Exception]:
        answers = self.writer.write(batch)
        return [self._checked(plan, answer) for plan, answer in zip(batch, answers, strict=True)]

    def _checked(self, plan: DialoguePlan, answer: Written | Exception) -> Written | Exception:
        if not isinstance(answer, Written | Exception):
            return TypeError(f"{self.writer.name} gave a {type(answer).__name__} for {plan.dialogue_id}, not a script")
        if isinstance(answer, Written) and answer.script.plan != plan:
            return ValueError(f"{self.writer.name} answered plan {plan.dialogue_id} with {answer.script.dialogue_id}")
        return answer

    def close(self) -> None:
        self.writer.close()
