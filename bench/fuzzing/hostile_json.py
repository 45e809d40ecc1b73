"""Valid JSON near a good body: members left out, doubled or exchanged for values at the limits of what can be said."""

import json
from random import Random

NUMBERS = (
    *(0, 1, -1, 2, 3, 4, 255, 256, 1 << 31, (1 << 32) - 1, 1 << 53, (1 << 53) + 1, (1 << 63) - 1, 1 << 63, 1 << 64),
    *(-(1 << 63), -(1 << 63) - 1, 10**40, 10**400, 0.5, -0.0, 1e-320, 1e308, 3.4028235677973366e38, 16777217.0, 1e22),
    *(float("nan"), float("inf"), float("-inf")),
)
TEXTS = (
    *("", "x", "\0", "é", "\ud800", "\ud83d\ude00", "x" * 3000, "NaN", "Infinity", "../..", "%00", "{}", "\n", "a/b"),
    *("FP32", "FP16", "BF16", "BYTES", "BOOL", "INT8", "UINT64", "FP64", "serving_default", "several", "classes"),
    *("x", "number", "text", "flag", "y", "scores"),
)
NAMES = (
    *("id", "parameters", "inputs", "outputs", "name", "shape", "datatype", "data", "instances", "signature_name"),
    *("examples", "context", "b64", "binary_data_size", "binary_data", "classification", "timeout", "priority"),
    *("sequence_id", "binary_data_output", "ready", "repository_name", "x", "text", "number", "flag"),
)


def bodies(random: Random, values: list[object]) -> bytes:
    """The JSON of one of `values` after one to four changes, written as any client may."""
    value = random.choice(values)
    for _ in range(random.choice((0, 1, 1, 1, 2, 4))):
        value = bent(random, value)
    separators = random.choice(((",", ":"), (", ", ": "), (" ,\n", "\t:\r ")))
    text = json.dumps(value, ensure_ascii=random.random() < 0.6, separators=separators)
    return text.encode("utf-8", "surrogatepass")


def bent(random: Random, value: object) -> object:
    """`value` with one part exchanged."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        return _bent_members(random, value)
    if isinstance(value, list) and value and random.random() < 0.8:
        at = random.randrange(len(value))
        what = random.randrange(6)
        if what == 0:
            return value[:at]
        if what == 1:
            return value + value
        if what == 2:
            return value * random.choice((3, 17, 40))
        return [*value[:at], bent(random, value[at]), *value[at + 1 :]]
    if random.random() < 0.4:  # of the same kind, so that more than the first check is met
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            return random.choice(NUMBERS)
        if isinstance(value, str):
            return random.choice(TEXTS)
    return _anything(random, value)


def _bent_members(random: Random, value: dict[str, object]) -> dict[str, object]:
    name = random.choice(sorted(value))
    what = random.randrange(8)
    if what == 0:
        return {key: item for key, item in value.items() if key != name}
    if what == 1:
        return {**value, random.choice(NAMES): value[name]}
    if what == 2:
        return {**value, random.choice(NAMES): _anything(random, None)}
    return {**value, name: bent(random, value[name])}


def _anything(random: Random, value: object) -> object:
    what = random.randrange(8)
    if what == 0:
        return random.choice(NUMBERS)
    if what == 1:
        return random.choice(TEXTS)
    if what == 2:
        deep: object = value
        for _ in range(random.choice((1, 2, 15, 16, 17, 33, 90))):
            deep = [deep]
        return deep
    plain = (None, True, False, [], {}, {"b64": "AA=="}, {"b64": "?"}, {"b64": 1}, [[]], [value], {"x": value})
    return random.choice(plain)
