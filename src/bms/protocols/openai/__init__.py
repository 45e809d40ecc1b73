"""OpenAI's embeddings, both ways. Read in this order: embeddings, inputs, vocabulary."""
