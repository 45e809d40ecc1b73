"""The sweep: every estimator of scikit-learn and every objective of the boosters, served by every wire, compared with
what the library itself answers. `making/` runs where the libraries are, `hosting.py` too; `test_sweep.py` asks."""
