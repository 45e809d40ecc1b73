"""Members by name: of types that the SDK once gave as dictionaries, so that programs that read them so run on."""

from typing import Any


class ByName:
    """Makes `each["member"]`, `each.get("member")` and `{**each}` of a struct what they are of a dictionary."""

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
