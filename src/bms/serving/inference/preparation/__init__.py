"""Preparation of inputs before the model runs, from images (`images`) or texts (`texts`, `tokens`), beside the model's
thread (`servable`) or in a job (`prepared`)."""
