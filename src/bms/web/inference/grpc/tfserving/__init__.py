"""TensorFlow Serving's PredictionService and ModelService over gRPC.

Read in this order: model_lookup (which model a call means), infer (Predict, Classify, Regress), multi
(MultiInference), describe (status and metadata), service (all methods, by path).
"""
