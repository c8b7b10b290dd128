"""What the grammar tells a language model of where a dialogue takes place."""

from schemas.errors import GrammarError
from schemas.script import Character, DialoguePlan
from stages.backends.grammar_data import grammar_digest, grammar_folder, load_grammar


class Places:
    """Settings and worlds of a grammar folder, or of the bundled one."""

    def __init__(self, grammar: str | None) -> None:
        self._folder = grammar

    @property
    def digest(self) -> str:
        return grammar_digest(self._folder)

    def open(self) -> None:
        """Raises GrammarError for a folder that holds no grammar."""
        grammar_folder(self._folder)

    def setting(self, plan: DialoguePlan) -> str:
        """Raises GrammarError for a scene that the grammar does not have."""
        _, scene = load_grammar(plan.language, self._folder, plan.kind).scene(plan.scene)
        return scene.setting

    def world(self, who: Character) -> str:
        """What people call the character's world. Raises GrammarError for one that the grammar does not have."""
        worlds = load_grammar(who.language, self._folder, "roleplay").worlds
        if who.world not in worlds:
            raise GrammarError(f"The grammar has no world '{who.world}' for language '{who.language}'.")
        return worlds[who.world].title
