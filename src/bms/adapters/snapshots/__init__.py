"""The gateway's copy of the last good snapshot, on its disk."""
