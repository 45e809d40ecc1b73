"""TensorFlow Serving's REST API: requests and answers; `grpc` is the same over gRPC.

Read in this order: predict, examples (classify and regress), serialized_examples, status (status and metadata).
"""
