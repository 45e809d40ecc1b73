"""The Hugging Face runtime: directories of models that embed texts, or classify them.

Read in this order: runtime, directory, keys, length, pooling, dense, answers; onnx and torch run the graph or the
weights; batch_independence and agreement are proofs; tokenizer_file, tokenizer_settings and tokenizer_agreement are its
tokenizers.
"""
