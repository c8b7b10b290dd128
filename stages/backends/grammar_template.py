"""Templates of the offline grammar: syntax tree, parser, and what a template may mention.

The syntax is documented in prompts/grammar/README.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.tags import TAGS

ANY = "any"
"""The variant of a rule that is used where no other one fits."""


@dataclass(frozen=True)
class Text:
    value: str


@dataclass(frozen=True)
class Slot:
    name: str
    attribute: str

    @property
    def key(self) -> str:
        """How the slot is named in `Turn.slots`."""
        return self.name if self.attribute == "text" else f"{self.name}.{self.attribute}"


@dataclass(frozen=True)
class Reference:
    """A rule. `key` is the slot whose value picks the variant; without it the speaker's mood does."""

    rule: str
    key: Slot | None


@dataclass(frozen=True)
class Choice:
    options: "tuple[Template, ...]"


Node = Text | Slot | Reference | Choice
Template = tuple[Node, ...]
Rule = Mapping[str, tuple[Template, ...]]
"""Alternatives by variant; a plain rule has the one variant `any`."""


TAG_RULES: dict[str, Rule] = {tag.strip("[]"): {ANY: ((Text(tag),),)} for tag in TAGS}
"""The rules `<laugh>`, `<sigh>` ... that worlds have without writing them."""


def parse_template(source: str) -> Template:
    """The syntax tree of a template. Raises ValueError that says what is wrong."""
    options, _ = _parse_options(source, 0, "")
    if len(options) != 1:
        raise ValueError("'|' outside of brackets")
    return options[0]


def _parse_options(source: str, start: int, closing: str) -> tuple[list[Template], int]:
    """Alternatives up to `closing` (or the end), and the position behind it."""
    options: list[Template] = []
    nodes: list[Node] = []
    position = start
    while position < len(source):
        mark = source[position]
        if closing and mark == closing:
            return [*options, tuple(nodes)], position + 1
        if mark == "|":
            options.append(tuple(nodes))
            nodes = []
            position += 1
        elif mark in "]})>":
            raise ValueError(f"unexpected '{mark}' at character {position + 1}")
        else:
            node, position = _parse_node(source, position)
            nodes.append(node)
    if closing:
        raise ValueError(f"'{closing}' is missing")
    return [*options, tuple(nodes)], position


def _parse_node(source: str, start: int) -> tuple[Node, int]:
    mark = source[start]
    if mark in "[(":
        options, end = _parse_options(source, start + 1, "]" if mark == "[" else ")")
        optional: list[Template] = [()] * len(options) if mark == "[" else []
        return Choice((*optional, *options)), end
    if mark in "{<":
        end = source.find("}" if mark == "{" else ">", start)
        if end < 0:
            raise ValueError(f"'{mark}' is never closed")
        inside = source[start + 1 : end]
        return (_slot(inside) if mark == "{" else _reference(inside)), end + 1
    end = start
    while end < len(source) and source[end] not in "[](){}<>|":
        end += 1
    return Text(source[start:end]), end


def _slot(inside: str) -> Slot:
    name, _, attribute = inside.partition(".")
    if not name.isidentifier() or not (attribute or "text").isidentifier():
        raise ValueError(f"'{{{inside}}}' is not a slot")
    return Slot(name, attribute or "text")


def _reference(inside: str) -> Reference:
    rule, at, key = inside.partition("@")
    if not rule.isidentifier():
        raise ValueError(f"'<{inside}>' is not a rule")
    return Reference(rule, _slot(key) if at else None)


def nodes_within(template: Template) -> Iterator[Node]:
    """Every node of the template itself, choices unfolded, rules not."""
    for node in template:
        yield node
        if isinstance(node, Choice):
            for option in node.options:
                yield from nodes_within(option)


def always_mentioned(template: Template, rules: Mapping[str, Rule]) -> frozenset[str]:
    """The slots that every expansion of the template mentions."""
    mentioned: set[str] = set()
    for node in template:
        if isinstance(node, Slot):
            mentioned.add(node.name)
        elif not isinstance(node, Text):
            options = [always_mentioned(option, rules) for option in _all_options(node, rules)]
            mentioned.update(frozenset.intersection(*options))
    return frozenset(mentioned)


def is_sayable(template: Template, rules: Mapping[str, Rule], known: frozenset[str]) -> bool:
    """Whether some expansion mentions known slots only, whatever mood or key picks the variants of rules."""
    for node in template:
        if isinstance(node, Slot) and node.name not in known:
            return False
        if isinstance(node, Choice) and not any(is_sayable(option, rules, known) for option in node.options):
            return False
        if isinstance(node, Reference):
            for alternatives in rules[node.rule].values():
                if not any(is_sayable(option, rules, known) for option in alternatives):
                    return False
    return True


def _all_options(node: Reference | Choice, rules: Mapping[str, Rule]) -> list[Template]:
    if isinstance(node, Choice):
        return list(node.options)
    return [option for alternatives in rules[node.rule].values() for option in alternatives]
