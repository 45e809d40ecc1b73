"""The Open Inference Protocol v2 over REST, with the extensions of Triton's clients; `grpc` is the same over gRPC.

Read in this order: infer (requests and answers), tensors, flat and large (fast ways for common bodies), rows (answers
to calls that ran together), metadata; then the extensions: classes, generate, repository, statistics, config, settings;
kserve_labels (what KServe's servers answer for a classifier).
"""
