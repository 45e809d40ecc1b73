"""The inputs and outputs of models: tensors, columns, signatures, requests.

Read in this order: tensor, signature, columns, request; then casting and fitting (what a client sent, made what a model
takes), parameters, sequences, preprocessing, outputs; class_names, class_outputs, features, predicted, named_tensors.
"""
