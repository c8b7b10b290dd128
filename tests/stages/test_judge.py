from dataclasses import replace

import pytest

from schemas.errors import RecipeError
from schemas.limits import Limit, Limits
from schemas.take import Measures, Miss, Verdict
from stages.judge import MAY_BE_ABSENT, judge, judge_line, rank

GAP = Limit("gap", "maximum", 0.5, source="test", scale=0.1)
OVRL = Limit("dnsmos_ovrl", "minimum", 2.5, source="test", scale=0.25)


def test_a_take_within_its_limits_is_accepted():
    assert judge(Measures(gap=0.4, dnsmos_ovrl=3.0), (GAP, OVRL)) == Verdict(())


def test_a_take_exactly_on_its_limits_is_accepted():
    assert judge(Measures(gap=0.5, dnsmos_ovrl=2.5), (GAP, OVRL)).accepted


def test_a_miss_carries_measure_value_limit_and_distance_in_scales():
    verdict = judge(Measures(gap=0.75, dnsmos_ovrl=2.0), (GAP, OVRL))
    assert verdict == Verdict((Miss("gap", 0.75, 0.5, 2.5), Miss("dnsmos_ovrl", 2.0, 2.5, 2.0)))
    assert verdict.reason == "gap=0.75 (limit 0.5); dnsmos_ovrl=2 (limit 2.5)"


def test_a_limited_measure_that_was_not_taken_is_an_error_of_the_settings():
    with pytest.raises(RecipeError) as error:
        judge(Measures(gap=0.1), (GAP, OVRL))
    assert str(error.value) == (
        "limits: 'dnsmos_ovrl' has a minimum of 2.5 (test), but nothing measures it: "
        "lift the limit, or choose a back end that measures it."
    )


@pytest.mark.parametrize("measure", sorted(MAY_BE_ABSENT))
def test_a_measure_that_may_be_absent_is_no_miss(measure):
    assert judge(Measures(), (Limit(measure, "maximum", 1.0, source="test", scale=1.0),)).accepted


def test_a_measure_that_is_not_a_number_is_an_error():
    with pytest.raises(ValueError, match="judge: gap is not a number"):
        judge(Measures(gap=float("nan")), (GAP,))


def sorted_by_rank(*verdicts: tuple[int, Measures]) -> list[int]:
    """Attempts in the order of their rank under both limits."""
    judged = [(attempt, judge(measures, (GAP, OVRL))) for attempt, measures in verdicts]
    return [attempt for attempt, _ in sorted(judged, key=lambda item: rank(item[1], item[0]))]


def test_fewest_misses_come_first():
    two_small, one_large = Measures(gap=0.51, dnsmos_ovrl=2.49), Measures(gap=5.0, dnsmos_ovrl=3.0)
    assert sorted_by_rank((0, two_small), (1, one_large)) == [1, 0]


def test_among_as_many_misses_the_lowest_summed_gap_comes_first():
    far, near = Measures(gap=0.9, dnsmos_ovrl=2.4), Measures(gap=0.6, dnsmos_ovrl=2.4)
    assert sorted_by_rank((0, far), (1, near)) == [1, 0]


def test_among_equals_the_first_attempt_comes_first():
    assert sorted_by_rank((1, Measures(gap=0.1, dnsmos_ovrl=4.0)), (0, Measures(gap=0.4, dnsmos_ovrl=3.0))) == [0, 1]


def test_a_take_is_judged_by_the_limits_of_its_style(make_line):
    limits = Limits("test", (GAP, Limit("gap", "maximum", 9.0, source="test", scale=1.0, style="whisper")))
    assert judge_line(make_line(style="whisper"), Measures(gap=8.0), limits).accepted
    assert not judge_line(make_line(), Measures(gap=8.0), limits).accepted


def test_a_backchannel_is_judged_by_its_own_limits(make_line):
    limits = Limits("test", (GAP, Limit("gap", "maximum", 9.0, source="test", scale=1.0, style="backchannel")))
    line = make_line()
    murmur = replace(line, turn=line.turn.model_copy(update={"overlap": "backchannel"}))
    assert judge_line(murmur, Measures(gap=8.0), limits).accepted
