"""The table of environment variables in docs/settings.md and its Chinese twin, made of `bms.app.variables`."""

from settings_words_zh import WORDS

from bms.app.variables import VARIABLES

BEGIN, END = "<!-- settings: begin -->", "<!-- settings: end -->"
_HEADS = (
    "| variable | read by | option | meaning |\n|---|---|---|---|",
    "| 变量 | 读取者 | 选项 | 含义 |\n|---|---|---|---|",
)


def with_settings(page: str, chinese: bool) -> str:
    """The page with the table as it should be between the marks. Raises ValueError for a page without them."""
    before, mark, rest = page.partition(BEGIN)
    _, other, after = rest.partition(END)
    if not mark or not other:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{table(chinese)}\n{END}{after}"


def table(chinese: bool) -> str:
    if WORDS.keys() != VARIABLES.keys():
        raise ValueError(f"docs/settings_words_zh.py differs in {', '.join(sorted(WORDS.keys() ^ VARIABLES.keys()))}")
    rows = [_HEADS[chinese]]
    for one in VARIABLES.values():
        option = f"`{one.option}`" if one.option else "–"
        readers = ", ".join(f"`bms {name}`" for name in one.read_by.split(", ")) if one.read_by else _all(chinese)
        rows.append(f"| `{one.name}` | {readers} | {option} | {WORDS[one.name] if chinese else one.meaning} |")
    return "\n".join(rows)


def _all(chinese: bool) -> str:
    return "所有向服务器提问的命令" if chinese else "commands that ask a server"
