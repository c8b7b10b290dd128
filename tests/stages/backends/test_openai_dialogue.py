from schemas.script import PlayedTurn, WrittenTurn
from stages.backends.openai_dialogue import asked, rules, script_of, turns_asked
from tests.stages.backends.roleplay_plans import character, roleplay_plan

PLAN = roleplay_plan(1)


def test_what_a_model_wrote_is_put_on_one_line_and_labels_are_cut() -> None:
    played = PlayedTurn(role="user", text=" so\n it is ", intent="x" * 99, thought="him\tagain ", action="\nsits  down")
    interrupting = WrittenTurn(role="assistant", text="No.", intent="say", overlap="interrupts", pause_before_s=2.0)
    profile = character(1).model_copy(update={"name": "Marlow"})
    made = script_of(PLAN, "a\n" + "b" * 99, [played, interrupting], "openai/m", "a quay", profile)
    assert (made.topic, made.writer, made.setting) == ("a " + "b" * 58, "openai/m", "a quay")
    assert made.assistant == profile
    first, second = made.turns
    assert (first.text, first.intent, first.thought, first.action) == ("so it is", "x" * 40, "him again", "sits down")
    assert (second.text, second.pause_before_s, second.thought, second.action) == ("No.", 0.0, "", "")


def test_without_a_profile_the_assistant_is_the_plan_s() -> None:
    assert script_of(PLAN, "t", [], "openai/m", "a quay").assistant == PLAN.assistant


def test_the_number_of_turns_depends_on_the_seed_alone_and_takes_every_value() -> None:
    plans = [PLAN.model_copy(update={"seed": seed}) for seed in range(200)]
    drawn = [turns_asked(plan, 2, 10) for plan in plans]
    assert set(drawn) == set(range(2, 11))
    assert drawn == [turns_asked(plan.model_copy(update={"scene": "sea/hold"}), 2, 10) for plan in plans]


def test_less_is_asked_for_than_the_rules_allow() -> None:
    assert asked(60) == 45
    assert (rules("en")["max_units"], rules("zh")["max_aside_units"]) == (45, 34)
