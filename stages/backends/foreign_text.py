"""Text in a script that is not speech: what is hidden, in another writing system, a tag, an address, a label, or talk
of prompts and models."""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from schemas.printable import printable
from schemas.script import Language
from schemas.tags import TAGS

MIN_SCRIPT_SHARE = 0.5
"""Least share of a text's letters that belong to the script (writing system) of its language."""

QUOTED = 80
"""Characters that a reason quotes of a text."""

SHARED_WORDS = 8
SHARED_HAN = 14
"""A run of so many words, or Han characters, that also stands in a prompt has been copied from it."""

MAX_LATIN_WORDS = 3
"""Most words running in Latin letters of a Mandarin turn: a brand name is none too many, a clause is."""

_TAG = re.compile(
    r"\[[^\]]*\]?|<[^>]*>?|\{+[^}]*\}*|\([^)]*\)?|【[^】]*】?|（[^）]*）?|［[^］]*］?|｛[^｝]*｝?|＜[^＞]*＞?"
    r"|〔[^〕]*〕?|〈[^〉]*〉?|\*+[^\s*][^*]*\*+|`+[^`]*`*|^\s*#+\s|^\s*[*•]\s"
)
_ADDRESS = re.compile(
    r"\w+://\S*|\bwww\.\S+|\b[\w.+-]+@[\w-]+\.\w+|\b[\w-]+\.(?:com|org|net|io|ai|cn|html?)\b", re.ASCII | re.IGNORECASE
)
_LABEL = r"user|assistant|system|human|ai|bot|narrator|speaker(?: \w)?|用户|助手|系统|旁白|说话人"
_MODEL_TALK = [
    re.compile(pattern)
    for pattern in (
        r"\bas an? (?:ai|artificial intelligence)\b",
        r"\blanguage model\b|\bchatgpt\b|\bopenai\b",
        r"\bsystem (?:prompt|message)\b|\bprompt injection\b|\bdeveloper mode\b",
        r"\bjson\b|\"\w+\" ?:",
        r"\bhere(?:'s| is) (?:the|a|your) (?:\w+ )?(?:dialogue|conversation|script|transcript)\b",
        r"\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:previous|prior|above|earlier|preceding|system)\b",
        r"\b(?:ignore|disregard|forget|override) (?:\w+ ){0,3}(?:instructions|prompts|guidelines)\b",
        r"\b(?:previous|prior|above|system|new) instructions\b",
        r"作为一?[个名款位]?(?:ai|人工智能|大?语言模型|大模型)",
        r"语言模型|提示词|系统提示|系统消息|开发者模式",
        r"(?:忽略|无视|忘记|忘掉|不要理会|抛开)[^，。？！]{0,4}(?:以上|之前|前面|上面|此前|先前|所有|一切)[^，。？！]{0,6}(?:指令|指示|提示|要求|规则|设定)",
        r"以下是.{0,6}(?:对话|剧本|台词|脚本)",
    )
]


def quoted(text: str) -> str:
    return f"'{printable(text, QUOTED)}'"


def hidden(text: str) -> str:
    """The first character that does not show (control, direction, zero width, half of a pair); "" if there is none."""
    return next((c for c in text if not c.isprintable() and unicodedata.category(c) != "Zs"), "")


def other_language(text: str, language: Language) -> str | None:
    """In what way the text is not the language's: "is not in 'en': '…'"; None if it is."""
    letters = [c for c in text if c.isalpha()]
    own = sum(is_han(c) == (language == "zh") for c in letters)
    if own < MIN_SCRIPT_SHARE * len(letters):
        return f"is not in '{language}': {quoted(text)}"
    run = foreign_run(text, language)
    return f"is not all in '{language}': {quoted(run)}" if run else None


def loose_marks(text: str) -> str:
    """All marks that belong to no letter (é is one letter, z̸̡ is not)."""
    return "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) in ("Mn", "Me"))


def foreign_run(text: str, language: Language) -> str:
    """The first two letters running that are neither the language's nor Latin, or too many Latin words; "" if none."""
    run = ""
    for character in text:
        run = run + character if character.isalpha() and not _is_native(character, language) else ""
        if len(run) == 2:
            return run
    latin = re.findall(r"[A-Za-z]+(?: +[A-Za-z]+)*", text) if language == "zh" else []
    return next((found for found in latin if len(found.split()) > MAX_LATIN_WORDS), "")


def _is_native(character: str, language: Language) -> bool:
    return (language == "zh" and is_han(character)) or "LATIN" in unicodedata.name(character, "")


def is_han(character: str) -> bool:
    return "一" <= character <= "鿿"


def tag(text: str, legal: Collection[str] = TAGS) -> str | None:
    """The first tag that is not legal, bracket or mark-up: speech has none."""
    return next((found for match in _TAG.finditer(text) if (found := match[0].strip()) not in legal), None)


def address(text: str) -> str | None:
    """The first web or mail address, which nobody reads out."""
    match = _ADDRESS.search(text)
    return match[0] if match else None


def label(text: str, names: Iterable[str]) -> str | None:
    """Who speaks, written out before what is said."""
    known = "|".join([_LABEL, *(re.escape(name.casefold()) for name in names)])
    match = re.match(rf"\W*(?:{known})\W{{0,2}}[:：]", _folded(text))
    return match[0] if match else None


def model_talk(text: str) -> str | None:
    """Words that belong to a prompt or to a model's talk about itself, and to nobody's conversation."""
    folded = _folded(text)
    return next((match[0] for pattern in _MODEL_TALK if (match := pattern.search(folded))), None)


def copied(text: str) -> str | None:
    """A run that also stands in a template of the writer's prompt."""
    prompts = _prompt_runs()
    return next((run for run in _runs(_folded(text)) if run in prompts), None)


def prompts_digest() -> str:
    """Of the templates that texts are compared with."""
    texts = sorted(path.read_text(encoding="utf-8") for path in _templates())
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _folded(text: str) -> str:
    """Lower case, full-width forms made plain, without what has no width."""
    plain = unicodedata.normalize("NFKC", text).replace("’", "'")
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").casefold()


@cache
def _prompt_runs() -> frozenset[str]:
    """All runs of the literal text of all templates; what Jinja fills in ends a run."""
    runs: set[str] = set()
    for path in _templates():
        for literal in re.split(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", path.read_text(encoding="utf-8"), flags=re.DOTALL):
            runs |= set(_runs(_folded(literal)))
    return frozenset(runs)


def _templates() -> Iterator[Path]:
    return (Path(str(resources.files("prompts"))) / "writer").rglob("*.jinja")


def _runs(folded: str) -> Iterator[str]:
    words = re.findall(r"[a-z]+(?:'[a-z]+)*", folded)
    for start in range(len(words) - SHARED_WORDS + 1):
        yield " ".join(words[start : start + SHARED_WORDS])
    han = "".join(re.findall(r"[一-鿿]+", folded))
    for start in range(len(han) - SHARED_HAN + 1):
        yield han[start : start + SHARED_HAN]
