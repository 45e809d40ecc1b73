"""Shares equal members of many snapshot entries as one object: most versions of a model have one signature between
them.

What is decoded has a copy of everything for every entry. A hundred thousand versions are ten times smaller without.
"""

from typing import TypeVar

import msgspec

from bms.core.serving.snapshot import Entry, KeyEntry, ServedVersion
from bms.core.tensors.signature import Signature

Signatures = dict[str, Signature]
_REMEMBERED = 20_000  # parts; forgetting them only means that later entries share with one another alone
H = TypeVar("H", str, frozenset[str])


class Sharing:
    """Shares members: `entry` gives an equal entry. What is shared must not be changed, which nobody does with
    entries."""

    def __init__(self) -> None:
        self._signatures: dict[tuple[tuple[str, Signature], ...], Signatures] = {}
        self._plain: dict[str | frozenset[str], str | frozenset[str]] = {}
        self._last: Signatures = {}

    def entry(self, entry: Entry) -> Entry:
        if len(self._signatures) + len(self._plain) > _REMEMBERED:
            self._signatures.clear()
            self._plain.clear()
        if isinstance(entry, KeyEntry):
            return msgspec.structs.replace(
                entry,
                tenant=self._same(entry.tenant),
                user=self._same(entry.user),
                scopes=self._same(entry.scopes),
            )
        name = self._same(entry.name)
        return msgspec.structs.replace(
            entry,
            tenant=self._same(entry.tenant),
            name=name,
            model=name if entry.model == name else entry.model,
            versions=tuple([self._version(version) for version in entry.versions]),
            known_aliases=tuple([self._same(alias) for alias in entry.known_aliases]),
        )

    def signatures(self, signatures: Signatures) -> Signatures:
        """Returns an equal dictionary, the same one for all that are equal."""
        if signatures is self._last or signatures == self._last:
            return self._last
        self._last = self._signatures.setdefault(tuple(signatures.items()), signatures)
        return self._last

    def _version(self, version: ServedVersion) -> ServedVersion:
        return msgspec.structs.replace(
            version, signatures=self.signatures(version.signatures), platform=self._same(version.platform)
        )

    def _same(self, part: H) -> H:
        return self._plain.setdefault(part, part)  # type: ignore[return-value]
