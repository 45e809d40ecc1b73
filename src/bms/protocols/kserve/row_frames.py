"""Instances that are small tables, as KServe's servers join them into one pandas frame.

Each column is an object of values by index, as `DataFrame.to_dict()` writes it, or a list:
`{"instances": [{"width": {"0": 3.5}, "length": {"0": 1.4}}]}`. Or each instance is a list of rows:
`{"instances": [[{"width": 3.5, "length": 1.4}]]}`. Source: kserve's `get_predict_input`.
"""

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature
from bms.protocols.json.values import JsonValue, ValueDecoder, first_character, members, objects

NULL = msgspec.Raw(b"null")
_list: ValueDecoder[list[JsonValue]] = ValueDecoder(list[msgspec.Raw], list[object])


def rows_of_frames(given: list[dict[str, JsonValue]], signature: Signature) -> list[dict[str, JsonValue]]:
    """Returns the rows of all frames; `given` itself where these are rows already, as they are of a model that takes
    lists or objects as values. Raises InvalidArgument for frames that are none, or beside rows."""
    first = given[0]
    if not first or first_character(next(iter(first.values()))) not in "{[":
        return given
    if any(spec.column is not None and spec.column.type == "json" for spec in signature.inputs):
        return given
    rows = [row for at, frame in enumerate(given) for row in _rows(frame, f"instance {at}")]
    if not rows:
        raise InvalidArgument("the instances are tables without rows: send at least one")
    return rows


def rows_of_lists(value: JsonValue, what: str) -> list[dict[str, JsonValue]]:
    """Returns the rows of all instances, which are lists of rows. Raises InvalidArgument for one that is none."""
    return [row for at, each in enumerate(_list(value)) for row in objects(each, f"{what} {at}")]


def _rows(frame: dict[str, JsonValue], what: str) -> list[dict[str, JsonValue]]:
    """Returns a frame's rows. A value that only some columns have an index for is missing in the others, as in pandas;
    a column that has none at all is not there."""
    kinds = {first_character(column) for column in frame.values()}
    if kinds == {"["}:
        lists = {name: _list(column) for name, column in frame.items()}
        if len({len(column) for column in lists.values()}) > 1:
            sizes = ", ".join(f"{name!r} {len(column)}" for name, column in lists.items())
            raise InvalidArgument(f"{what} has columns of different lengths: {sizes[:300]}")
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    if kinds != {"{"}:
        raise InvalidArgument(
            f"{what} is neither a row, a value for each name, nor a table, whose columns are all lists, or all objects "
            "of values by index"
        )
    columns = {name: members(column, f"column {name!r} of {what}") for name, column in frame.items()}
    indices = dict.fromkeys(index for column in columns.values() for index in column)
    there = [(name, column) for name, column in columns.items() if column]
    return [{name: column.get(index, NULL) for name, column in there} for index in indices]
