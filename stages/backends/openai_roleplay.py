"""Role-plays, asked for in three steps: the profile of the character, the staging of the scene, and the dialogue."""

from schemas.roleplay import PlayedDraft, Staging
from schemas.script import DialoguePlan, Language, Script
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_dialogue import asked, one_line, rules, script_of, turns_asked
from stages.backends.openai_places import Places
from stages.backends.openai_profiles import Portrait, Profiles
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_question import Question
from stages.backends.protocols import Written
from stages.backends.roleplay_rules import STAGING_UNITS, unfit_staging
from stages.backends.rules_judge import TURNS, broken_rule


class RoleplayWriter:
    """The character and the bare setting come from the plan; what makes scenes of the same setting differ, from its
    seed. A staging or a dialogue that fails twice fails this dialogue alone; without a profile, all dialogues of the
    character fail."""

    def __init__(self, writer: str, client: ChatClient, prompts: Prompts, places: Places) -> None:
        self._writer = writer
        self._profiles = Profiles(client, prompts, places)
        self._staging = Question("staging", Staging, client, prompts)
        self._dialogue = Question("roleplay", PlayedDraft, client, prompts)
        self._variety = prompts.lists("roleplay/variety")
        self._places = places

    def write(self, plan: DialoguePlan) -> Written:
        """The usage is that of staging and dialogue, and of the profile if no other dialogue has told of it."""
        portrait = self._profiles.portrait(plan.assistant)

        def staging(answer: Staging) -> Staging:
            return _staging(answer, plan)

        asked_for = self.staging_messages(plan, portrait)
        staged, staging_usage = self._staging.ask(plan.language, asked_for, plan.seed, staging)

        def script(draft: PlayedDraft) -> Script:
            setting = told(staged, plan.language)
            return script_of(plan, draft.topic, draft.turns, self._writer, setting, portrait.character)

        asked_for = self.dialogue_messages(plan, portrait, staged)
        played, usage = self._dialogue.ask(plan.language, asked_for, plan.seed, script, broken_rule)
        return Written(played, self._profiles.claim(plan.assistant) + staging_usage + usage)

    def staging_messages(self, plan: DialoguePlan, portrait: Portrait) -> list[Message]:
        """What the model is asked to stage."""
        units = {name: asked(limit[plan.language]) for name, limit in STAGING_UNITS.items()}
        return self._staging.messages(
            plan.language, setting=self._places.setting(plan), units=units, **self._told(plan, portrait)
        )

    def dialogue_messages(self, plan: DialoguePlan, portrait: Portrait, staging: Staging) -> list[Message]:
        """What the model is asked to play."""
        return self._dialogue.messages(plan.language, staging=staging, **self._told(plan, portrait))

    def _told(self, plan: DialoguePlan, portrait: Portrait) -> dict[str, object]:
        """What both steps know: who, how many turns, and what is drawn from the plan's seed."""
        return {
            "turns": turns_asked(plan, *TURNS["roleplay"]),
            "who": portrait.character,
            "world": self._places.world(plan.assistant),
            "manner": portrait.manner,
            "user": plan.user,
            **rules(plan.language),
            **draw_variety(self._variety[plan.language], plan.seed),
        }


def told(staging: Staging, language: Language) -> str:
    """The scene in words: place, time, who the user is in it, and what is at stake."""
    parts = (staging.place, staging.time, staging.user_part, staging.stake)
    stop, gap = {"en": (".", " "), "zh": ("。", "")}[language]
    return gap.join(part.rstrip(stop) + stop for part in parts)


def _staging(answer: Staging, plan: DialoguePlan) -> Staging:
    """On one line each. Raises ValueError for what cannot be played."""
    texts = {name: one_line(text) for name, text in answer.model_dump(exclude={"arc"}).items()}
    arc = tuple(step.model_copy(update={"cause": one_line(step.cause)}) for step in answer.arc)
    staging = answer.model_copy(update=texts | {"arc": arc})
    if problem := unfit_staging(staging, plan.language, turns_asked(plan, *TURNS["roleplay"])):
        raise ValueError(problem)
    return staging
