"""The PyTorch runtimes, for three formats: export (.pt2), script (TorchScript), code (code and weights). run is what
they share.

The others look at bytes before PyTorch does: archive, export_file, script_file, script_forward, pickle, state, advice.
"""
