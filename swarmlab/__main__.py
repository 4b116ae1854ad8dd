"""`python -m swarmlab serve FILE`: a simulated swarm in a terminal, for the real `docker` client in another one.

`swarmlab serve` is the same. It prints what to type in the other terminal, and runs until Ctrl-C.
"""

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

_ENDS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
EXAMPLE = "data/clusters/demo-lab.yml"


def main(words: Sequence[str] | None = None) -> int:
    """Carry out a command line; the exit code. What is wrong with it is said in one line, with exit code 2."""
    try:
        options = _parser().parse_args(words)
        return _serve(options, _nodes(options.node))
    except ValueError as fault:
        print(f"swarmlab: {' '.join(str(fault).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before it has begun, or for the second time
        print("\nEnded.", file=sys.stderr)
        return 130


def _parser() -> Any:
    import argparse

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            raise ValueError(f"{message}: see {self.prog} --help")

    parser = Parser(prog="swarmlab", description="A whole Docker Swarm in one process.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve", help="answer real docker clients", description="Answer real docker clients, until Ctrl-C."
    )
    serve.add_argument("file", metavar="FILE", help=f"the machines, as {EXAMPLE}")
    serve.add_argument("--port", type=_port, metavar="N", help="a TCP port of this computer alone; 0: a free one")
    serve.add_argument(
        "--unix", type=_path, metavar="PATH", help="a Unix socket; the default is one in a folder of its own"
    )
    serve.add_argument("--pace", type=float, default=1, help="simulated seconds for each real one; 0: as needed (1)")
    node = "another machine's engine, at a port of its own; may be repeated"
    serve.add_argument("--node", action="append", default=[], metavar="NAME=PORT", help=node)
    serve.add_argument("--bare", action="store_true", help="no swarm yet: type init and join yourself")
    serve.add_argument("--seed", help="another run of the same machines")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text[:9]) > 65535:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError(f"port {text!r}: a whole number from 0 to 65535")
    return int(text)


def _path(text: str) -> str:
    if not text:
        from argparse import ArgumentTypeError

        raise ArgumentTypeError("a path, not nothing")
    return text


def _nodes(texts: Sequence[str]) -> dict[str, int]:
    """Raises ValueError."""
    pairs = [_node(text) for text in texts]
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"--node {twice[0]}: one address is enough for a machine")
    return dict(pairs)


def _node(text: str) -> tuple[str, int]:
    """worker-1=9001. Raises ValueError."""
    name, equals, port = text.partition("=")
    if not name or not equals or not port.isdecimal() or int(port[:9]) > 65535:
        raise ValueError(f"--node {text}: write NAME=PORT, as worker-1=9001")
    return name, int(port)


def _serve(options: Any, nodes: dict[str, int]) -> int:
    from .cluster import Cluster

    seed = {} if options.seed is None else {"seed": _seed(options.seed)}
    with _told_to_end() as told:
        cluster = Cluster.from_file(options.file, bare=options.bare, messages=False, **seed)  # nobody draws them here
        with cluster.serve(options.port, options.pace, unix=options.unix, nodes=nodes):
            print("Type this in another terminal, then docker commands. Ctrl-C here ends it.", flush=True)
            while not told.wait(0.2):  # a wait without end would not hear Ctrl-C everywhere
                pass
    print("\nEnded: the swarm is gone.")
    return 0


def _seed(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdecimal() else text


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Set by Ctrl-C, and when the system asks the program to end; nothing is cut off in the middle."""
    told = threading.Event()
    before = {number: signal.signal(number, lambda *_: told.set()) for number in _ENDS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
