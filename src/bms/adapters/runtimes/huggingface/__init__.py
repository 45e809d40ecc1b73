"""Hugging Face directories: models that make embeddings of texts, or sort texts into classes.

Read in this order: runtime, directory, keys, length, pooling, dense, answers; onnx and torch run the graph or the
weights; company and agreement are proofs; tokenizer_file, tokenizer_settings and tokenizer_agreement are its
tokenizers.
"""
