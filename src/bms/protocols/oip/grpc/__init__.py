"""The Open Inference Protocol v2 over gRPC: messages to requests, and answers to messages.

Read in this order: infer, outline (what clients send again and again), tensors, models (metadata), settings.
"""
