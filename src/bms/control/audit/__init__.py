"""Who changed what, and when: a reading of the events, which are never changed or deleted."""
