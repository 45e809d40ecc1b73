"""The Open Inference Protocol v2 over gRPC: decodes request messages and encodes answers.

Read in this order: infer, outline (what clients send again and again), tensors, models (metadata), settings.
"""
