"""The mark of a database whose rows were moved to another one.

By itself, so that who only asks whether a database has it (the supervisor, `bms` commands) loads no SQL library.
"""

LEFT = "moved:"  # before the platform's identity, in the database itself
