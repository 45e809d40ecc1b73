"""One gRPC call by a real client: `grpc_ask.py PORT PATH [NAME VALUE]…`; bytes of a request in, of an answer out."""

import sys

import grpc

port, path, *pairs = sys.argv[1:]
metadata = list(zip(pairs[::2], pairs[1::2], strict=True))
with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
    call = channel.unary_unary(path)  # no serializers: bytes in, bytes out
    sys.stdout.buffer.write(call(sys.stdin.buffer.read(), metadata=metadata, timeout=20))
