import tomllib
from dataclasses import replace

import numpy as np
import pytest

from schemas.limits import Limit, Limits, parse_limits
from schemas.take import Measures
from trainer import calibrate
from trainer.calibrate import (
    CHECK,
    FIT,
    GROUPS,
    TABLE,
    Group,
    as_toml,
    clean_lines,
    fence,
    fit,
    rejected_share,
    weights_digest,
)

EN_PLAIN = Group("conversation", "en", "plain")


def heard(**values: float) -> Measures:
    common = {"gap": 0.1, "worst_gap": 0.5, "dnsmos_ovrl": 3.0, "length_ratio": 1.0, "seconds_per_character": 0.07}
    return replace(Measures(leading_silence_s=0.2, trailing_silence_s=0.1), **{**common, **values})


def test_the_fence_is_that_of_tukey():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (fence(values, "minimum"), fence(values, "maximum")) == (2 - 1.5 * 2, 4 + 1.5 * 2)


def test_every_gated_measure_gets_a_bound_where_its_tail_begins():
    clips = [heard(gap=n / 100, dnsmos_ovrl=3 - n / 100, seconds_per_character=0.05 + n / 1000) for n in range(101)]
    limits = {(limit.measure, limit.side): limit for limit in fit(EN_PLAIN, clips)}
    assert {key: limit.bound for key, limit in limits.items()} == {
        ("gap", "maximum"): 0.95,
        ("worst_gap", "maximum"): 0.5,
        ("dnsmos_ovrl", "minimum"): 2.05,
        ("length_ratio", "minimum"): 1.0,
        ("length_ratio", "maximum"): 1.0,
        ("leading_silence_s", "maximum"): 0.2,
        ("trailing_silence_s", "maximum"): 0.1,
        ("seconds_per_character", "minimum"): 0.0,
        ("seconds_per_character", "maximum"): 0.2,
    }
    assert limits["gap", "maximum"] == Limit(
        "gap", "maximum", 0.95, "95th percentile of 101 clean clips", 0.5, "conversation", "en", "plain"
    )


def test_a_measure_without_spread_is_scaled_by_its_bound():
    limits = {(limit.measure, limit.side): limit for limit in fit(EN_PLAIN, [heard()] * 10)}
    assert limits["dnsmos_ovrl", "minimum"].scale == 3.0


def test_a_written_profile_reads_back_the_same():
    table = (*fit(EN_PLAIN, [heard(), heard(gap=0.3)]), Limit("clipped_share", "maximum", 0.001, "published", 0.001))
    written = tomllib.loads(as_toml(table, "0a1b"))
    assert parse_limits(written["limits"], "table") == table
    assert written["recognizer"] == "0a1b"


def test_the_bundled_limits_were_fitted_with_the_bundled_recognizer():
    assert tomllib.loads(TABLE.read_text(encoding="utf-8"))["recognizer"] == weights_digest(), (
        "the recognizer was trained again: run python -m trainer.calibrate"
    )


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group.language} {group.style}")
def test_clean_lines_are_of_their_group_and_the_same_again(group):
    lines = clean_lines(FIT, group, 6)
    assert [(line.kind, line.language, line.turn.style) for line in lines] == [
        (group.kind, group.language, group.style)
    ] * 6
    assert len({line.dialogue_id for line in lines}) == 6
    assert clean_lines(FIT, group, 6) == lines


def test_fit_and_check_share_no_seed():
    fitted, checked = (clean_lines(namespace, EN_PLAIN, 20) for namespace in (FIT, CHECK))
    assert not {line.seed for line in fitted} & {line.seed for line in checked}
    assert [line.spoken for line in fitted] != [line.spoken for line in checked]


def test_lines_that_miss_are_tried_again_with_another_seed(monkeypatch):
    lines = clean_lines(CHECK, EN_PLAIN, 4)
    gaps = {0: [0.1, 0.9, 0.9, 0.9], 1: [0.1, 0.9, 0.9], 2: [0.9, 0.1]}
    tried = []

    def hear(batch, processes):
        tried.append([(line.dialogue_id, line.seed) for line in batch])
        return [heard(gap=gap) for gap in gaps[batch[0].attempt]]

    monkeypatch.setattr(calibrate, "hear_parallel", hear)
    limits = Limits("test", (Limit("gap", "maximum", 0.5, "test", 1.0),))
    assert rejected_share(lines, limits, attempts=3, processes=1) == [0.75, 0.5, 0.25]
    assert [[dialogue_id for dialogue_id, _ in batch] for batch in tried] == [
        [line.dialogue_id for line in lines[start:]] for start in (0, 1, 2)
    ]
    assert len({seed for batch in tried for _, seed in batch}) == 4 + 3 + 2
