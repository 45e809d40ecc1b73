"""TensorFlow Serving's gRPC API: messages to requests, outputs to messages.

Read in this order: data_types (the numbers of types, and the field that each is written in), read_tensor and
write_tensor (a TensorProto), model_spec (which model is meant), predict_outline (a PredictRequest whose outline is
remembered), predict, examples and features (tf.train.Examples to inputs), results (classes and regressions), models
(status and metadata).

Source: https://github.com/tensorflow/serving/tree/master/tensorflow_serving/apis, and the server's own code where its
clients depend on what it does.
"""
