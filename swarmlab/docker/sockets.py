"""Where an engine can be reached: a port of this machine's own loopback, or a socket file for its owner alone.

Never another address. While a simulated machine is off, its address is kept but nobody listens, so that a client is
refused as by a real machine that is off.
"""

import contextlib
import errno
import os
import socket
import stat
import tempfile
from abc import ABC, abstractmethod

LOOPBACK = "127.0.0.1"
BACKLOG = 128


class Address(ABC):
    """One address, listened at from the beginning: only so is it known that nobody else does. `open` hands that over;
    `shut` keeps the address, and refuses; `free` gives it up."""

    is_socket = False
    host = ""  # what DOCKER_HOST is set to

    def __init__(self) -> None:
        self._bound: socket.socket | None = None
        self._bound = self.open()

    def open(self) -> socket.socket:
        """A socket that listens; whoever takes it closes it. Raises OSError."""
        listening, self._bound = self._bound or self._bind(), None
        try:
            listening.setblocking(False)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
        return listening

    def shut(self) -> None:
        """Nobody listens any more (the socket of `open` is closed), and nobody else gets the address."""
        if self._bound:
            self._bound.close()
            self._bound = None
        with contextlib.suppress(OSError):  # somebody was quicker: then this machine cannot be reached until it is free
            self._bound = self._bind()

    def free(self) -> None:
        if self._bound:
            self._bound.close()
        self._bound = None

    @abstractmethod
    def _bind(self) -> socket.socket:
        """Take the address, and do not listen yet. Raises OSError."""


class Port(Address):
    """A TCP port of the loopback; 0 takes a free one."""

    def __init__(self, port: int = 0):
        if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port < 65536:
            raise ValueError(f"port {port!r}: a whole number from 0 to 65535")
        self.port = port
        try:
            super().__init__()
        except OSError as fault:
            raise ValueError(f"listen tcp {LOOPBACK}:{port}: bind: {(fault.strerror or str(fault)).lower()}") from None
        self.host = f"tcp://{LOOPBACK}:{self.port}"

    def _bind(self) -> socket.socket:
        bound = socket.socket()
        try:
            if os.name != "nt":  # where it would let two programs have one port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((LOOPBACK, self.port))
        except OSError:
            bound.close()
            raise
        self.port = bound.getsockname()[1]
        return bound


class SocketFile(Address):
    """A Unix socket that only its owner may use. Without a path it is made in a folder of its own, and goes with it."""

    is_socket = True

    def __init__(self, path: str | None = None):
        if not hasattr(socket, "AF_UNIX"):
            raise ValueError("this system has no Unix sockets: choose a port")
        self._own: tuple[int, int] | None = None  # the file that is ours
        self._folder = None if path else tempfile.mkdtemp(prefix="swarmlab-")
        self.path = os.path.abspath(path or os.path.join(self._folder or "", "docker.sock"))
        try:
            self._clear()
            super().__init__()
        except (OSError, ValueError) as fault:
            self._sweep()
            words = (getattr(fault, "strerror", "") or str(fault)).lower()
            raise ValueError(f"listen unix {self.path}: bind: {words}") from None
        self.host = f"unix://{self.path}"

    def _clear(self) -> None:
        """Take away the socket that a run that ended badly has left; anything else that stands there is somebody's.
        Raises OSError."""
        if not os.path.lexists(self.path):
            return
        if not stat.S_ISSOCK(os.lstat(self.path).st_mode):  # a file refuses a connection too
            raise OSError(errno.EEXIST, "file exists")
        with socket.socket(socket.AF_UNIX) as knock:
            try:
                knock.connect(self.path)
            except ConnectionRefusedError:
                os.remove(self.path)
            else:
                raise OSError(errno.EADDRINUSE, "address already in use")

    def _bind(self) -> socket.socket:
        self._remove()
        bound = socket.socket(socket.AF_UNIX)
        try:
            bound.bind(self.path)
            os.chmod(self.path, 0o600)  # nobody can connect before it listens
            self._own = self._mark()
        except OSError:
            bound.close()
            raise
        return bound

    def free(self) -> None:
        super().free()
        self._remove()
        self._sweep()

    def _mark(self) -> tuple[int, int] | None:
        """Which file stands there, if it is a socket."""
        with contextlib.suppress(OSError):
            found = os.lstat(self.path)
            return (found.st_dev, found.st_ino) if stat.S_ISSOCK(found.st_mode) else None
        return None

    def _remove(self) -> None:
        """Remove the socket that this run has made, and nothing else."""
        if self._own and self._own == self._mark():
            os.remove(self.path)
        self._own = None

    def _sweep(self) -> None:
        if self._folder:
            with contextlib.suppress(OSError):
                os.rmdir(self._folder)
