"""Calls of any method by its name, without stubs generated from its proto.

A message is {field number: value}; a value is bytes, str, int, a message, or
a list of them for a repeated field.
"""

SECONDS = 20


def _varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(0x80 | (number & 0x7f))
        number >>= 7
    out.append(number)
    return bytes(out)


def encode(message):
    out = b""
    for field, values in message.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += _varint(field << 3) + _varint(value)
                continue
            if isinstance(value, dict):
                value = encode(value)
            elif isinstance(value, str):
                value = value.encode()
            out += _varint(field << 3 | 2) + _varint(len(value)) + value
    return out


def decode(data):
    """{field number: [what came, in order]}; messages stay bytes."""
    fields = {}
    at = 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}.get(kind) or varint()
            value = data[at:at + size]
            at += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def text(fields, number):
    """The string in a field; "" if it is not set."""
    return fields.get(number, [b""])[-1].decode()


def call(channel, method, message=None, seconds=SECONDS):
    """The answer of "package.Service/Method", decoded."""
    ask = channel.unary_unary(f"/{method}",
                              request_serializer=encode,
                              response_deserializer=decode)
    return ask(message or {}, timeout=seconds)


def stream(channel, method, message=None, seconds=SECONDS):
    """The answers of a method that streams them."""
    ask = channel.unary_stream(f"/{method}",
                               request_serializer=encode,
                               response_deserializer=decode)
    return list(ask(message or {}, timeout=seconds))
