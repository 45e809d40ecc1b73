"""Parses the part of the Protocol Buffers language (version 3) that the schemas here are written in.

Messages, enums, `oneof`, `map`, `repeated` and services; one statement ends with `;`, comments are not read.
Source: https://protobuf.dev/reference/protobuf/proto3-spec/
"""

import re
from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto
from google.protobuf.descriptor_pb2 import FileDescriptorProto as File

_TOKEN = re.compile(r"[A-Za-z_][\w.]*|\d+|[{}();=<>,]")
_SCALARS = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "float": FieldDescriptorProto.TYPE_FLOAT,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
}


def read_schema(name: str, package: str, text: str, imports: Iterable[str] = ()) -> File:
    """Parses `text` into the descriptor of file `name`, with the help of other files, `imports`. Raises ValueError for
    what is not in the part above."""
    file = File(name=name, package=package, syntax="proto3", dependency=imports)
    tokens = iter(_TOKEN.findall(text))
    for word in tokens:
        if word == "message":
            _message(file.message_type.add(), next(tokens), tokens)
        elif word == "enum":
            _enum(file.enum_type.add(), next(tokens), tokens)
        elif word == "service":
            _service(file, tokens)
        else:
            raise ValueError(f"expected message, enum or service, not {word!r}")
    return file


def _message(out: DescriptorProto, name: str, tokens: Iterator[str]) -> None:
    out.name = name
    _expect(tokens, "{")
    oneof: int | None = None
    for word in tokens:
        if word == "}" and oneof is not None:
            oneof = None
        elif word == "}":
            return
        elif word == "message":
            _message(out.nested_type.add(), next(tokens), tokens)
        elif word == "enum":
            _enum(out.enum_type.add(), next(tokens), tokens)
        elif word == "oneof":
            out.oneof_decl.add(name=next(tokens))
            oneof = len(out.oneof_decl) - 1
            _expect(tokens, "{")
        elif word == "map":
            _map(out, tokens)
        else:
            repeated = word == "repeated"
            field = out.field.add()
            _field(field, next(tokens) if repeated else word, next(tokens), repeated, tokens)
            if oneof is not None:
                field.oneof_index = oneof
    raise ValueError(f"message {name} has no end")


def _field(out: FieldDescriptorProto, kind: str, name: str, repeated: bool, tokens: Iterator[str]) -> None:
    out.name = name
    out.label = FieldDescriptorProto.LABEL_REPEATED if repeated else FieldDescriptorProto.LABEL_OPTIONAL
    if kind in _SCALARS:
        out.type = _SCALARS[kind]
    else:
        out.type_name = kind  # the pool finds out whether it is a message or an enum
    out.number = _number(tokens)


def _map(out: DescriptorProto, tokens: Iterator[str]) -> None:
    """Declares a map: a repeated message of pairs, named after its field."""
    _expect(tokens, "<")
    key = next(tokens)
    _expect(tokens, ",")
    value = next(tokens)
    _expect(tokens, ">")
    name = next(tokens)
    entry = out.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
    entry.options.map_entry = True
    for number, (part, kind) in enumerate((("key", key), ("value", value)), 1):
        _field(entry.field.add(), kind, part, False, iter(("=", str(number), ";")))
    _field(out.field.add(), entry.name, name, True, tokens)


def _enum(out: EnumDescriptorProto, name: str, tokens: Iterator[str]) -> None:
    out.name = name
    _expect(tokens, "{")
    for word in tokens:
        if word == "}":
            return
        out.value.add(name=word, number=_number(tokens))
    raise ValueError(f"enum {name} has no end")


def _service(file: File, tokens: Iterator[str]) -> None:
    service = file.service.add(name=next(tokens))
    _expect(tokens, "{")
    for word in tokens:
        if word == "}":
            return
        if word != "rpc":
            raise ValueError(f"expected rpc, not {word!r}")
        method = service.method.add(name=next(tokens))
        method.client_streaming, method.input_type = _side(tokens)
        _expect(tokens, "returns")
        method.server_streaming, method.output_type = _side(tokens)
        _expect(tokens, ";")
    raise ValueError(f"service {service.name} has no end")


def _side(tokens: Iterator[str]) -> tuple[bool, str]:
    """Returns whether one side of a method is a stream, and its message."""
    _expect(tokens, "(")
    word = next(tokens)
    stream = word == "stream"
    name = next(tokens) if stream else word
    _expect(tokens, ")")
    return stream, name


def _number(tokens: Iterator[str]) -> int:
    _expect(tokens, "=")
    number = int(next(tokens))
    _expect(tokens, ";")
    return number


def _expect(tokens: Iterator[str], wanted: str) -> None:
    found = next(tokens, "the end")
    if found != wanted:
        raise ValueError(f"expected {wanted!r}, not {found!r}")
