#!/usr/bin/env python3
"""Writes colours.onnx: a tiny model of the shape of an image classifier, whose answers can be told by hand.

In: uint8 [1, 8, 8, 3], an image as rows of RGB pixels. Out: uint8 [1, 4], one score a class of colours.txt.
The score of a colour is the mean over all pixels of its own channel less half of each other, cut to 0..255 a pixel; that of
"nothing" is always 0. So 8x8 pixels of (255, 0, 0) give [0, 255, 0, 0], and grey gives [0, 0, 0, 0].

Wants nothing but Python: the few messages of ONNX's protobuf that it takes are written here, with their numbers from
onnx.proto. Run it in this folder after a change.
"""

import pathlib
import struct

FLOAT, UINT8 = 1, 2  # TensorProto.DataType


def varint(number):
    low, rest = number & 127, number >> 7
    return bytes([low | 128]) + varint(rest) if rest else bytes([low])


def field(number, value):
    """One field: an int as a varint, everything else as bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields)


def tensor(name, kind, shape, raw):
    return message(*((1, size) for size in shape), (2, kind), (8, name), (9, raw))


def floats(*numbers):
    return struct.pack(f"<{len(numbers)}f", *numbers)


def number(name, value):  # AttributeProto.INT
    return message((1, name), (3, value), (20, 2))


def numbers(name, values):  # AttributeProto.INTS
    return message((1, name), *((8, value) for value in values), (20, 7))


def node(kind, inputs, output, *attributes):
    inputs = ((1, name) for name in inputs)
    return message(*inputs, (2, output), (3, output), (4, kind), *((5, attribute) for attribute in attributes))


def value(name, kind, shape):
    dimensions = message(*((1, message((1, size))) for size in shape))
    return message((1, name), (2, message((1, message((1, kind), (2, dimensions))))))


def model():
    nodes = [
        node("Cast", ["image"], "numbers", number("to", FLOAT)),
        node("Transpose", ["numbers"], "channels", numbers("perm", [0, 3, 1, 2])),
        node("Conv", ["channels", "weights"], "colours", numbers("kernel_shape", [1, 1])),
        node("Clip", ["colours", "least", "most"], "cut"),
        node("GlobalAveragePool", ["cut"], "means"),
        node("Flatten", ["means"], "scores"),
        node("QuantizeLinear", ["scores", "scale", "zero"], "classes"),
    ]
    weights = floats(0, 0, 0, 1, -0.5, -0.5, -0.5, 1, -0.5, -0.5, -0.5, 1)
    constants = [
        tensor("weights", FLOAT, [4, 3, 1, 1], weights),
        tensor("least", FLOAT, [], floats(0)),
        tensor("most", FLOAT, [], floats(255)),
        tensor("scale", FLOAT, [], floats(1)),
        tensor("zero", UINT8, [], b"\0"),
    ]
    graph = message(
        *((1, node) for node in nodes),
        (2, "colours"),
        *((5, constant) for constant in constants),
        (11, value("image", UINT8, [1, 8, 8, 3])),
        (12, value("classes", UINT8, [1, 4])),
    )
    return message((1, 7), (2, "colours.py"), (7, graph), (8, message((1, ""), (2, 13))))


if __name__ == "__main__":
    pathlib.Path(__file__).with_name("colours.onnx").write_bytes(model())
