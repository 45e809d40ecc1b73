"""Column types that behave alike on SQLite and PostgreSQL."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary
from sqlalchemy.types import TypeDecorator

T = TypeVar("T")

Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only INTEGER primary keys


class UtcTime(TypeDecorator[datetime]):
    """Aware datetimes in UTC; SQLite would give them back naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


class Packed(TypeDecorator[Any]):
    """A msgspec type kept as JSON bytes, decoded strictly to that type when read."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> bytes | None:
        return None if value is None else msgspec.json.encode(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value, type=self.kind)


class InterningDecoder:
    """Decodes a packed column of many rows: equal bytes become one object, which must not be changed."""

    def __init__(self, kind: Any) -> None:
        self._decode = msgspec.json.Decoder(kind).decode
        self._read: dict[bytes, Any] = {}

    def read(self, packed: bytes | None) -> Any:
        if packed is None:
            return None
        found = self._read.get(packed)
        if found is None:
            found = self._read[packed] = self._decode(packed)
        return found
