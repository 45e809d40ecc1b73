"""What is aimed at: every decoder of the product, by the part of it that its inputs come to."""

from fuzzing import arrays, dialects, grpc, header_blocks, http1, http2, private, rest_http2, stored, tfserving_grpc
from fuzzing.target import Decoder


def decoders() -> list[Decoder]:
    parts = (dialects, arrays, http1, header_blocks, http2, rest_http2, grpc, tfserving_grpc, private, stored)
    return [decoder for part in parts for decoder in part.decoders()]
