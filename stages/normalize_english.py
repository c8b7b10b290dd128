"""English words for numbers, times, money, units and symbols."""

import re
from re import Match

from num2words import num2words

NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yuan", "yuan", "fen", "fen"),
}

UNITS = {
    "km/h": ("kilometer an hour", "kilometers an hour"),
    "mph": ("mile an hour", "miles an hour"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "m": ("meter", "meters"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"),
    "ml": ("milliliter", "milliliters"),
    "l": ("liter", "liters"),
    "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ft": ("foot", "feet"),
    "min": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "s": ("second", "seconds"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "%": ("percent", "percent"),
}

SYMBOLS = {"&": "and", "+": "plus", "=": "equals", "@": "at", "#": "number", "%": "percent", "/": "slash", "*": "times"}

ABBREVIATIONS = {
    "Mr.": "mister", "Mrs.": "missus", "Dr.": "doctor", "St.": "saint", "vs.": "versus", "etc.": "et cetera",
    "e.g.": "for example", "i.e.": "that is",
}  # fmt: skip

HALVES = {(1, 2): "one half", (1, 4): "one quarter", (3, 4): "three quarters"}


def spell_english(text: str) -> str:
    """The text with every digit and every known symbol in words; unknown characters are left as they are."""
    for short, long in ABBREVIATIONS.items():
        text = re.sub(rf"(?<!\w){re.escape(short)}", long, text)
    units = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
    text = re.sub(r"(?<=\d)\s*([ap])(?:\.m\.|m\b)", r" \1 m", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", _clock, text)
    text = re.sub(rf"([$€£¥])\s?({NUMBER})", _money, text)
    text = re.sub(r"\b(1[1-9]\d0|20\d0)s\b", _decade, text)
    text = re.sub(rf"(?<=\d)\s*-\s*(?={NUMBER})", " to ", text)
    text = re.sub(rf"(-?{NUMBER})\s?({units})(?![\w/])", _quantity, text)
    text = re.sub(r"\b(\d+)(?:st|nd|rd|th)\b", lambda m: str(num2words(int(m[1]), to="ordinal")), text)
    text = re.sub(r"\b(\d{1,2})/(\d{1,2})\b", _fraction, text)
    text = re.sub(r"(?<![\d,.])(1[1-9]\d\d|20\d\d)(?![\d,]|\.\d)", lambda m: str(num2words(int(m[1]), to="year")), text)
    text = re.sub(rf"(?<![\w]){NUMBER}|{NUMBER}", lambda m: f" {_number(m[0])} ", text)
    for symbol, word in SYMBOLS.items():
        text = text.replace(symbol, f" {word} ")
    return text


def _number(digits: str) -> str:
    """Words of a number as written, with thousands commas and a decimal part; a leading zero is read digit by digit."""
    whole, point, part = digits.replace(",", "").partition(".")
    if len(whole) > 1 and whole.startswith("0"):
        words = " ".join(str(num2words(int(digit))) for digit in whole)
    else:
        words = str(num2words(int(whole))).replace(",", "")
    if point:
        words += " point " + " ".join(str(num2words(int(digit))) for digit in part)
    return words


def _clock(match: Match[str]) -> str:
    hour, minute = _number(str(int(match[1]))), int(match[2])
    if minute == 0:
        return f"{hour} o'clock"
    return f"{hour} {'oh ' if minute < 10 else ''}{num2words(minute)}"


def _money(match: Match[str]) -> str:
    one, many, cent, cents = CURRENCIES[match[1]]
    whole, _, part = match[2].replace(",", "").partition(".")
    words = f"{_number(whole)} {one if int(whole) == 1 else many}"
    if len(part) != 2:
        return words if not part else f"{_number(match[2])} {many}"
    if int(part):
        words += f" and {num2words(int(part))} {cent if int(part) == 1 else cents}"
    return words


def _quantity(match: Match[str]) -> str:
    one, many = UNITS[match[2]]
    sign = "minus " if match[1].startswith("-") else ""
    digits = match[1].lstrip("-")
    return f"{sign}{_number(digits)} {one if digits == '1' else many}"


def _fraction(match: Match[str]) -> str:
    pair = (int(match[1]), int(match[2]))
    return HALVES.get(pair, f"{num2words(pair[0])} over {num2words(pair[1])}")


def _decade(match: Match[str]) -> str:
    words = str(num2words(int(match[1]), to="year"))
    return words[:-1] + "ies" if words.endswith("y") else words + "s"
