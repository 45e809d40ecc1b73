"""Models that are elsewhere. Read runtime, http (one upstream), then oip and openai, the protocols they speak."""
