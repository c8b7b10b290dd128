"""How a line is to be said, in words: for engines that take instructions, in the language of the line."""

from schemas.roles import describe
from schemas.script import Character, Emotion, Language, Pace, Style, Turn

LONGEST = 500
"""Characters of an instruction: vLLM-Omni takes no more."""

_TONES: dict[Language, dict[Emotion, str]] = {
    "en": {
        "happy": "happy",
        "excited": "excited",
        "sad": "sad",
        "angry": "angry",
        "fearful": "frightened",
        "surprised": "surprised",
        "tender": "tender",
        "contemptuous": "contemptuous",
        "tired": "tired",
    },
    "zh": {
        "happy": "开心",
        "excited": "激动",
        "sad": "悲伤",
        "angry": "生气",
        "fearful": "害怕",
        "surprised": "惊讶",
        "tender": "温柔",
        "contemptuous": "轻蔑",
        "tired": "疲惫",
    },
}
"""An emotion that is not here, neutral, is not spoken of."""
_DEGREES: dict[Language, tuple[str, str, str]] = {"en": ("slightly ", "", "very "), "zh": ("略带", "", "非常")}
_STYLES: dict[Language, dict[Style, str]] = {
    "en": {"whisper": "in a whisper", "shout": "shouting"},
    "zh": {"whisper": "压低声音耳语着", "shout": "大声喊着"},
}
_PACES: dict[Language, dict[Pace, str]] = {
    "en": {"slow": "slowly", "fast": "quickly"},
    "zh": {"slow": "放慢语速", "fast": "加快语速"},
}


def manner(turn: Turn, language: Language) -> str:
    """Emotion and its intensity, style and pace in one sentence; "" for a turn that is said as anything is."""
    parts = [_tone(turn, language), _STYLES[language].get(turn.style, ""), _PACES[language].get(turn.pace, "")]
    said = [part for part in parts if part]
    if not said:
        return ""
    return f"Speak {', '.join(said)}." if language == "en" else f"请{'，'.join(said)}说这句话。"


def _tone(turn: Turn, language: Language) -> str:
    tone = _TONES[language].get(turn.emotion)
    if tone is None:
        return ""
    tone = _DEGREES[language][turn.intensity - 1] + tone
    if language == "zh":
        return f"用{tone}的语气"
    return f"in {'an' if tone[0] in 'aeiou' else 'a'} {tone} tone"


def voice_words(character: Character) -> str:
    """Who speaks, in words: the role description without its story, at most LONGEST characters."""
    return describe(character.model_copy(update={"background": "", "relation": ""}))[:LONGEST]
