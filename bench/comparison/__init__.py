"""The comparison of `bench_peers.py`: `run` (who is measured when), `aims` (what is wanted, and whether it is met),
`tables` (what is written down), `metering` (what the books cost), `picture` and `plot` (the
figure)."""
