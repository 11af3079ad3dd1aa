"""Messages over a socket between two processes that do not trust each other: bytes, after their length."""

import socket
from collections.abc import Callable


def send(link: socket.socket, content: bytes) -> None:
    """Send bytes as one message, which starts with its length in 8 bytes."""
    link.sendall(len(content).to_bytes(8, "big") + content)


def receive(link: socket.socket, most: int = 2**40, wait: Callable[[], object] = lambda: None) -> bytearray | None:
    """Return the next message, or None when the other side has closed.

    Args:
        link: the socket.
        most: bytes of a message.
        wait: called before each piece that is read; what it raises ends the reading.

    Raises:
        ValueError: it is longer than `most` bytes.
    """
    size = _exactly(link, 8, wait)
    if size is None:
        return None
    if int.from_bytes(size, "big") > most:
        raise ValueError(f"a message of {int.from_bytes(size, 'big'):,} bytes; the limit is {most:,}")
    return _exactly(link, int.from_bytes(size, "big"), wait)


def _exactly(link, size, wait):
    content, filled = bytearray(size), 0
    while filled < size:
        wait()
        count = link.recv_into(memoryview(content)[filled:])
        if not count:
            return None
        filled += count
    return content
