import pytest

from schemas.errors import UnspeakableTextError
from schemas.script import Language
from stages.normalize_text import normalize


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("It's 7:30 pm.", "It's seven thirty p m."),
        ("See you at 7:05 or 9:00.", "See you at seven oh five or nine o'clock."),
        ("20% off: $12.50 & more", "twenty percent off: twelve dollars and fifty cents and more"),
        (
            "It costs $1, or £2.01, or $2.5.",
            "It costs one dollar, or two pounds and one penny, or two point five dollars.",
        ),
        (
            "In 1999 we drove 300 km at 5°C.",
            "In nineteen ninety-nine we drove three hundred kilometers at five degrees Celsius.",
        ),
        ("the 1990s and 2,500 people", "the nineteen nineties and two thousand five hundred people"),
        ("Room B12, the 21st, 5-6 min, 1/2 cup", "Room B twelve, the twenty-first, five to six minutes, one half cup"),
        ("call 007 or 3.14", "call zero zero seven or three point one four"),
        ("Dr. Ruiz drank 1 l of café — “good”…", 'doctor Ruiz drank one liter of cafe, "good"...'),
        ("５ ａｐｐｌｅｓ", "five apples"),
    ],
)
def test_english(text: str, spoken: str) -> None:
    assert normalize(text, "en") == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("现在是7:30，打８折。", "现在是七点半，打八折。"),
        ("20%的人花了¥12.5。", "百分之二十的人花了十二点五元。"),
        ("2024年3月5日，2个人走了3-5km。", "二零二四年三月五日，两个人走了三到五公里。"),
        ("电话13800138000，第2天2:05见", "电话一三八零零一三八零零零，第二天两点零五分见"),
        ("气温-5℃ 吗?", "气温负五摄氏度吗？"),
        ("我有2,000块,2点见!", "我有两千块，两点见！"),
        ("12个人，22个苹果", "十二个人，二十二个苹果"),
        ("1000 kg & 0.05 L", "一千公斤和零点零五升"),
    ],
)
def test_mandarin(text: str, spoken: str) -> None:
    assert normalize(text, "zh") == spoken


@pytest.mark.parametrize(
    ("text", "language", "reason"),
    [
        ("我用APP买票", "zh", "the Latin letter 'A' in '我用APP买票' cannot be said as written."),
        ("hi 😀", "en", "'😀' (GRINNING FACE) in 'hi 😀' cannot be said as written."),
        ("say 你好", "en", "'你' (CJK UNIFIED IDEOGRAPH-4F60) in 'say 你好' cannot be said as written."),
        ("a_b", "en", "'_' (LOW LINE) in 'a_b' cannot be said as written."),
        ("...", "en", "'...' holds nothing that can be said."),
        ("", "zh", "'' holds nothing that can be said."),
    ],
)
def test_unspeakable(text: str, language: Language, reason: str) -> None:
    with pytest.raises(UnspeakableTextError) as error:
        normalize(text, language)
    assert str(error.value) == reason


def test_normalized_text_stays_as_it_is() -> None:
    once = normalize("At 7:30 we paid $12.50, 20% less.", "en")
    assert normalize(once, "en") == once
