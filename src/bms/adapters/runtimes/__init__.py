"""Runtimes that load and run models, one per file, listed in `available`.

They are used inside a model's own process only. Read in this order: `artifact` (which file is the model),
`description` (what an artifact says of itself), `recognition` (which runtime, in which environment), `declared`
(signatures that were said), `called` (a servable around a function), and a short runtime, `xgboost`.
"""
