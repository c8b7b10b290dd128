"""Mandarin words for numbers, times, money, units and symbols; full-width forms become plain ones first."""

import re
from re import Match

import cn2an

NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"

UNITS = {
    "km/h": "公里每小时", "km": "公里", "cm": "厘米", "mm": "毫米", "m": "米", "kg": "公斤", "mg": "毫克", "g": "克",
    "ml": "毫升", "mL": "毫升", "L": "升", "l": "升", "min": "分钟", "h": "小时", "s": "秒", "℃": "摄氏度",
    "°C": "摄氏度", "°": "度",
}  # fmt: skip

CURRENCIES = {"$": "美元", "€": "欧元", "£": "英镑", "¥": "元", "￥": "元"}


SYMBOLS = {"&": "和", "+": "加", "=": "等于", "×": "乘", "~": "到", "～": "到"}

PUNCTUATION = {
    ",": "，", ".": "。", "?": "？", "!": "！", ";": "；", ":": "：", "(": "（", ")": "）",
    "·": "", "「": "“", "」": "”",
}  # fmt: skip

TWO_BEFORE = "个只位本张次天块元杯碗斤瓶条件间家点盘份趟场口米岁名句页层遍盒袋双支台辆首步"
"""Measure words before which a lone 2 is read 两 (年 and 月 apart: 二零二四年, 二月)."""

DIGIT_RUN = 7
"""From so many digits on (or with a leading zero) a number is a code, such as a telephone number: read by digits."""


def spell_mandarin(text: str) -> str:
    """The text with every digit and every known symbol in words; unknown characters are left as they are."""
    text = "".join(
        chr(ord(c) - 0xFEE0) if "０" <= c <= "９" or "Ａ" <= c <= "ｚ" or c in "％＄＋＝＆" else c for c in text
    )
    text = re.sub(r"(?<=\d)[：:](?=\d\d)", ":", text)
    units = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
    text = re.sub(r"(\d{1,2}):(\d\d)分?", _clock, text)
    text = re.sub(r"(\d{4})(?=年)", lambda m: cn2an.an2cn(m[1], "direct"), text)
    text = re.sub(rf"({NUMBER})\s*[-~～—]\s*(?={NUMBER})", r"\1到", text)
    text = re.sub(r"(?<!\d)-(?=\d)", "负", text)
    text = re.sub(rf"({NUMBER})%", lambda m: "百分之" + _number(m[1]), text)
    text = re.sub(rf"([$€£¥￥])\s?({NUMBER})", lambda m: _number(m[2]) + CURRENCIES[m[1]], text)
    text = re.sub(rf"({NUMBER})\s?({units})(?![A-Za-z/])", lambda m: _number(m[1]) + UNITS[m[2]], text)
    text = re.sub(rf"(?<![\d.第十])2(?=[{TWO_BEFORE}]|小时|分钟|公里|公斤|星期)", "两", text)
    text = re.sub(rf"(?<![\d第]){NUMBER}|{NUMBER}", lambda m: _number(m[0]), text)
    for symbol, word in (SYMBOLS | PUNCTUATION).items():
        text = text.replace(symbol, word)
    return text


def _number(digits: str) -> str:
    plain = digits.replace(",", "")
    whole, _, part = plain.partition(".")
    if len(whole) >= DIGIT_RUN or (len(whole) > 1 and whole.startswith("0")):
        return str(cn2an.an2cn(whole, "direct"))
    words = re.sub("^二(?=[千万亿])", "两", str(cn2an.an2cn(whole)))
    return f"{words}点{cn2an.an2cn('1' + part, 'direct')[1:]}" if part else words


def _clock(match: Match[str]) -> str:
    hour = "两" if int(match[1]) == 2 else _number(str(int(match[1])))
    minute = int(match[2])
    if minute == 0:
        return f"{hour}点"
    if minute == 30:
        return f"{hour}点半"
    return f"{hour}点{'零' if minute < 10 else ''}{_number(str(minute))}分"
