"""The table of events in docs/events.md and its Chinese twin, made of the catalogue."""

import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from event_words_zh import WORDS

from bms.app.control.event_catalogue import CATALOGUE
from bms.core.events import Payload

BEGIN, END = "<!-- events: begin -->", "<!-- events: end -->"
_KINDS: dict[Any, tuple[str, str]] = {
    str: ("text", "文本"),
    int: ("integer", "整数"),
    float: ("number", "数"),
    bool: ("true or false", "真假"),
    type(None): ("null", "空"),
}
_HEADS = (
    ("| event | version | says | what happened |\n|---|---|---|---|", "nothing more"),
    ("| 事件 | 版本 | 内容 | 发生了什么 |\n|---|---|---|---|", "没有别的"),
)


def with_table(page: str, chinese: bool) -> str:
    """The page with the table as it should be between the marks. Raises ValueError for a page without them."""
    before, mark, rest = page.partition(BEGIN)
    _, other, after = rest.partition(END)
    if not mark or not other:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table(chinese)}\n{END}{after}"


def table(chinese: bool) -> str:
    head, nothing = _HEADS[chinese]
    rows = []
    for kind in CATALOGUE:
        words = WORDS.get(kind.EVENT, "") if chinese else _first_sentence(kind)
        if not words:
            raise ValueError(f"{kind.EVENT} has no words in docs/event_words_zh.py")
        rows.append(f"| `{kind.EVENT}` | {kind.VERSION} | {_fields(kind, chinese) or nothing} | {words} |")
    if unknown := sorted(set(WORDS) - {kind.EVENT for kind in CATALOGUE}):
        raise ValueError(f"docs/event_words_zh.py has words for no event: {', '.join(unknown)}")
    return "\n".join([head, *rows])


def _fields(kind: type[Payload], chinese: bool) -> str:
    hints = get_type_hints(kind)
    return ", ".join(
        f"`{field.name}`{'' if field.required else '?'} {_kind(hints[field.name], chinese)}"
        for field in msgspec.structs.fields(kind)
    )


def _kind(hint: Any, chinese: bool) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return ("或" if chinese else " or ").join(_kind(each, chinese) for each in get_args(hint))
    return _KINDS[hint][chinese]


def _first_sentence(kind: type[Payload]) -> str:
    return " ".join((kind.__doc__ or "").split())
