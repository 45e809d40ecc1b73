"""The runtime of remote models, which forwards requests to an upstream server. Read runtime, http (one upstream), then
oip and openai, the protocols they speak."""
