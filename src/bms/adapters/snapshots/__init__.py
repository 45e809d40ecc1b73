"""The last good snapshot on a gateway's disk."""
