from pathlib import Path

import pytest

from schemas.errors import GrammarError
from stages.backends.grammar_data import grammar_digest
from stages.backends.openai_places import Places
from tests.stages.backends.roleplay_plans import character, roleplay_grammar, roleplay_plan


def test_setting_and_world_are_the_grammar_s(tmp_path: Path) -> None:
    places = Places(roleplay_grammar(tmp_path))
    places.open()
    assert places.setting(roleplay_plan(0)) == "a deck at night"
    assert places.world(character(0)) == "the harbour"
    assert places.world(character(0, "zh")) == "东海渡口"
    assert places.digest == grammar_digest(str(tmp_path))


def test_what_the_grammar_does_not_have_is_an_error_that_names_it(tmp_path: Path) -> None:
    places = Places(roleplay_grammar(tmp_path))
    with pytest.raises(GrammarError, match="no scene 'sea/beach' for language 'en'"):
        places.setting(roleplay_plan(0).model_copy(update={"scene": "sea/beach"}))
    with pytest.raises(GrammarError, match="no world 'moon' for language 'zh'"):
        places.world(character(0, "zh").model_copy(update={"world": "moon"}))


def test_a_folder_that_is_no_grammar_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(GrammarError, match="is not a grammar folder"):
        Places(str(tmp_path)).open()
