"""The commands, a file per noun: each has an `app` that `bms.cli.main` loads when it is called."""
