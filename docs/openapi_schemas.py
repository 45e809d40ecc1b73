"""Two JSON Schemas of the same place compared: of what is asked, nothing may become narrower; of what is given, nothing
may go or become wider."""

from collections.abc import Iterator
from typing import Any, NamedTuple

Json = dict[str, Any]
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_NO_LEAST, _NO_MOST = float("-inf"), float("inf")
_ABSENT = object()


class Change(NamedTuple):
    """`where` is an operation and a place in it; `breaking` for its clients."""

    where: str
    what: str
    breaking: bool


class Document:
    """A description, in which references lead somewhere."""

    def __init__(self, whole: Json) -> None:
        self._whole = whole

    def of(self, schema: Json) -> Json:
        """What `schema` is; what stands beside a reference (a default) stays."""
        while "$ref" in schema:
            found: Any = self._whole
            for name in schema["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema

    def forms(self, schema: Json) -> list[Json]:
        """The alternatives that it allows, none of which has any itself."""
        plain = self.of(schema)
        for word in ("anyOf", "oneOf"):
            if word in plain:
                return [form for each in plain[word] for form in self.forms(each)]
        if isinstance(plain.get("type"), list):
            return [{**plain, "type": kind} for kind in plain["type"]]
        return [plain]


class Schemas:
    """Compares schemas of two descriptions. A type that holds itself is looked into once."""

    def __init__(self, before: Json, after: Json) -> None:
        self.before, self.after = Document(before), Document(after)

    def asked(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        """What clients send."""
        yield from self._compare(where, old, new, True, ())

    def given(self, where: str, old: Json, new: Json) -> Iterator[Change]:
        """What clients get."""
        yield from self._compare(where, old, new, False, ())

    def _compare(self, where: str, old: Json, new: Json, asked: bool, inside: tuple[Any, ...]) -> Iterator[Change]:
        place = (old.get("$ref"), new.get("$ref"))
        if place != (None, None):
            if place in inside:
                return
            inside = (*inside, place)
        if asked:
            yield from _default(where, self.before.of(old), self.after.of(new))
        olds, news = self.before.forms(old), self.after.forms(new)
        if len(olds) == len(news) == 1:
            yield from self._one(where, olds[0], news[0], asked, inside)
            return
        for form in olds:
            yield from self._form(where, form, news, asked, inside, gone=asked)
        for form in news:
            if all(_kind(form) != _kind(one) for one in olds):
                yield Change(where, f"may be {_kind(form)}", not asked)

    def _form(
        self, where: str, old: Json, news: list[Json], asked: bool, inside: tuple[Any, ...], *, gone: bool
    ) -> Iterator[Change]:
        """One alternative of the former ones: held against the new one of its kind that differs least."""
        same = [form for form in news if _kind(form) == _kind(old)]
        if not same:
            yield Change(where, f"is never {_kind(old)}", gone)
            return
        found = [list(self._one(where, old, form, asked, inside)) for form in same]
        yield from min(found, key=lambda each: sum(change.breaking for change in each))

    def _one(self, where: str, old: Json, new: Json, asked: bool, inside: tuple[Any, ...]) -> Iterator[Change]:
        before, after = _type(old), _type(new)
        if not _fits(before, after, asked):
            yield Change(where, f"is {after or 'anything'}, was {before or 'anything'}", True)
            return
        yield from _enumeration(where, old, new, asked)
        if asked:
            yield from _bounds(where, old, new)
        yield from self._members(where, old, new, asked, inside)
        for word in ("items", "additionalProperties"):
            had, has = old.get(word, {}), new.get(word, {})
            if isinstance(had, dict) and isinstance(has, dict):
                if had or has:
                    yield from self._compare(f"{where}[]", had, has, asked, inside)
            elif asked and has is False and had is not False:
                yield Change(where, "takes no other members now", True)

    def _members(self, where: str, old: Json, new: Json, asked: bool, inside: tuple[Any, ...]) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(before.keys() | after.keys()):
            place = f"{where}.{name}"
            if name not in after:
                yield Change(place, "is gone", True)
            elif name not in before:
                yield Change(place, "is new", asked and name in needs)
            else:
                if asked and name in needs - needed:
                    yield Change(place, "is required now", True)
                if not asked and name in needed - needs:
                    yield Change(place, "may be left out now", True)
                yield from self._compare(place, before[name], after[name], asked, inside)


def _kind(form: Json) -> str:
    """What tells alternatives apart: the type, and the one value of a member that names it."""
    for name, member in form.get("properties", {}).items():
        if len(member.get("enum", ())) == 1:
            return f"{name} {member['enum'][0]}"
    return _type(form) or "anything"


def _type(form: Json) -> str | None:
    values = form.get("enum", ())
    kind: str | None = form.get("type")
    return "string" if kind is None and values and all(isinstance(value, str) for value in values) else kind


def _fits(old: str | None, new: str | None, asked: bool) -> bool:
    narrow, wide = (old, new) if asked else (new, old)
    return wide in (narrow, None) or (narrow, wide) == ("integer", "number")


def _enumeration(where: str, old: Json, new: Json, asked: bool) -> Iterator[Change]:
    """More values of an answer break nobody: clients take texts that they don't know."""
    before, after = old.get("enum"), new.get("enum")
    if asked and after is not None:
        lost = sorted(str(value) for value in before if value not in after) if before else ["what is not named"]
        if lost:
            yield Change(where, f"can't be {', '.join(lost)}", True)
    if before and after and (more := sorted(str(value) for value in after if value not in before)):
        yield Change(where, f"may be {', '.join(more)}", False)


def _bounds(where: str, old: Json, new: Json) -> Iterator[Change]:
    for word in _LEAST:
        if new.get(word, _NO_LEAST) > old.get(word, _NO_LEAST):
            yield Change(where, f"{word} is {new[word]}, was {old.get(word, 'none')}", True)
    for word in _MOST:
        if new.get(word, _NO_MOST) < old.get(word, _NO_MOST):
            yield Change(where, f"{word} is {new[word]}, was {old.get(word, 'none')}", True)
    for word in ("pattern", "format"):
        if new.get(word) not in (None, old.get(word)):
            yield Change(where, f"{word} is {new[word]}, was {old.get(word, 'none')}", True)


def _default(where: str, old: Json, new: Json) -> Iterator[Change]:
    before, after = old.get("default", _ABSENT), new.get("default", _ABSENT)
    if _ABSENT not in (before, after) and before != after:
        yield Change(where, f"left out is {after!r}, was {before!r}", True)
