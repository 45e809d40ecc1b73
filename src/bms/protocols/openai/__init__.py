"""OpenAI's embeddings API: requests and answers. Read in this order: embeddings, inputs, vocabulary."""
