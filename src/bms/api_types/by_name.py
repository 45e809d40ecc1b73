"""Dictionary-style access to structs, for older programs: the SDK once returned these types as dictionaries."""

from typing import Any


class ByName:
    """Mixin that gives a struct `each["member"]`, `each.get("member")` and `{**each}` as a dictionary has them."""

    __slots__ = ()

    def keys(self) -> tuple[str, ...]:
        names: tuple[str, ...] = self.__struct_fields__  # type: ignore[attr-defined]
        return names

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self.keys() else default
