"""The gateway process. Read main and config, then tls and vocabulary, which read files."""
