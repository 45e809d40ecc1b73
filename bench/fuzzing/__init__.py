"""Throwing nearly right bytes at every decoder: mutations (how bytes are broken), decoders (what is aimed at),
watched (a worker process whose last input survives its crash), gateway (the same at a real socket)."""
