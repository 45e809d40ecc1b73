"""Turns flows into methods: `resources` binds them to a driver, `shown` makes the signatures that `help` prints."""
