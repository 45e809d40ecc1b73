"""Values at rest: unreadable without the key, and bound to their tenant and name."""

import pytest

from bms.adapters.vault.aes_gcm import AesGcmVault
from bms.core.errors import DataLoss, FailedPrecondition

ONE, TWO = b"1" * 32, b"2" * 32
VALUE = b"sk-quarry"


def test_what_was_sealed_comes_back_and_is_never_sealed_alike_twice() -> None:
    vault = AesGcmVault([ONE])
    sealed = [vault.seal("t", "n", VALUE) for _ in range(3)]
    assert len(set(sealed)) == 3
    for each in sealed:
        assert VALUE not in each
        assert vault.unseal("t", "n", vault.key_id, each) == VALUE


def test_rows_that_are_exchanged_or_changed_are_noticed() -> None:
    vault = AesGcmVault([ONE])
    sealed = vault.seal("t", "n", VALUE)
    tries = [("u", "n", sealed), ("t", "m", sealed), ("t\0n", "", sealed), ("t", "n", sealed[:-1]), ("t", "n", b"")]
    tries += [("t", "n", sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]) for at in range(len(sealed))]
    for tenant, name, content in tries:
        with pytest.raises(DataLoss, match="set it again"):
            vault.unseal(tenant, name, vault.key_id, content)


def test_another_key_says_that_it_is_another_one() -> None:
    old, new = AesGcmVault([ONE]), AesGcmVault([TWO])
    sealed = old.seal("t", "n", VALUE)
    assert old.key_id != new.key_id
    assert not new.knows(old.key_id)
    with pytest.raises(FailedPrecondition, match=f"encrypted with the key {old.key_id}.*bms secret set n"):
        new.unseal("t", "n", old.key_id, sealed)


def test_a_key_can_be_replaced() -> None:
    sealed, key_id = AesGcmVault([ONE]).seal("t", "n", VALUE), AesGcmVault([ONE]).key_id
    both = AesGcmVault([TWO, ONE])
    assert both.unseal("t", "n", key_id, sealed) == VALUE
    assert both.key_id == AesGcmVault([TWO]).key_id
