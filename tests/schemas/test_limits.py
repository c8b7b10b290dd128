import math
import tomllib
from pathlib import Path

import pytest

from schemas.errors import RecipeError
from schemas.limits import PROFILES, Limit, Limits, load_limits, parse_limits
from schemas.script import KINDS, LANGUAGES


def limit(bound: float, **selectors: str) -> Limit:
    return Limit("gap", "maximum", bound, source="test", scale=1.0, **selectors)


@pytest.mark.parametrize(
    ("language", "style", "bound"),
    [("en", "plain", 1.0), ("zh", "plain", 2.0), ("en", "whisper", 3.0), ("zh", "whisper", 4.0), ("en", "shout", 0.0)],
)
def test_the_most_specific_entry_counts(language, style, bound):
    table = (
        limit(4.0, language="zh", style="whisper"),
        limit(3.0, style="whisper"),
        limit(1.0, style="plain"),
        limit(2.0, style="plain", language="zh"),
        limit(9.0, language="zh", kind="conversation"),
        limit(0.0),
    )
    assert Limits("test", table).of("conversation", language, style) == (
        next(entry for entry in table if entry.bound == bound),
    )


def test_an_override_goes_before_every_entry_of_the_profile_it_covers():
    limits = Limits("test", (limit(1.0, style="plain", language="en"),), ((limit(5.0),),))
    assert limits.of("conversation", "en", "plain") == (limit(5.0),)


def test_an_override_of_one_side_leaves_the_other():
    low = Limit("length_ratio", "minimum", 0.8, "test", 1.0)
    high = Limit("length_ratio", "maximum", 1.2, "test", 1.0)
    wider = Limit("length_ratio", "maximum", 1.5, "recipe", 1.5)
    assert Limits("test", (low, high), ((wider,),)).of("conversation", "en", "plain") == (wider, low)


def test_an_upper_layer_goes_before_a_more_specific_entry_below_it():
    retry, select = (limit(2.0, language="en", style="plain"),), (limit(3.0),)
    assert Limits("test", (limit(1.0),), (retry, select)).of("conversation", "en", "plain") == select


def test_a_take_that_no_entry_covers_is_not_limited():
    assert Limits("test", (limit(1.0, style="whisper"),)).of("conversation", "en", "plain") == ()


def test_an_override_needs_only_measure_and_bound():
    limits = load_limits("production", [{"measure": "dnsmos_ovrl", "minimum": 3.5, "style": None}])
    assert limits.layers == ((Limit("dnsmos_ovrl", "minimum", 3.5, source="recipe", scale=3.5),),)
    assert limits.profile == "production"


def test_a_limit_of_zero_has_a_scale():
    assert parse_limits([{"measure": "clipped_share", "maximum": 0}], "limits")[0].scale == 1.0


def test_an_infinite_bound_lifts_a_limit():
    lifted = load_limits("production", [{"measure": "dnsmos_ovrl", "minimum": -math.inf}])
    found = [entry for entry in lifted.of("conversation", "en", "plain") if entry.measure == "dnsmos_ovrl"]
    assert [(entry.bound, entry.scale) for entry in found] == [(-math.inf, 1.0)]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"measure": "gup", "maximum": 1}, "limits[0].measure: 'gup' is unknown; did you mean 'gap'?"),
        ({"measure": "gap", "maxmum": 1}, "limits[0]: key: 'maxmum' is unknown; did you mean 'maximum'?"),
        ({"maximum": 1}, "limits[0]: 'measure' is missing; name a measure, for example 'dnsmos_ovrl'."),
        ({"measure": "gap"}, "limits[0]: 'gap' needs either 'minimum' or 'maximum'; write two entries for both."),
        (
            {"measure": "gap", "minimum": 0, "maximum": 1},
            "limits[0]: 'gap' needs either 'minimum' or 'maximum'; write two entries for both.",
        ),
        ({"measure": "gap", "maximum": "1"}, "limits[0].maximum: '1' is not a number."),
        ({"measure": "gap", "maximum": math.nan}, "limits[0].maximum: nan is not a number."),
        ({"measure": "gap", "maximum": 1, "scale": 0}, "limits[0].scale: 0.0 must be above 0."),
        (
            {"measure": "gap", "maximum": 1, "style": "murmur"},
            "limits[0].style: 'murmur' is unknown; use one of: plain, whisper, shout, backchannel, sung, hummed.",
        ),
        (
            {"measure": "gap", "maximum": 1, "language": "enn"},
            "limits[0].language: 'enn' is unknown; did you mean 'en'?",
        ),
    ],
)
def test_a_wrong_override_is_refused_with_key_value_and_remedy(entry, message):
    with pytest.raises(RecipeError) as error:
        load_limits("production", [entry])
    assert str(error.value) == message


def test_two_entries_for_the_same_takes_are_refused():
    with pytest.raises(RecipeError) as error:
        load_limits("production", [{"measure": "gap", "maximum": 1}, {"measure": "gap", "maximum": 2}])
    assert str(error.value) == "limits[1]: limits the same as limits[0]; remove one of them."


def test_an_unknown_profile_is_refused():
    with pytest.raises(RecipeError) as error:
        load_limits("studio")
    assert str(error.value) == "limits: there is no profile 'studio'; use one of: embedded, production."


def test_the_production_profile_holds_the_published_limits():
    limits = load_limits("production")
    assert [(entry.measure, entry.side, entry.bound) for entry in limits.of("conversation", "zh", "plain")] == [
        ("clipped_share", "maximum", 0.001),
        ("dnsmos_ovrl", "minimum", 3.0),
        ("error_rate", "maximum", 0.1),
        ("leading_silence_s", "maximum", 0.5),
        ("length_ratio", "maximum", 1.3),
        ("length_ratio", "minimum", 0.7),
        ("repetition", "maximum", 0.2),
        ("trailing_silence_s", "maximum", 0.5),
    ]
    bounds = {
        style: {(entry.measure, entry.side): entry.bound for entry in limits.of("singing", "en", style)}
        for style in ("sung", "hummed")
    }
    assert bounds["sung"]["error_rate", "maximum"] == 0.25
    assert math.isinf(bounds["hummed"]["error_rate", "maximum"])
    assert math.isinf(bounds["hummed"]["length_ratio", "minimum"])
    assert "dnsmos_ovrl" not in [entry.measure for entry in limits.of("conversation", "zh", "whisper")]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_bundled_limit_names_its_source(profile):
    path = Path(__file__).parents[2] / "schemas" / "limits" / f"{profile}.toml"
    assert all(entry["source"] for entry in tomllib.loads(path.read_text(encoding="utf-8"))["limits"])


SPEECH = {
    ("clipped_share", "maximum"),
    ("dnsmos_ovrl", "minimum"),
    ("gap", "maximum"),
    ("leading_silence_s", "maximum"),
    ("length_ratio", "maximum"),
    ("length_ratio", "minimum"),
    ("seconds_per_character", "maximum"),
    ("seconds_per_character", "minimum"),
    ("trailing_silence_s", "maximum"),
    ("speaker_similarity", "minimum"),
    ("worst_gap", "maximum"),
}
HUMMED = {
    ("clipped_share", "maximum"),
    ("dnsmos_ovrl", "minimum"),
    ("hnr_db", "maximum"),
    ("onset_error_s", "maximum"),
    ("onset_shift_s", "maximum"),
    ("onset_shift_s", "minimum"),
    ("raw_pitch_accuracy", "minimum"),
    ("sounding_share", "minimum"),
    ("voicing_false_alarm", "maximum"),
    ("voicing_recall", "minimum"),
    ("worst_note_cents", "maximum"),
    ("wrong_note_share", "maximum"),
}
SUNG = HUMMED | {("gap", "maximum"), ("worst_gap", "maximum")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_embedded_profile_limits_every_language_and_style_alike(kind, language):
    spoken = ("plain",) if kind == "singing" else ("plain", "whisper", "shout", "backchannel")
    expected = dict.fromkeys(spoken, SPEECH) | ({"sung": SUNG, "hummed": HUMMED} if kind == "singing" else {})
    limits = load_limits("embedded")
    gated = {style: {(entry.measure, entry.side) for entry in limits.of(kind, language, style)} for style in expected}
    assert gated == expected
