"""Characters as a language model works them out from their briefs: each is asked for once, and stays the same in all
its dialogues."""

import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from schemas.roleplay import Profile
from schemas.script import Character
from schemas.seeds import derive_seed
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_completion import Completion
from stages.backends.openai_dialogue import asked, one_line
from stages.backends.openai_places import Places
from stages.backends.openai_prompts import Prompts
from stages.backends.openai_question import Question
from stages.backends.openai_schema import Form
from stages.backends.protocols import Usage
from stages.backends.roleplay_rules import PHRASES, PROFILE_UNITS, unfit_profile

PROFILE_TRIES = 3
"""So many seeds a character is asked for with, one after the other, until one gives a profile: without it, none of the
character's dialogues can be written."""


@dataclass(frozen=True)
class Portrait:
    """A character worked out, and its manner of speech."""

    character: Character
    manner: str


class Profiles:
    """The portraits of characters, for many threads: who asks for one that is on its way waits for it.

    What is asked depends on the brief alone. A failure is nobody's but the asker's: the next one asks again, and finds
    the same answers where they are kept, until somebody retries. Processes that write at the same time share a
    portrait as soon as its answer is kept.
    """

    def __init__(self, client: ChatClient, prompts: Prompts, places: Places) -> None:
        self._client, self._prompts = client, prompts
        self._question = Question("profile", Profile, client, prompts)
        self._contradictions = prompts.lists("profile/contradictions")
        self._places = places
        self._lock = threading.Lock()
        self._turns: defaultdict[Character, threading.Lock] = defaultdict(threading.Lock)
        self._known: dict[Character, Portrait] = {}
        self._unclaimed: dict[Character, Usage] = {}

    def portrait(self, brief: Character) -> Portrait:
        """Raises ValueError where two answers of each of PROFILE_TRIES seeds were of no use."""
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

        sitting = _Sitting(self._client)
        question = Question("profile", Profile, sitting, self._prompts)
        messages, seed = self.messages(brief), derive_seed("profile", brief.character_id)
        for number in range(PROFILE_TRIES):
            try:
                made, _ = question.ask(brief.language, messages, seed + number, portrait)
                return made, sitting.usage
            except ValueError as error:
                problem = str(error)
        sitting.give_up()
        raise ValueError(f"{PROFILE_TRIES} tries gave no profile; the last: {problem}")


class _Sitting(ChatClient):
    """The client while one portrait is made: adds up what all its answers cost, and disowns none until `give_up`.

    After a try that came off, those before it must stay: who retries other failures would ask them anew, and might get
    another character than earlier dialogues have.
    """

    def __init__(self, client: ChatClient) -> None:
        self.model = client.model
        self.usage = Usage()
        self._client = client
        self._unfit: list[tuple[Sequence[Message], Form, int]] = []

    def ask(self, messages: Sequence[Message], form: Form, seed: int) -> Completion:
        completion = self._client.ask(messages, form, seed)
        self.usage += completion.usage
        return completion

    def disown(self, messages: Sequence[Message], form: Form, seed: int) -> None:
        self._unfit.append((messages, form, seed))

    def give_up(self) -> None:
        for messages, form, seed in self._unfit:
            self._client.disown(messages, form, seed)


def _tidied(profile: Profile) -> Profile:
    """On one line each; what is set into a sentence ends without a stop."""
    told = {name: one_line(text) for name, text in profile.model_dump().items()}
    return Profile(**{name: text.rstrip(".。;；,，") if name in PHRASES else text for name, text in told.items()})
