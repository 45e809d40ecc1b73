"""Reads xz in bounded memory: the standard library's file object sets no limit to the dictionary."""

import lzma
from typing import BinaryIO

_INPUT = 64 << 10  # bytes
_MEMORY = 128 << 20  # bytes; `xz -9` needs 65 MiB to decompress


class XzReader:
    """The decompressed content of an xz file of one or more streams."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
        self._waiting = b""  # read from the file, not yet given to the stream

    def read(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end. Raises lzma.LZMAError (damaged, or needing too much memory) and
        EOFError (cut short)."""
        if size <= 0:
            return b""
        while True:
            if self._stream.eof and not self._next_stream():
                return b""
            data = b""
            if self._stream.needs_input:
                data, self._waiting = self._waiting or self._file.read(_INPUT), b""
                if not data:
                    raise EOFError("the compressed data end too early")
            if content := self._stream.decompress(data, size):
                return content

    def _next_stream(self) -> bool:
        """Goes on to the stream after this one and its padding of zeros; False at the end of the file."""
        rest = self._stream.unused_data.lstrip(b"\0")
        while not rest and (data := self._file.read(_INPUT)):
            rest = data.lstrip(b"\0")
        if not rest:
            return False
        self._stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)
        self._waiting = rest
        return True
