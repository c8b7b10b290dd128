import tomllib
from dataclasses import replace

import numpy as np
import pytest

from schemas.limits import Limit, Limits, parse_limits
from schemas.take import Measures
from stages.judge import judge
from trainer import calibrate
from trainer.calibrate import (
    CHECK,
    FIT,
    GROUPS,
    KEPT,
    TABLE,
    TAILS,
    Group,
    as_toml,
    clean_lines,
    fence,
    fit,
    joint_tail,
    rejected_share,
    weights_digest,
)

EN_PLAIN = Group("conversation", "en", "plain")


def heard(**values: float) -> Measures:
    common = {"gap": 0.1, "worst_gap": 0.5, "dnsmos_ovrl": 3.0, "length_ratio": 1.0, "seconds_per_character": 0.07}
    common |= {"speaker_similarity": 0.8}
    return replace(Measures(leading_silence_s=0.2, trailing_silence_s=0.8), **{**common, **values})


def test_the_fence_is_that_of_tukey_in_ratios():
    values = 2.0 ** np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert fence(values, "minimum") == pytest.approx(2.0 ** (2 - 1.5 * 2))
    assert fence(values, "maximum") == pytest.approx(2.0 ** (4 + 1.5 * 2))


def test_every_gated_measure_gets_a_bound_where_its_tail_begins():
    clips = [
        heard(gap=n / 100, dnsmos_ovrl=3 - n / 100, seconds_per_character=0.1 * 2 ** (n / 50 - 1)) for n in range(101)
    ]
    limits = {(limit.measure, limit.side): limit for limit in fit(EN_PLAIN, clips)}
    assert {key: limit.bound for key, limit in limits.items()} == {
        ("gap", "maximum"): 0.95,
        ("worst_gap", "maximum"): 0.5,
        ("dnsmos_ovrl", "minimum"): 2.05,
        ("length_ratio", "minimum"): 0.8,
        ("length_ratio", "maximum"): 1.25,
        ("leading_silence_s", "maximum"): 0.5,
        ("trailing_silence_s", "maximum"): 0.8,
        ("speaker_similarity", "minimum"): 0.65,
        ("seconds_per_character", "minimum"): 0.025,
        ("seconds_per_character", "maximum"): 0.4,
    }
    assert limits["gap", "maximum"] == Limit(
        "gap", "maximum", 0.95, "5.0% tail, jointly 5%, of 101 clean clips", 0.5, "conversation", "en", "plain"
    )


def test_tails_that_fall_on_different_clips_share_the_five_percent():
    random = np.random.default_rng(0)
    clips = [
        heard(gap=gap, worst_gap=worst, dnsmos_ovrl=ovrl)
        for gap, worst, ovrl in random.uniform(size=(2000, 3)).tolist()
    ]
    assert joint_tail(clips, TAILS, KEPT) == pytest.approx(1 - 0.95 ** (1 / 3), abs=0.002)
    limits = Limits("test", tuple(limit for limit in fit(EN_PLAIN, clips) if (limit.measure, limit.side) in TAILS))
    kept = [judge(clip, limits.of("conversation", "en", "plain")).accepted for clip in clips]
    assert np.mean(kept) == pytest.approx(0.95, abs=0.002)


def test_clean_clips_that_go_further_move_the_guards():
    clips = [heard(length_ratio=0.5 + n / 100, leading_silence_s=n / 100) for n in range(101)]
    limits = {(limit.measure, limit.side): limit.bound for limit in fit(EN_PLAIN, clips)}
    assert limits["length_ratio", "minimum"] == 0.51
    assert limits["length_ratio", "maximum"] == 1.49
    assert limits["leading_silence_s", "maximum"] == 0.99


def test_a_measure_without_spread_is_scaled_by_its_bound():
    limits = {(limit.measure, limit.side): limit for limit in fit(EN_PLAIN, [heard()] * 10)}
    assert limits["dnsmos_ovrl", "minimum"].scale == 3.0


def test_a_written_profile_reads_back_the_same():
    table = (*fit(EN_PLAIN, [heard(), heard(gap=0.3)]), Limit("clipped_share", "maximum", 0.001, "published", 0.001))
    written = tomllib.loads(as_toml(table, "0a1b"))
    assert parse_limits(written["limits"], "table") == table
    assert written["weights"] == "0a1b"


def test_the_bundled_limits_were_fitted_with_the_bundled_weights():
    assert tomllib.loads(TABLE.read_text(encoding="utf-8"))["weights"] == weights_digest(), (
        "the recognizer or the speaker net was trained again: run python -m trainer.calibrate"
    )


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: f"{group.kind} {group.language} {group.style}")
def test_clean_lines_are_of_their_group_and_the_same_again(group):
    lines = clean_lines(FIT, group, 6)
    assert [(line.kind, line.language, line.turn.manner) for line in lines] == [
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
