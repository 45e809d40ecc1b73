"""Options of reading a text file such as CSV: separator, decimal mark, encoding, words for missing values, column
types."""

from typing import Literal

import msgspec

from bms.core.errors import InvalidArgument

ColumnWord = Literal["number", "integer", "text", "boolean", "datetime"]
COLUMN_WORDS: tuple[ColumnWord, ...] = ("number", "integer", "text", "boolean", "datetime")
ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "ascii", "latin-1",
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)),
    *(f"cp125{page}" for page in range(9)), "cp437", "cp850", "cp866",
    "gb18030", "gbk", "gb2312", "big5", "cp950", "cp932", "shift-jis", "euc-jp", "cp949", "euc-kr",
    "koi8-r", "koi8-u", "mac-roman",
)  # fmt: skip
_OTHER_NAMES = {
    "utf8sig": "utf-8", "iso88591": "latin-1", "l1": "latin-1", "sjis": "shift-jis", "windows31j": "cp932",
    **{f"windows125{page}": f"cp125{page}" for page in range(9)}, "macintosh": "mac-roman",
}  # fmt: skip
_NO_SEPARATOR = frozenset('"\r\n\0\ufeff')
_MOST_WORDS = 100
_LONGEST_WORD = 200  # characters


class Reading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Options of reading a text file; those that are None or left out are detected from the file itself.

    `columns` maps names to types. `na`: words that mean a missing value in every column, texts included, beside
    the empty cell and those that usually do; an empty list, or the empty word alone: only the empty cell does.
    """

    columns: dict[str, str] = {}
    na: tuple[str, ...] | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        """Checks the options. Raises InvalidArgument."""
        for name, word in self.columns.items():
            if word not in COLUMN_WORDS:
                more = "; what has few different texts is text, too" if word == "category" else ""
                raise InvalidArgument(
                    f"column {name[:80]!r} can't be {word[:40]!r}: its type is one of {', '.join(COLUMN_WORDS)}{more}"
                )
        if self.na is not None and (len(self.na) > _MOST_WORDS or any(len(word) > _LONGEST_WORD for word in self.na)):
            raise InvalidArgument(f"na takes at most {_MOST_WORDS} words of {_LONGEST_WORD} characters each")
        if self.separator is not None and not _separates(self.separator):
            raise InvalidArgument(
                f"the separator can't be {self.separator[:20]!r}: expected one character that is no letter, digit, "
                "quote or line end, such as ; or a tab"
            )
        if self.decimal not in (None, ".", ","):
            raise InvalidArgument(f"the decimal mark can't be {self.decimal[:20]!r}: expected . or ,")
        if self.encoding is not None:
            codec_of(self.encoding)


def check_reading(format: str | None, reading: Reading) -> None:
    """Raises InvalidArgument for options that files of `format` determine themselves."""
    if format == "csv" or reading == Reading():
        return
    told = [name for name in Reading.__struct_fields__ if getattr(reading, name) not in (None, {})]
    raise InvalidArgument(
        f"{told[0]!r} is an option of CSV alone, and the source is {format or 'a sample'}, which determines it: leave "
        "it out"
    )


def codec_of(encoding: str) -> str:
    """Returns Python's name of an encoding by any of its usual ones. Raises InvalidArgument for one that is not
    known."""
    plain = _plain(encoding)
    found = _OTHER_NAMES.get(plain) or next((name for name in ENCODINGS if _plain(name) == plain), None)
    if found is None:
        raise InvalidArgument(f"there is no encoding {encoding[:40]!r} here; there are {', '.join(ENCODINGS)}")
    return found


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _separates(text: str) -> bool:
    return len(text) == 1 and not text.isalnum() and text not in _NO_SEPARATOR
