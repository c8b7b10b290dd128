import pytest

from stages.backends.sensevoice_tags import Tagged, parse_tags


@pytest.mark.parametrize(
    ("text", "tagged", "language"),
    [
        ("<|zh|><|HAPPY|><|Speech|><|withitn|>你好。", Tagged("你好。", ("zh", "HAPPY", "Speech")), "zh"),
        ("<|en|><|EMO_UNKNOWN|><|BGM|><|woitn|>hi <|Laughter|> you", None, "en"),
        (
            "<|nospeech|><|EMO_UNKNOWN|><|Event_UNK|><|woitn|>",
            Tagged("", ("nospeech", "EMO_UNKNOWN", "Event_UNK")),
            None,
        ),
        ("no tags < | at all |>", Tagged("no tags < | at all |>", ()), None),
        ("<|yue|><|yue|><||>係", Tagged("係", ("yue",)), "yue"),
    ],
)
def test_tags_are_parsed_kept_once_and_stripped(text: str, tagged: Tagged | None, language: str | None) -> None:
    found = parse_tags(text)
    if tagged is None:
        assert found.tags == ("en", "EMO_UNKNOWN", "BGM", "Laughter")
        assert found.text.split() == ["hi", "you"]
    else:
        assert found == tagged
    assert found.language == ("nospeech" if "nospeech" in text else language)
