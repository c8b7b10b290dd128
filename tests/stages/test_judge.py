from collections.abc import Callable

import numpy as np
import pytest

from schemas.errors import RecipeError
from schemas.limits import Limit, Limits
from schemas.take import Line, Measures, Miss, Take, Verdict
from stages.judge import MAY_BE_ABSENT, best, judge

GAP = Limit("gap", "maximum", 0.5, source="test", scale=0.1)
OVRL = Limit("dnsmos_ovrl", "minimum", 2.5, source="test", scale=0.25)


@pytest.fixture
def take(make_line: Callable[..., Line]) -> Callable[..., Take]:
    def make(attempt: int, style: str = "plain", **measures: float) -> Take:
        line = make_line(style=style, attempt=attempt)
        return Take(line, np.zeros(24, np.int16), 24_000, (), measures=Measures(**measures))

    return make


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


def test_best_has_the_fewest_misses(take):
    limits = Limits("test", (GAP, OVRL))
    two_small = take(0, gap=0.51, dnsmos_ovrl=2.49)
    one_large = take(1, gap=5.0, dnsmos_ovrl=3.0)
    assert best([two_small, one_large], limits) is one_large


def test_among_as_many_misses_best_has_the_lowest_summed_gap(take):
    limits = Limits("test", (GAP, OVRL))
    far, near = take(0, gap=0.9, dnsmos_ovrl=2.4), take(1, gap=0.6, dnsmos_ovrl=2.4)
    assert best([far, near], limits) is near


def test_among_equals_best_is_the_first_attempt(take):
    limits = Limits("test", (GAP, OVRL))
    first, second = take(0, gap=0.4, dnsmos_ovrl=3.0), take(1, gap=0.1, dnsmos_ovrl=4.0)
    assert best([second, first], limits) is first


def test_a_take_is_judged_by_the_limits_of_its_style(take):
    limits = Limits("test", (GAP, Limit("gap", "maximum", 9.0, source="test", scale=1.0, style="whisper")))
    whispered, plain = take(0, style="whisper", gap=8.0), take(1, gap=0.6)
    assert best([plain, whispered], limits) is whispered


def test_best_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="expected at least one take"):
        best([], Limits("test", ()))
