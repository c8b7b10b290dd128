"""Characters as a language model works them out from their briefs: each is asked for once, and stays the same in all
its dialogues."""

import threading
from collections import defaultdict
from dataclasses import dataclass

from schemas.roleplay import Profile
from schemas.script import Character
from schemas.seeds import derive_seed
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_dialogue import asked, one_line
from stages.backends.openai_places import Places
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_question import Question
from stages.backends.protocols import Usage
from stages.backends.roleplay_rules import PHRASES, PROFILE_UNITS, unfit_profile


@dataclass(frozen=True)
class Portrait:
    """A character worked out, and its manner of speech."""

    character: Character
    manner: str


class Profiles:
    """The portraits of characters, for many threads: who asks for one that is on its way waits for it.

    What is asked depends on the brief alone. A failure is nobody's but the asker's: the next one asks again. Processes
    that write at the same time share a portrait as soon as its answer is kept.
    """

    def __init__(self, client: ChatClient, prompts: Prompts, places: Places) -> None:
        self._question = Question("profile", Profile, client, prompts)
        self._contradictions = prompts.lists("profile/contradictions")
        self._places = places
        self._lock = threading.Lock()
        self._turns: defaultdict[Character, threading.Lock] = defaultdict(threading.Lock)
        self._known: dict[Character, Portrait] = {}
        self._unclaimed: dict[Character, Usage] = {}

    def portrait(self, brief: Character) -> Portrait:
        """Raises ValueError where two answers were of no use."""
        with self._lock:
            turn = self._turns[brief]
        with turn:
            if brief not in self._known:
                self._known[brief], self._unclaimed[brief] = self._ask(brief)
            return self._known[brief]

    def claim(self, brief: Character) -> Usage:
        """What the portrait cost, told once: several dialogues share it, and their costs are summed."""
        return self._unclaimed.pop(brief, Usage())

    def messages(self, brief: Character) -> list[Message]:
        units = {name: asked(limit[brief.language]) for name, limit in PROFILE_UNITS.items()}
        return self._question.messages(brief.language, who=brief, world=self._places.world(brief), units=units)

    def _ask(self, brief: Character) -> tuple[Portrait, Usage]:
        def portrait(profile: Profile) -> Portrait:
            tidy = _tidied(profile)
            if problem := unfit_profile(tidy, brief, self._contradictions[brief.language]):
                raise ValueError(problem)
            told = tidy.model_dump(exclude={"manner"})
            return Portrait(brief.model_copy(update=told), tidy.manner)

        seed = derive_seed("profile", brief.character_id)
        return self._question.ask(brief.language, self.messages(brief), seed, portrait)


def _tidied(profile: Profile) -> Profile:
    """On one line each; what is set into a sentence ends without a stop."""
    told = {name: one_line(text) for name, text in profile.model_dump().items()}
    return Profile(**{name: text.rstrip(".。;；,，") if name in PHRASES else text for name, text in told.items()})
