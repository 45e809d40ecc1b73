"""The Huffman code of HPACK (RFC 7541, section 5.2 and appendix B).

The code is canonical: it follows from each symbol's length, symbols of one length being in numerical order.
"""

_EOS = 256
_BY_LENGTH: dict[int, bytes] = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: bytes.fromhex("0a0d16"),  # and the end of the string, last
}


def _codes() -> dict[int, tuple[int, int]]:
    """Returns the code of each symbol: (code, bits)."""
    codes, code, before = {}, 0, 0
    for bits, symbols in _BY_LENGTH.items():
        code <<= bits - before
        before = bits
        for symbol in (*symbols, *([_EOS] if bits == 30 else [])):
            codes[symbol] = (code, bits)
            code += 1
    return codes


CODES = _codes()
_Step = tuple[int, bytes] | None  # the state after four bits and what they completed; None: not a code


def _machine() -> tuple[list[list[_Step]], list[bool]]:
    """Builds the decoder's state machine: steps by state and nibble, and the states a string may end in (RFC 7541: up
    to seven ones of padding)."""
    tree: list[list[int]] = [[0, 0]]  # children by bit: > 0 a node, < 0 a symbol (-1 - symbol)
    endings = {0}
    for symbol, (code, bits) in CODES.items():
        node = 0
        for place in range(bits - 1, -1, -1):
            bit = code >> place & 1
            if place == 0:
                tree[node][bit] = -1 - symbol
            elif tree[node][bit]:
                node = tree[node][bit]
            else:
                tree.append([0, 0])
                tree[node][bit] = len(tree) - 1
                node = tree[node][bit]
    node = 0
    for _ in range(7):
        node = tree[node][1]
        endings.add(node)
    steps = [[_step(tree, state, nibble) for nibble in range(16)] for state in range(len(tree))]
    return steps, [state in endings for state in range(len(tree))]


def _step(tree: list[list[int]], state: int, nibble: int) -> _Step:
    out = bytearray()
    for place in (3, 2, 1, 0):
        state = tree[state][nibble >> place & 1]
        if state < 0:
            if state == -1 - _EOS:
                return None
            out.append(-1 - state)
            state = 0
    return state, bytes(out)


_STEPS, _ENDINGS = _machine()


def decode(data: bytes) -> bytes:
    """Decodes a string. Raises ValueError for one that holds the end symbol, or does not end as it must."""
    state, out = 0, bytearray()
    for octet in data:
        for nibble in (octet >> 4, octet & 15):
            step = _STEPS[state][nibble]
            if step is None:
                raise ValueError("a Huffman string holds the end symbol")
            state, done = step
            out += done
    if not _ENDINGS[state]:
        raise ValueError("a Huffman string is padded with other than up to seven ones")
    return bytes(out)


def encode(data: bytes) -> bytes:
    whole, length = 0, 0
    for octet in data:
        code, bits = CODES[octet]
        whole = whole << bits | code
        length += bits
    padding = -length % 8
    return (whole << padding | (1 << padding) - 1).to_bytes((length + padding) // 8, "big")
