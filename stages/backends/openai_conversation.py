"""Conversations with a voice assistant, asked for in one request."""

from schemas.script import DialoguePlan, Draft, Script
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_dialogue import rules, script_of, turns_asked
from stages.backends.openai_places import Places
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_question import Question
from stages.backends.protocols import Written
from stages.backends.rules_judge import broken_rule

FEWEST_TURNS, MOST_TURNS = 4, 12
"""Turns that are asked for, back-channels apart; inside what the rules allow."""


class ConversationWriter:
    """Setting, persons and everything that makes conversations differ come from the plan."""

    def __init__(self, writer: str, client: ChatClient, prompts: Prompts, places: Places) -> None:
        self._writer = writer
        self._question = Question("conversation", Draft, client, prompts)
        self._variety = prompts.lists("conversation/variety")
        self._places = places

    def write(self, plan: DialoguePlan) -> Written:
        def script(draft: Draft) -> Script:
            return script_of(plan, draft.topic, draft.turns, self._writer, self._places.setting(plan))

        asked = self.messages(plan)
        return Written(*self._question.ask(plan.language, asked, plan.seed, script, broken_rule))

    def messages(self, plan: DialoguePlan) -> list[Message]:
        """What the model is asked for a plan: the rules, and this dialogue."""
        return self._question.messages(
            plan.language,
            turns=turns_asked(plan, FEWEST_TURNS, MOST_TURNS),
            setting=self._places.setting(plan),
            user=plan.user,
            assistant=plan.assistant,
            **rules(plan.language),
            **draw_variety(self._variety[plan.language], plan.seed),
        )
