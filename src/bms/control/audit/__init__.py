"""The audit: who changed what, and when. It reads the log of events, which are never changed or deleted."""
