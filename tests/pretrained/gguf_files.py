"""Small GGUF files, written here as the specification has them and the library never does."""

import struct

import numpy as np

TYPES = {"u8": 0, "i32": 5, "u32": 4, "f32": 6, "bool": 7, "str": 8, "list": 9, "u64": 10, "f64": 12}
FORMATS = {"F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q8_0": 8, "BF16": 30}


def text(value):
    return struct.pack("<Q", len(value.encode())) + value.encode()


def value_of(value):
    """The type and the bytes of a value."""
    match value:
        case bool():
            return TYPES["bool"], struct.pack("<?", value)
        case int():
            return TYPES["u32"], struct.pack("<I", value)
        case float():
            return TYPES["f32"], struct.pack("<f", value)
        case str():
            return TYPES["str"], text(value)
        case list():
            kind = value_of(value[0])[0] if value else TYPES["u32"]
            return TYPES["list"], struct.pack("<IQ", kind, len(value)) + b"".join(value_of(v)[1] for v in value)


def named(name, value):
    kind, content = value_of(value)
    return text(name) + struct.pack("<I", kind) + content


def gguf(metadata, tensors, *, version=3, alignment=32):
    """The bytes of a file; tensors by name, each (shape, format, bytes), or an array to be written in float32."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    head += b"".join(named(name, value) for name, value in metadata.items())
    data = b""
    for name, tensor in tensors.items():
        if isinstance(tensor, np.ndarray):
            tensor = tensor.shape, "F32", tensor.astype("<f4").tobytes()
        shape, form, content = tensor
        data += bytes(-len(data) % alignment)
        head += text(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in reversed(shape))
        head += struct.pack("<IQ", FORMATS.get(form, form), len(data))
        data += content
    return head + bytes(-len(head) % alignment) + data
