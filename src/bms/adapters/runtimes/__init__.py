"""Runtimes that load and run models, one per file, listed in `available`.

They are used inside a model's own process only. `artifact` finds the model's file, `onnx_file` reads an ONNX file's
structure without executing it.
"""
