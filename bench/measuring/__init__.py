"""How things are measured here: machine (cores, CPU time, memory, quiet), platform (a real one), requests (the same
bytes for all), loads (who sends them), report (what is written down)."""
