"""Messages over a socket between two processes that do not trust each other: bytes, after their length."""

import socket


def send(link: socket.socket, content: bytes) -> None:
    """Send bytes as one message, which starts with its length in 8 bytes."""
    link.sendall(len(content).to_bytes(8, "big") + content)


def receive(link: socket.socket, most: int = 2**40) -> bytearray | None:
    """Return the next message, or None when the other side has closed.

    Raises:
        ValueError: it is longer than `most` bytes.
    """
    size = _exactly(link, 8)
    if size is None:
        return None
    if int.from_bytes(size, "big") > most:
        raise ValueError(f"a message of {int.from_bytes(size, 'big'):,} bytes; the limit is {most:,}")
    return _exactly(link, int.from_bytes(size, "big"))


def _exactly(link, size):
    content, filled = bytearray(size), 0
    while filled < size:
        count = link.recv_into(memoryview(content)[filled:])
        if not count:
            return None
        filled += count
    return content
