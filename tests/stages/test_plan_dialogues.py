"""The plan: exact counts, splits that share nothing, and the same plan every time."""

from collections import Counter
from pathlib import Path

import pytest

from schemas.errors import GrammarError, RecipeError
from schemas.recipe import Recipe, load_recipe
from stages.backends.repertoire import song_ids
from stages.plan_dialogues import apportion, plan_dialogues
from tests.stages.backends.small_grammar import write_grammar, write_world


def recipe(**kind: object) -> Recipe:
    plan = {"dialogues": 50, "languages": {"en": 3, "zh": 1}, "user_voices": 20, "assistant_voices": 4} | kind
    splits = {"train": 0.8, "validation": 0.1, "test": 0.1}
    return Recipe.model_validate({"name": "plan", "seed": 9, "kinds": {"conversation": plan}, "splits": splits})


def test_counts_follow_the_language_mix_and_the_splits() -> None:
    plans = plan_dialogues(recipe())
    assert Counter(plan.language for plan in plans) == {"en": 38, "zh": 12}
    assert Counter(plan.split for plan in plans if plan.language == "zh") == {"train": 8, "validation": 2, "test": 2}
    assert len({plan.dialogue_id for plan in plans}) == len({plan.seed for plan in plans}) == 50


def test_splits_share_neither_users_nor_scenes_with_their_voice() -> None:
    owners: dict[tuple[str, ...], set[str]] = {}
    for plan in plan_dialogues(recipe(dialogues=400)):
        owners.setdefault((plan.user.character_id,), set()).add(plan.split)
        owners.setdefault((plan.language, plan.scene, plan.assistant.character_id), set()).add(plan.split)
    assert len(owners) > 100
    assert all(len(splits) == 1 for splits in owners.values())


def test_splits_of_role_play_share_no_character(tmp_path: Path) -> None:
    kind = {"dialogues": 60, "languages": {"en": 1}, "user_voices": 9, "assistant_voices": 12}
    script = {"name": "grammar", "settings": {"grammar": write_world(tmp_path)}}
    splits = {"train": 0.5, "validation": 0.25, "test": 0.25}
    data = {"name": "plan", "kinds": {"roleplay": kind}, "splits": splits, "backends": {"script": script}}
    plans = plan_dialogues(Recipe.model_validate(data))
    owners: dict[str, set[str]] = {}
    for plan in plans:
        owners.setdefault(plan.assistant.character_id, set()).add(plan.split)
    assert len(owners) == 12
    assert all(len(found) == 1 for found in owners.values())
    assert {plan.scene for plan in plans if plan.assistant.species == ""} == {"sea/deck"}
    assert {plan.scene for plan in plans if plan.assistant.species == "fox"} == {"sea/deck", "sea/hold"}
    train = [plan for plan in sorted(plans, key=lambda plan: plan.dialogue_id) if plan.split == "train"]
    assert len({plan.assistant.character_id for plan in train[:6]}) == 6


def test_kinds_share_no_user_across_splits() -> None:
    """Users have the same ids in both kinds."""
    owners: dict[str, set[str]] = {}
    kinds: dict[str, set[str]] = {}
    for plan in plan_dialogues(load_recipe(Path("workflows/demo.toml"))):
        owners.setdefault(plan.user.character_id, set()).add(plan.split)
        kinds.setdefault(plan.user.character_id, set()).add(plan.kind)
    assert all(len(splits) == 1 for splits in owners.values())
    assert sum(len(found) == 2 for found in kinds.values()) >= 10


def test_role_play_without_worlds_says_what_is_missing(tmp_path: Path) -> None:
    script = {"name": "grammar", "settings": {"grammar": write_grammar(tmp_path)}}
    kinds = {"roleplay": {"dialogues": 9, "languages": {"en": 1}}}
    data = {"name": "plan", "kinds": kinds, "backends": {"script": script}}
    with pytest.raises(GrammarError, match="holds no world, and role-play needs one for 'en'"):
        plan_dialogues(Recipe.model_validate(data))


def singing(**kind: object) -> Recipe:
    plan = {"dialogues": 60, "languages": {"zh": 1}, "user_voices": 9, "assistant_voices": 3, "songs": 12} | kind
    splits = {"train": 0.5, "validation": 0.25, "test": 0.25}
    return Recipe.model_validate({"name": "plan", "kinds": {"singing": plan}, "splits": splits})


def test_splits_of_singing_share_no_song_and_sing_each_once_before_any_twice() -> None:
    plans = plan_dialogues(singing())
    owners: dict[str, set[str]] = {}
    for plan in plans:
        owners.setdefault(plan.scene, set()).add(plan.split)
    assert set(owners) == set(song_ids("zh", 12, recipe_seed=0))
    assert all(len(splits) == 1 for splits in owners.values())
    train = [plan for plan in sorted(plans, key=lambda plan: plan.dialogue_id) if plan.split == "train"]
    assert len({plan.scene for plan in train[:6]}) == 6
    assert len({(plan.scene, plan.assistant.character_id) for plan in train[:18]}) == 18


def test_too_few_songs_for_the_splits_says_what_to_raise() -> None:
    with pytest.raises(RecipeError, match=r"kinds.singing \(zh\): songs: 2 is too few for the splits"):
        plan_dialogues(singing(songs=2))


def test_singing_without_its_grammar_says_what_is_missing(tmp_path: Path) -> None:
    script = {"name": "grammar", "settings": {"grammar": write_grammar(tmp_path)}}
    data = {"name": "plan", "kinds": {"singing": {"dialogues": 9}}, "backends": {"script": script}}
    with pytest.raises(GrammarError, match=r"singing\.toml is not there, and singing needs it for 'en'"):
        plan_dialogues(Recipe.model_validate(data))


def test_the_plan_depends_on_the_recipe_alone() -> None:
    assert plan_dialogues(recipe()) == plan_dialogues(recipe())
    other = recipe().model_copy(update={"seed": 10})
    assert [plan.scene for plan in plan_dialogues(other)] != [plan.scene for plan in plan_dialogues(recipe())]


def test_too_few_for_the_splits_says_what_to_raise() -> None:
    with pytest.raises(RecipeError, match=r"conversation \(en\): user_voices: 2 is too few for the splits"):
        plan_dialogues(recipe(user_voices=2))


def test_the_order_of_keys_in_a_recipe_decides_nothing() -> None:
    data = recipe().model_dump()
    data["splits"] = dict(reversed(data["splits"].items()))
    data["kinds"]["conversation"]["languages"] = {"zh": 1, "en": 3}
    assert plan_dialogues(Recipe.model_validate(data)) == plan_dialogues(recipe())


def test_the_demo_recipe_has_chunks_and_dialogues_enough() -> None:
    demo = load_recipe(Path("workflows/demo.toml"))
    plans = plan_dialogues(demo)
    assert len(plans) / demo.chunk_dialogues >= 20
    assert len(plans) * (1 - demo.select.max_rejected_share) >= 50
    assert {plan.language for plan in plans} == {"en", "zh"}


def test_apportion_is_exact_and_keeps_minima() -> None:
    assert apportion(10, {"a": 1.0, "b": 1.0, "c": 1.0}) == {"a": 4, "b": 3, "c": 3}
    assert apportion(3, {"a": 0.98, "b": 0.01, "c": 0.01}, minimum=1) == {"a": 1, "b": 1, "c": 1}
    with pytest.raises(ValueError, match="2 cannot be shared among 3"):
        apportion(2, {"a": 1.0, "b": 1.0, "c": 1.0}, minimum=1)
