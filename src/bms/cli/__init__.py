"""The commands: a file per noun, each loaded only when it is used. Read main, connection, commands, output first."""
