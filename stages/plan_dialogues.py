"""Recipe -> what each dialogue will be about and who speaks: decided before anything is written.

Splits never share what they are cut by. For conversation the pairs (scene, assistant voice) are dealt out to the
splits, for role-play the characters, for singing the songs, and so are the user voices; a dialogue then draws from its
own split's pairs and voices.
"""

from collections.abc import Callable
from functools import lru_cache
from itertools import zip_longest
from typing import TypeVar

import numpy as np

from schemas.errors import RecipeError
from schemas.recipe import KindPlan, Recipe
from schemas.script import Character, DialoguePlan, Kind, Language
from schemas.seeds import derive_seed, generator
from stages.backends.grammar_cast import Role, cast
from stages.backends.grammar_data import load_grammar, scenes
from stages.backends.grammar_people import characters
from stages.backends.repertoire import song_ids

Key = TypeVar("Key", bound=str)
Item = TypeVar("Item")
Pair = tuple[str, Character]
"""A scene and an assistant."""
_PLANNED = set(DialoguePlan.model_fields)


def plan_dialogues(recipe: Recipe) -> list[DialoguePlan]:
    """The whole plan, in corpus order: ids and order depend on the recipe alone.

    Raises RecipeError where a kind has too few dialogues, scenes or voices for its languages and splits.
    """
    plans: list[DialoguePlan] = []
    for kind, count in sorted(recipe.counts().items()):
        kind_plan = recipe.kinds[kind]
        for language, share in apportion(count, kind_plan.languages).items():
            plans += _plan_language(recipe, kind, kind_plan, language, share)
    order = generator(recipe.seed, "plan order").permutation(len(plans))
    return [plans[i] for i in order]


def apportion(total: int, weights: dict[Key, float], minimum: int = 0) -> dict[Key, int]:
    """Whole numbers in proportion to the weights, adding up to `total` (largest remainder), none below `minimum`.

    Keys come back sorted: the order in which a recipe names them decides nothing.
    Raises ValueError if `total` cannot hold the minimum of all.
    """
    if total < minimum * len(weights):
        raise ValueError(f"{total} cannot be shared among {len(weights)} with at least {minimum} each")
    whole = sum(weights.values())
    spare = total - minimum * len(weights)
    exact = {key: spare * weight / whole for key, weight in weights.items()}
    counts = {key: int(value) for key, value in exact.items()}
    by_remainder = sorted(weights, key=lambda key: (counts[key] - exact[key], key))
    for key in by_remainder[: spare - sum(counts.values())]:
        counts[key] += 1
    return {key: minimum + counts[key] for key in sorted(counts)}


def _plan_language(
    recipe: Recipe, kind: Kind, kind_plan: KindPlan, language: Language, count: int
) -> list[DialoguePlan]:
    counts = _deal(recipe, count, f"kinds.{kind} ({language}): dialogues")
    split_users = _split_users(recipe, kind, kind_plan, language)
    split_pairs = _PAIRS[kind](recipe, kind_plan, language)
    return [
        _plan_one(recipe, kind, language, split, number, split_pairs[split], split_users[split])
        for split, size in counts.items()
        for number in range(size)
    ]


def _split_users(recipe: Recipe, kind: Kind, kind_plan: KindPlan, language: Language) -> dict[str, list[Character]]:
    """The users of a kind by split. Kinds share users, who are dealt out once for all of them."""
    sizes = _deal(recipe, kind_plan.user_voices, f"kinds.{kind} ({language}): user_voices")
    most = max(plan.user_voices for plan in recipe.kinds.values() if language in plan.languages)
    users = characters(language, "user", most, recipe.grammar)
    parts = _partition(recipe, users, f"users {language}", f"kinds ({language}): user_voices")
    return {split: part[: sizes[split]] for split, part in parts.items()}


def _conversation_pairs(recipe: Recipe, kind_plan: KindPlan, language: Language) -> dict[str, list[Pair]]:
    """Every scene with every assistant voice."""
    assistants = characters(language, "assistant", kind_plan.assistant_voices, recipe.grammar)
    pairs = [(scene, assistant) for scene in scenes(language, recipe.grammar) for assistant in assistants]
    where = f"kinds.conversation ({language}): scenes × assistant_voices"
    return _partition(recipe, pairs, f"pairs conversation {language}", where)


def _roleplay_pairs(recipe: Recipe, kind_plan: KindPlan, language: Language) -> dict[str, list[Pair]]:
    """Every character in the scenes that suit it: each character once, then each in its second scene, and so on."""
    roles = cast(language, kind_plan.assistant_voices, recipe.grammar)
    where = f"kinds.roleplay ({language}): assistant_voices"
    parts = _partition(recipe, roles, f"characters roleplay {language}", where)
    return {split: _in_turn(recipe, part) for split, part in parts.items()}


def _in_turn(recipe: Recipe, roles: list[Role]) -> list[Pair]:
    shuffled: list[list[Pair]] = []
    for role in roles:
        order = generator(recipe.seed, "scenes", role.character.character_id).permutation(len(role.scenes))
        shuffled.append([(role.scenes[place], role.character) for place in order])
    return [pair for turn in zip_longest(*shuffled) for pair in turn if pair is not None]


def _singing_pairs(recipe: Recipe, kind_plan: KindPlan, language: Language) -> dict[str, list[Pair]]:
    """Every song with every assistant voice: each song once, then each with its second singer, and so on."""
    assistants = characters(language, "assistant", kind_plan.assistant_voices, recipe.grammar)
    load_grammar(language, recipe.grammar, "singing")  # a folder without singing is an error now, not at each dialogue
    songs = song_ids(language, kind_plan.songs, recipe.seed)
    parts = _partition(recipe, songs, f"songs singing {language}", f"kinds.singing ({language}): songs")
    singers = {song: _singers(recipe, song, assistants) for song in songs}
    return {
        split: [(song, singers[song][turn]) for turn in range(len(assistants)) for song in part]
        for split, part in parts.items()
    }


def _singers(recipe: Recipe, song: str, assistants: list[Character]) -> list[Character]:
    return [assistants[place] for place in generator(recipe.seed, "singers", song).permutation(len(assistants))]


_PAIRS: dict[Kind, Callable[[Recipe, KindPlan, Language], dict[str, list[Pair]]]] = {
    "conversation": _conversation_pairs,
    "roleplay": _roleplay_pairs,
    "singing": _singing_pairs,
}
"""The scenes and assistants of a kind, dealt out to the splits by what they are cut by."""


def _plan_one(
    recipe: Recipe,
    kind: Kind,
    language: Language,
    split: str,
    number: int,
    pairs: list[tuple[str, Character]],
    users: list[Character],
) -> DialoguePlan:
    dialogue_id = f"{kind}-{language}-{split}-{number:06d}"
    scene, assistant = pairs[number % len(pairs)]
    # Each pass over the users is shuffled afresh, so that pairs and users do not march in step.
    deal, place = divmod(number, len(users))
    user = users[_order(recipe.seed, f"{kind} {language} {split}", deal, len(users))[place]]
    # A million plans are held in memory at once: built so, each takes 0.5 kB instead of 1.3.
    return DialoguePlan.model_construct(
        _PLANNED,
        dialogue_id=dialogue_id,
        kind=kind,
        language=language,
        split=split,
        scene=scene,
        user=user,
        assistant=assistant,
        seed=derive_seed(recipe.seed, dialogue_id),
    )


@lru_cache(maxsize=1)
def _order(seed: int, dealt: str, deal: int, users: int) -> list[int]:
    """The order of the users in one pass over them."""
    order: list[int] = generator(seed, "users", *dealt.split(), deal).permutation(users).tolist()
    return order


def _deal(recipe: Recipe, total: int, what: str) -> dict[str, int]:
    """`total` shared among the splits, at least one each."""
    try:
        return apportion(total, recipe.splits, minimum=1)
    except ValueError as error:
        remedy = f"raise it to at least {len(recipe.splits)}, or name fewer splits"
        raise RecipeError(f"{what}: {total} is too few for the splits {', '.join(recipe.splits)}: {remedy}.") from error


def _partition(recipe: Recipe, items: list[Item], shuffle: str, what: str) -> dict[str, list[Item]]:
    """The items dealt out to the splits in proportion, after a shuffle that depends on the recipe's seed and a name."""
    order: list[int] = np.asarray(generator(recipe.seed, "partition", shuffle).permutation(len(items))).tolist()
    parts: dict[str, list[Item]] = {}
    for split, size in _deal(recipe, len(items), what).items():
        parts[split] = [items[i] for i in order[:size]]
        order = order[size:]
    return parts
