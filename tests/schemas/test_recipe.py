"""The recipe: defaults, hours into counts, and errors that name the nearest known key."""

from pathlib import Path

import pytest

from schemas.errors import RecipeError
from schemas.recipe import SECONDS_PER_DIALOGUE, Recipe, Service, load_recipe
from stages.backends import registry

WORKFLOWS = Path(__file__).parent.parent.parent / "workflows"
MINIMAL = 'name = "small"\n[kinds.conversation]\ndialogues = 6\n'


def load(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(path)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(RecipeError) as error:
        load(tmp_path, text)
    return str(error.value)


def test_every_default_is_filled_in(tmp_path: Path) -> None:
    recipe = load(tmp_path, MINIMAL)
    assert recipe.counts() == {"conversation": 6}
    assert recipe.splits == {"train": 0.9, "validation": 0.05, "test": 0.05}
    assert recipe.backends.speech.name == "espeak-world"
    assert recipe.perform.attempts == 3
    assert recipe.grammar is None


def test_only_singing_has_songs(tmp_path: Path) -> None:
    assert load(tmp_path, 'name = "s"\n[kinds.singing]\ndialogues = 6\nsongs = 9\n').kinds["singing"].songs == 9
    assert "kinds.conversation.songs: only 'singing' has songs; delete the line" in refusal(
        tmp_path, MINIMAL + "songs = 9\n"
    )


def test_hours_become_counts_at_the_documented_rate(tmp_path: Path) -> None:
    recipe = load(tmp_path, 'name = "h"\n[kinds.conversation]\nhours = 2.5\n')
    assert recipe.counts() == {"conversation": round(2.5 * 3600 / SECONDS_PER_DIALOGUE["conversation"])}


def test_voices_may_be_designed_at_another_address_by_whoever_designs_them(tmp_path: Path) -> None:
    text = MINIMAL + (
        '[backends]\ntranscription = "x"\nspeaker = "x"\n[backends.speech]\nname = "{}"\n'
        'settings = {{ model = "m", mode = "{}" }}\nservice = {{ design_base_url = "{}" }}\n'
    )
    recipe = load(tmp_path, text.format("openai-speech", "design", "http://designer:8092/v1"))
    assert recipe.backends.speech.service is not None
    assert recipe.backends.speech.service.design_base_url == "http://designer:8092/v1"
    assert "designer" not in str(recipe.shaping())
    wrong = "speech.service.design_base_url: only 'openai-speech' in the mode \"design\" designs voices at an endpoint"
    for name, mode in (("openai-speech", "named"), ("cosyvoice", "design")):
        assert wrong in refusal(tmp_path, text.format(name, mode, "http://designer:8092/v1"))
    said = refusal(tmp_path, text.format("openai-speech", "design", "http://designer/v1?x=1"))
    assert "'backends.speech.service.design_base_url': it must not hold '?' or '#'" in said


def test_a_back_end_is_a_name_or_a_name_with_settings(tmp_path: Path) -> None:
    text = MINIMAL + '[backends]\nscript = { name = "grammar", settings = { grammar = "mine" } }\nquality = "dnsmos"\n'
    recipe = load(tmp_path, text)
    assert recipe.grammar == "mine"
    assert recipe.backends.quality.name == "dnsmos"


def test_unknown_keys_name_their_place_and_the_nearest_key(tmp_path: Path) -> None:
    assert "Unknown key 'perform.atempts'. Did you mean 'attempts'?" in refusal(
        tmp_path, MINIMAL + "[perform]\natempts = 2\n"
    )
    assert "Unknown key 'backends.speach'. Did you mean 'speech'?" in refusal(
        tmp_path, MINIMAL + '[backends]\nspeach = "x"\n'
    )
    assert "Unknown key 'zzz'. Known keys here: name, seed" in refusal(tmp_path, "zzz = 1\n" + MINIMAL)


def test_both_or_neither_amount_is_refused(tmp_path: Path) -> None:
    for amounts in ("dialogues = 6\nhours = 1", ""):
        text = f'name = "x"\n[kinds.conversation]\n{amounts}\n'
        assert "give either dialogues or hours, and not both" in refusal(tmp_path, text)


def test_a_limit_needs_a_known_measure_and_one_bound(tmp_path: Path) -> None:
    assert "did you mean 'error_rate'?" in refusal(
        tmp_path, MINIMAL + '[[perform.limits]]\nmeasure = "eror_rate"\nmaximum = 1\n'
    )
    assert "either minimum or maximum" in refusal(tmp_path, MINIMAL + '[[perform.limits]]\nmeasure = "gap"\n')


def test_limits_are_entries_for_the_limit_table(tmp_path: Path) -> None:
    text = MINIMAL + '[[select.limits]]\nmeasure = "gap"\nstyle = "whisper"\nmaximum = 2\n'
    assert load(tmp_path, text).select.entries() == [{"measure": "gap", "style": "whisper", "maximum": 2.0}]


def test_not_toml_and_not_there(tmp_path: Path) -> None:
    assert "not valid TOML" in refusal(tmp_path, "name = ")
    with pytest.raises(RecipeError, match="cannot read the recipe: No such file"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1", "http://h:port/v1", "http://h:99999/v1", "http:///v1", "https://h/v1?key=hidden", "https://h/#hidden",
        "https://hidden@h/v1", "ftp://h/v1",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_unquoted(tmp_path: Path, address: str) -> None:
    said = refusal(tmp_path, MINIMAL + f'[backends.script]\nname = "openai"\nservice = {{ base_url = "{address}" }}\n')
    assert "'backends.script.service.base_url': " in said
    assert "hidden" not in said
    assert "port" not in said.replace("a port where needed", "")


def test_addresses_with_ports_and_paths_are_taken() -> None:
    for address in ("http://[::1]:8000/v1", "https://api.example.com", "http://localhost:1/a/b/"):
        assert Service(base_url=address).base_url == address


@pytest.mark.parametrize("setting", ["timeout_s = 1e9", "timeout_s = 0", "requests_per_minute = 0.01"])
def test_a_service_has_bounds(tmp_path: Path, setting: str) -> None:
    said = refusal(tmp_path, MINIMAL + f'[backends.script]\nname = "openai"\nservice = {{ {setting} }}\n')
    assert f"'backends.script.service.{setting.split()[0]}': Input should be " in said


@pytest.mark.parametrize("path", sorted(WORKFLOWS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_bundled_recipes_are_sound_and_name_known_back_ends(path: Path) -> None:
    recipe = load_recipe(path)
    for capability in type(recipe.backends).model_fields:
        assert registry.load(capability, getattr(recipe.backends, capability)).name
