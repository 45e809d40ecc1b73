"""ONNX models, run by ONNX Runtime. Read runtime, session, signature, outputs; file, weights and producers look at
bytes.
"""
