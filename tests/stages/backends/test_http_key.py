import json

import pytest

from schemas.errors import RecipeError
from schemas.recipe import Service
from stages.backends.http_key import QUOTED_CHARACTERS, Key

SERVICE = Service(base_url="http://127.0.0.1:9", key_variable="TEST_KEY")


def test_the_key_is_scrubbed_however_json_spells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = 'sk-te/st"01\\23456789'
    monkeypatch.setenv("TEST_KEY", f" {secret}\n")
    key = Key(SERVICE)
    assert key.secret == secret
    coded = "".join(f"\\u{ord(c):04X}" for c in secret)
    slashed = json.dumps(secret)[1:-1].replace("/", "\\/")
    mixed = secret[:5] + coded[30:]
    for text in (secret, slashed, coded, json.dumps(slashed)[1:-1], json.dumps(coded)[1:-1], mixed):
        assert key.scrub(f"a {text} b") == "a [key] b"
    for text in ("sk-te/st", "\\" * 100_000, coded[:-1]):
        assert key.scrub(text) == text


def test_a_quotation_is_scrubbed_before_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-test-0123456789")
    assert (
        Key(SERVICE).quote("x" * (QUOTED_CHARACTERS - 6) + "\nsk-test-0123456789")
        == "x" * (QUOTED_CHARACTERS - 6) + " [key]"
    )


def test_a_short_key_is_scrubbed_in_its_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "html")
    assert Key(SERVICE).scrub("<html> for Bearer html") == "<html> for Bearer [key]"


def test_no_key_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    assert (Key(SERVICE).secret, Key(SERVICE).scrub("Bearer none")) == ("", "Bearer none")


@pytest.mark.parametrize("secret", ["sk-test\n0123456789", "sk test 0123456789", "钥匙0123456789"])
def test_what_cannot_be_a_key_is_refused_unquoted(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", secret)
    with pytest.raises(RecipeError, match=r"^The environment variable TEST_KEY holds no key") as caught:
        Key(SERVICE)
    assert "0123456789" not in str(caught.value)
