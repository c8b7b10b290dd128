"""Scripts from a language model behind any OpenAI-compatible endpoint."""

import hashlib
from collections.abc import Sequence

from schemas.recipe import Service
from schemas.script import EMOTIONS, LANGUAGES, STYLES, DialoguePlan, Draft, Language, Pace, Script, Turn, WrittenTurn
from schemas.seeds import generator
from stages.backends.grammar_data import grammar_digest, load_grammar
from stages.backends.grammar_records import Grammar
from stages.backends.openai_chat import ChatClient, Message
from stages.backends.openai_completion import Completion
from stages.backends.openai_prompts import Prompts, draw_variety
from stages.backends.openai_replies import ask_twice, read_reply
from stages.backends.openai_schema import form_of
from stages.backends.protocols import Answers, Written
from stages.backends.rules_judge import MAX_UNITS, broken_rule

PACES: tuple[Pace, ...] = ("slow", "normal", "fast")
FEWEST_TURNS, MOST_TURNS = 4, 12
"""Turns that are asked for, back-channels apart; inside what the rules allow."""

ASKED_SHARE = 0.75
"""Longest turn that is asked for, as a share of what the rules allow: language models count badly."""

TOPIC_CHARACTERS, INTENT_CHARACTERS = 80, 40


class OpenAIWriter:
    """ScriptWriter over chat completions. Setting, persons and everything that makes scripts differ come from the plan.

    An answer that cannot be read, or breaks a rule, is asked for once more, quoting what is wrong with it. A second
    answer that cannot be read fails this plan alone; one that breaks a rule is left to the judge.
    """

    name = "openai"

    def __init__(
        self,
        model: str,
        temperature: float = 1.0,
        max_tokens: int = 4096,
        grammar: str | None = None,
        *,
        service: Service,
    ) -> None:
        self._folder = grammar
        self._prompts = Prompts("writer")
        self._form = form_of(Draft)
        self._client = ChatClient(model, temperature, max_tokens, service)
        self._grammars: dict[Language, Grammar] = {}
        self._variety: dict[Language, dict[str, list[str]]] = {}

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(f"{self._prompts.digest}{grammar_digest(self._folder)}".encode()).hexdigest()

    def use(self, answers: Answers) -> None:
        self._client.use(answers)

    def open(self) -> None:
        self._prompts.open()
        self._variety = self._prompts.lists()
        self._grammars = {language: load_grammar(language, self._folder) for language in LANGUAGES}
        self._client.open()

    def close(self) -> None:
        self._client.close()

    def probe(self) -> None:
        self._client.probe()

    def write(self, plans: Sequence[DialoguePlan]) -> list[Written | Exception]:
        """One script a plan, in order. Raises OutageError and CostLimitError for the whole batch."""
        return self._client.each(self._write_one, plans)

    def messages(self, plan: DialoguePlan) -> list[Message]:
        """What the model is asked for a plan: the rules, and this dialogue."""
        system = self._prompts.render(
            plan.language,
            "system",
            emotions=EMOTIONS,
            styles=STYLES,
            paces=PACES,
            max_units=round(MAX_UNITS[plan.language] * ASKED_SHARE),
        )
        _, scene = self._grammars[plan.language].scene(plan.scene)
        turns = int(generator("turns", plan.seed).integers(FEWEST_TURNS, MOST_TURNS + 1))
        request = self._prompts.render(
            plan.language,
            "conversation",
            turns=turns,
            setting=scene.setting,
            user=plan.user,
            assistant=plan.assistant,
            **draw_variety(self._variety[plan.language], plan.seed),
        )
        return [{"role": "system", "content": system}, {"role": "user", "content": request}]

    def _write_one(self, plan: DialoguePlan) -> Written:
        def read(completion: Completion) -> Script:
            return self._script(plan, completion)

        def mend(problem: str) -> str:
            return self._prompts.render(plan.language, "mend", problem=problem)

        messages = self.messages(plan)
        try:
            return Written(*ask_twice(self._client, messages, self._form, plan.seed, read, mend, broken_rule))
        except ValueError as error:
            raise ValueError(f"two answers of {self._client.model} cannot be read; the second: {error}") from None

    def _script(self, plan: DialoguePlan, completion: Completion) -> Script:
        """Raises ValueError for an answer that is no dialogue."""
        draft = read_reply(completion, Draft)
        topic = _line(draft.topic)[:TOPIC_CHARACTERS]
        turns = tuple(_turn(written) for written in draft.turns)
        return Script(plan=plan, topic=topic, turns=turns, writer=f"{self.name}/{self._client.model}")


def _turn(written: WrittenTurn) -> Turn:
    tidy = {
        "text": _line(written.text),
        "intent": _line(written.intent)[:INTENT_CHARACTERS],
        "pause_before_s": written.pause_before_s if written.overlap == "none" else 0.0,
    }
    return Turn(**(written.model_dump() | tidy))


def _line(text: str) -> str:
    return " ".join(text.split())
