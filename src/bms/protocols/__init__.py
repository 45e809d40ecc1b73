"""Encoders and decoders: bytes to requests and messages, and back; no sockets here.

Our own: `frames` is the hop between gateway and model server, `bus` the private line between control and gateways,
`node_agent` that to other machines, `snapshots` what gateways must know. The dialects that clients speak have a folder
each: oip, tfserving, mlflow, kserve, openai; `json` is what they share.
"""
