"""A small corpus of all three kinds on the fake back ends, for the tests of `troupe export`."""

from pathlib import Path
from typing import Any

import pytest

from pipelines.stage_table import close_stages
from schemas.script import DialoguePlan, Script, Turn
from stages.backends import registry
from tests import fakes
from tests.pipelines.conftest import build_into, fake_recipe

LANGUAGES = {"en": 1, "zh": 1}
WORDS = {
    "en": ("Of course [laugh] it is.", "mm", "And then?", "That is [sigh] all."),
    "zh": ("当然，[laugh]是的。", "嗯", "然后呢？", "就是，[sigh]这些。"),
}

REJECTED = "conversation-zh-test-000000"
"""Its last turn has a tag in the middle of a phrase."""


class TalkativeWriter(fakes.FakeWriter):
    """What the fake writer writes, and one question more; the first answer has a tag that the fake voice cannot
    perform, and a back-channel lies under it."""

    def _script(self, plan: DialoguePlan) -> Script:
        script = super()._script(plan)
        first, murmur, question, last = WORDS[plan.language]
        if plan.dialogue_id == REJECTED:
            last = last.replace("，[", "[")
        between = {"en": ". ", "zh": "。"}[plan.language]
        answer = script.turns[1].model_copy(update={"text": f"{script.turns[1].text}{between}{first}"})
        turns = [
            script.turns[0],
            answer,
            *script.turns[2:],
            Turn(role="user", text=murmur, intent="backchannel", overlap="backchannel", pause_before_s=0.0),
            Turn(role="user", text=question, intent="ask", overlap="interrupts"),
            Turn(role="assistant", text=last, intent="answer", pause_before_s=0.5),
        ]
        return script.model_copy(update={"turns": tuple(turns)})


def build_corpus(folder: Path) -> Path:
    """The corpus folder: conversation, role-play and singing, English and Mandarin, two splits."""
    kind: dict[str, Any] = {"dialogues": 4, "languages": LANGUAGES, "user_voices": 6, "assistant_voices": 4}
    recipe = fake_recipe(
        kinds={"conversation": kind, "roleplay": kind, "singing": kind | {"songs": 9}},
        splits={"train": 0.5, "test": 0.5},
        perform=fake_recipe().perform.model_dump() | {"surroundings_share": 0.5},
        select={"max_rejected_share": 1.0},
    )
    with pytest.MonkeyPatch.context() as patch:
        fakes.install(patch)
        patch.setitem(registry.BACKENDS, ("script", "fake"), "tests.trainer.export_corpora:TalkativeWriter")
        close_stages()
        build_into(folder, recipe)
        close_stages()
    return folder / "corpus"
