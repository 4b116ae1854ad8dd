"""A connection that is no longer HTTP: what attach and exec pour their output into, with the system's own calls.

A client may close its half of it and go on listening (`docker run` does), so that an end of what it sends says nothing.
"""

import select
import socket
import time
from collections.abc import Iterator

LINGER = 2  # seconds: how long a client may take to hear that it is over
PROBES = (("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


def pour(wire: socket.socket, head: bytes, pieces: Iterator[bytes], quiet: float, pause: float = 0) -> None:
    """All of it, with a pause after the head; what the client still sends is not read. It may take `quiet` seconds to
    take a piece."""
    try:
        wire.settimeout(quiet)
        wire.sendall(head)
        time.sleep(pause)
        for piece in pieces:
            wire.sendall(piece)
        wire.shutdown(socket.SHUT_WR)
        wire.settimeout(LINGER)
        while wire.recv(65536):  # closing with something unread would make the client lose what it has not read
            pass
    except OSError:
        pass  # the client has gone


def keep_alive(wire: socket.socket, quiet: int) -> None:
    """Have the system ask now and then whether the client is there: over TCP, who goes away does not always say so."""
    if wire.family == getattr(socket, "AF_UNIX", None):
        return
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", quiet), *PROBES):
        if hasattr(socket, name):
            wire.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def is_gone(wire: socket.socket) -> bool:
    """Whether nobody is at the other end, neither to speak nor to listen, as far as the system says so."""
    if wire.fileno() < 0 or not hasattr(select, "poll"):
        return wire.fileno() < 0
    poll = select.poll()
    poll.register(wire, 0)  # what is always told: that it has been hung up, or is broken
    return bool(poll.poll(0))
