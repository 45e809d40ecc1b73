"""Turns flows into methods: `resources` binds them to a driver, `help_signatures` makes what `help` shows of them."""
