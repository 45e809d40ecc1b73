"""Encrypting what is at rest: the port is `bms.control.secrets.ports.Vault`."""
