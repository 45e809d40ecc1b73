"""The gateway's process. Read main and config; tls and vocabulary are read from files."""
