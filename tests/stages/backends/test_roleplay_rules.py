import pytest

from schemas.roleplay import ArcStep, Profile, Staging
from schemas.script import LANGUAGES, Age, Gender, Language
from stages.backends.openai_prompts import Prompts
from stages.backends.roleplay_rules import PROFILE_UNITS, STAGING_UNITS, unfit_profile, unfit_staging
from tests.stages.backends.roleplay_plans import character

CONTRADICTIONS = Prompts("writer").lists("profile/contradictions")
PROFILES: dict[Language, Profile] = {
    "en": Profile(
        name="Captain Wren",
        identity="the master of a two-masted coaster",
        personality="bold, fair and deaf to advice",
        temperament="windblown cheer",
        timbre="bright and carrying",
        background="Wren ran off to sea. Now she wants a crew that stays.",
        relation="The user is her newest hand.",
        manner="Talks of people as of ships. Calls everyone mate.",
    ),
    "zh": Profile(
        name="任船长",
        identity="一条旧货船的主人",
        personality="豪爽公道，就是听不进劝",
        temperament="风风火火",
        timbre="清亮，传得远",
        background="她小时候偷跑上船。如今只想要一班不散的人。",
        relation="用户是她新收的水手。",
        manner="说人像说船，管谁都叫伙计。",
    ),
}
STAGING = Staging(
    place="the fore deck, a coil of wet rope",
    time="midnight, no moon",
    stake="The user wants off the ship. The captain would lose the only one who can read.",
    user_part="a clerk who signed on by mistake",
    user_calls="captain",
    character_calls="mate",
    arc=(ArcStep(emotion="happy", cause="the wind turns"), ArcStep(emotion="sad", cause="the clerk asks to leave")),
)
BRIEFS = {language: character(2, language) for language in LANGUAGES}  # a young woman


def profile_problem(language: Language, age: Age = "youth", gender: Gender = "female", **changes: str) -> str | None:
    brief = BRIEFS[language].model_copy(update={"age": age, "gender": gender})
    return unfit_profile(PROFILES[language].model_copy(update=changes), brief, CONTRADICTIONS[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_profile_that_fits(language: Language) -> None:
    assert profile_problem(language) is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "name: says nothing"),
        ({"name": " … "}, "name: says nothing"),
        ({"name": "one two three four five six"}, "name: has 6 words or characters, limit 5"),
        ({"relation": ""}, "relation: says nothing"),
        ({"background": "她小时候偷跑上船"}, "background: is not in 'en': '她小时候偷跑上船'"),
        ({"manner": "Says [laugh] a lot"}, "manner: holds '[laugh]', which is mark-up"),
        ({"timbre": "bright; carrying"}, "timbre: wanted a phrase without ';'"),
        ({"identity": "a captain: the best"}, "identity: wanted a phrase without ':'"),
    ],
)
def test_texts_of_a_profile(changes: dict[str, str], problem: str) -> None:
    assert profile_problem("en", **changes) == problem


@pytest.mark.parametrize(
    ("language", "age", "gender", "identity", "found"),
    [
        ("en", "child", "female", "a Retired captain", "'retired' does not fit a character that is child"),
        ("en", "elderly", "male", "a schoolboy at sea", "'schoolboy' does not fit a character that is elderly"),
        ("en", "youth", "female", "a gentleman of fortune", "'gentleman' does not fit a character that is female"),
        ("en", "youth", "female", "a gentleman's only daughter", None),
        ("en", "youth", "female", "the gentleman’s only daughter", None),
        ("en", "child", "female", "a collector of retiredly things", None),
        ("zh", "child", "female", "退休的船长", None),
        ("zh", "child", "female", "刚退休，还住在船上", "'退休' does not fit a character that is child"),
        ("zh", "child", "female", "老太太的孙女", None),
        ("zh", "elderly", "male", "码头上的小伙子", "'小伙子' does not fit a character that is elderly"),
        ("zh", "youth", "male", "渔村里的小姑娘", "'小姑娘' does not fit a character that is male"),
    ],
)
def test_a_profile_contradicts_neither_age_nor_gender(
    language: Language, age: Age, gender: Gender, identity: str, found: str | None
) -> None:
    expected = None if found is None else f"identity: {found}"
    assert profile_problem(language, age, gender, identity=identity) == expected


def test_what_is_said_of_others_is_not_held_against_a_character() -> None:
    assert profile_problem("en", "child", background="Lives with a retired pilot and his elderly cat.") is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"place": ""}, "place: says nothing"),
        ({"user_calls": "captain (softly)"}, "user_calls: holds '(softly)', which is mark-up"),
        ({"time": "late " * 21}, "time: has 21 words or characters, limit 20"),
        ({"arc": STAGING.arc * 2}, "arc: 4 steps for 3 turns"),
        (
            {"arc": (STAGING.arc[0], ArcStep(emotion="sad", cause="风停了"))},
            "arc.1.cause: is not in 'en': '风停了'",
        ),
    ],
)
def test_a_staging(changes: dict[str, object], problem: str | None) -> None:
    assert unfit_staging(STAGING.model_copy(update=changes), "en", turns=3) == problem


def test_every_text_has_its_limit() -> None:
    assert list(PROFILE_UNITS) == list(Profile.model_fields)
    assert [*STAGING_UNITS] == [*(name for name in Staging.model_fields if name != "arc"), "cause"]
