"""Methods made of flows: `resources` binds them to a driver, `shown` says what `help` shows of them."""
