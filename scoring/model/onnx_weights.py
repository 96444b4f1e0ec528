"""The weights inside an ONNX file: as much of its format as they need, so that a network can run elsewhere than in its runtime.

Field numbers are those of the published onnx.proto. Only float32 tensors are read; a network's other constants are its shapes.
"""

from collections.abc import Iterator

import torch

GRAPH, INITIALIZER, NODE = 7, 5, 1
NODE_INPUT, NODE_NAME = 1, 3
DIMS, DATA_TYPE, FLOAT_DATA, NAME, RAW_DATA = 1, 2, 4, 8, 9
FLOAT32 = 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def read(model: bytes) -> dict[str, torch.Tensor]:
    """The model's float32 initializers by name; raises ValueError for bytes that are no such file."""
    try:
        graph = b"".join(value for number, value in _fields(model) if number == GRAPH and isinstance(value, bytes))
        tensors = (_tensor(value) for number, value in _fields(graph) if number == INITIALIZER and isinstance(value, bytes))
        return dict(found for found in tensors if found is not None)
    except (IndexError, RuntimeError, UnicodeDecodeError) as exc:
        raise ValueError(f"not an ONNX file: {exc}") from exc


def readers(model: bytes) -> dict[str, str]:
    """Name of a node that reads each value, by the value's name; raises ValueError for bytes that are no such file."""
    found: dict[str, str] = {}
    try:
        graph = b"".join(value for number, value in _fields(model) if number == GRAPH and isinstance(value, bytes))
        for number, node in _fields(graph):
            if number == NODE and isinstance(node, bytes):
                texts = [
                    (key, value.decode("utf-8")) for key, value in _fields(node) if key <= NODE_NAME and isinstance(value, bytes)
                ]
                name = "".join(text for key, text in texts if key == NODE_NAME)
                found |= {text: name for key, text in texts if key == NODE_INPUT}
    except (IndexError, UnicodeDecodeError) as exc:
        raise ValueError(f"not an ONNX file: {exc}") from exc
    return found


def _tensor(message: bytes) -> tuple[str, torch.Tensor] | None:
    """Name and values of one TensorProto, None if it does not hold float32."""
    dims: list[int] = []
    kind, name, data = 0, "", b""
    for number, value in _fields(message):
        if number == DIMS:
            dims += [value] if isinstance(value, int) else _varints(value)
        elif number == DATA_TYPE and isinstance(value, int):
            kind = value
        elif number == NAME and isinstance(value, bytes):
            name = value.decode("utf-8")
        elif number in (RAW_DATA, FLOAT_DATA) and isinstance(value, bytes):
            data += value  # packed floats and raw data are the same little-endian bytes
    if kind != FLOAT32:
        return None
    return name, torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(dims)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a message: whole numbers, or the bytes of everything else."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        if key & 7 == VARINT:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(key & 7)
        if key & 7 == BYTES:
            size, at = _varint(message, at)
        if size is None or at + size > len(message):
            raise ValueError("not an ONNX file: a field is cut short or of an unknown type")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """A base-128 number and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def _varints(packed: bytes) -> list[int]:
    found, at = [], 0
    while at < len(packed):
        value, at = _varint(packed, at)
        found.append(value)
    return found
