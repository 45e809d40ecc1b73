"""Encryption of secrets at rest: the port is `bms.control.secrets.ports.Vault`."""
