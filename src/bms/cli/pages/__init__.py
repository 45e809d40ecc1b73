"""One thing as a command shows it to people: a version, a data set, a version's gates."""
