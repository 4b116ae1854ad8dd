"""The Engine API on the wire: a real `docker` client, in a terminal beside the notebook, talks to a simulated machine.

Everything is HTTP/1.1 by tornado, in a thread with an event loop of its own. A request is read, and may be turned away
(`api.doorway`), in the loop; its endpoint (`api.routes`) is a plain function and runs in a thread, as long as it takes. What can grow is bounded: headers, bodies, connections, streams, and how long one may take to say something.
"""

import asyncio
import contextlib
import http
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tornado import httputil
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamClosedError

from ..objects import ApiError
from . import upgraded
from .api import doorway, routes
from .api.asked import Answer, Asked, Hijacked, Refusal, Streamed
from .conductor import Conductor, Gone
from .session import Interrupted
from .sockets import Address, Port, SocketFile

BODY = 4 * 2**20  # bytes; the largest that Docker knows is a config of 1 000 kB, in base64
HEADERS = 2**16
QUIET = 60  # seconds in which a client has to send a request, or the rest of it
PROBE = 60  # seconds without a word after which a client of an upgraded connection is asked whether it is there
CONNECTIONS = 256  # of one address
STREAMS = 64  # of all addresses: logs and events that are followed, execs
THREADS = 64  # requests of all addresses that are carried out at once; more have to wait
DEAF = "docker-sdk-python"  # this client loses what it reads together with the headers of an exec
HEARD = 0.15  # seconds that it gets to read them
TLS_GREETING = 0x16
NO_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"

Whole = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body


class Served:
    """Where a cluster listens. `host` is for DOCKER_HOST; `hosts` has the other machines' too, by name. A context manager.

    `nodes` maps machines to ports of their own. Without a port it listens on a Unix socket where there are any."""

    def __init__(
        self,
        cluster: Any,
        machine: str,
        port: int | None = None,
        pace: float | None = None,
        unix: str | None = None,
        nodes: Mapping[str, int] | None = None,
    ):
        self.cluster = cluster
        self._listeners: list[_Listener] = []
        before = cluster._conductor
        try:
            self._add(machine, _address(port, unix))
            for name, own in (nodes or {}).items():
                self._add(name, Port(own))
            self.conductor: Conductor = cluster.conductor(pace)
        except ValueError:
            self._free()
            raise
        self.conductor.join(began=self.conductor is not before)
        self.host = self._listeners[0].address.host
        self.hosts = {listener.machine: listener.address.host for listener in reversed(self._listeners)}
        self.streams = 0
        self._closed = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="swarmlab server", daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        self._ready.wait()
        self.conductor.listen(self._look)

    def close(self) -> None:
        """Stop answering: the addresses are free again, and every thread has ended."""
        if self._closed:
            return
        self._closed = True
        with self.conductor.moved:  # so that nobody is looking just now
            self.conductor.unlisten(self._look)
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()
        self._free()
        self.conductor.part()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Served on {', '.join(self.hosts.values())}{': closed' if self._closed else ''}>"

    @property
    def exports(self) -> list[str]:
        """The lines to be typed in a terminal, one for each machine."""
        lines = [f"export DOCKER_HOST={listener.address.host}" for listener in self._listeners]
        width = max(map(len, lines))
        return [f"{line:{width}}  # {one.machine}" for line, one in zip(lines, self._listeners, strict=True)]

    def _add(self, machine: str, address: Address) -> None:
        try:
            self.cluster._machine(machine)
        except ValueError:
            address.free()
            raise
        self._listeners.append(_Listener(self, machine, address))

    def _free(self) -> None:
        for listener in self._listeners:
            listener.address.free()

    async def _serve(self) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self.hands = asyncio.Semaphore(THREADS)
        for listener in self._listeners:
            await listener.follow(self._runs(listener.machine))
        self._ready.set()
        await self._ended.wait()
        for listener in self._listeners:
            await listener.close()

    def _runs(self, machine: str) -> bool:
        return self.cluster.machines[machine].running

    def _look(self) -> None:
        """After each beat: a machine may have been switched off or on."""
        if self._closed:
            return
        for listener in self._listeners:
            runs = self._runs(listener.machine)
            if runs != listener.runs:
                listener.runs = runs
                asyncio.run_coroutine_threadsafe(listener.follow(runs), self._loop)


def _address(port: int | None, unix: str | None) -> Address:
    if port is not None and unix is not None:
        raise ValueError("a port or a Unix socket, not both")
    if unix is not None or (port is None and hasattr(socket, "AF_UNIX")):
        return SocketFile(unix)
    return Port(port or 0)


class _Server(HTTPServer):
    """Tornado's, with a bound on connections. Who speaks TLS is told at once, instead of being waited for."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        if len(self._connections) >= CONNECTIONS:
            stream.close()
            return
        _turn_away_tls(stream)
        super().handle_stream(stream, address)


def _turn_away_tls(stream: IOStream) -> None:
    """Look at the first byte that comes: no method of HTTP begins as a greeting of TLS does."""
    read = stream.read_from_fd

    def first(buffer: bytearray | memoryview) -> int | None:
        found = read(buffer)
        if found is None:
            return None
        stream.read_from_fd = read  # type: ignore[method-assign]
        if found and buffer[0] == TLS_GREETING:
            with contextlib.suppress(OSError):
                stream.socket.send(NO_TLS)
            return 0  # the end
        return found

    stream.read_from_fd = first  # type: ignore[assignment,method-assign]


class _Listener(httputil.HTTPServerConnectionDelegate):
    """The engine of one machine at its address."""

    def __init__(self, served: Served, machine: str, address: Address):
        self.served, self.machine, self.address = served, machine, address
        self.runs, self._is_open, self._complained = True, True, False
        self._server: _Server | None = None
        self._turn: asyncio.Lock | None = None
        self.tasks: dict[asyncio.Task, Any] = {}  # requests under way, and their sessions
        self.wires: set[socket.socket] = set()  # connections that are no longer HTTP

    async def follow(self, runs: bool) -> None:
        """Listen while the machine runs; when it goes off, whoever was connected is cut off."""
        self._turn = self._turn or asyncio.Lock()
        async with self._turn:
            if runs and self._server is None:
                bounds = {"max_header_size": HEADERS, "max_body_size": BODY, "max_buffer_size": 2 * BODY}
                limits = {"idle_connection_timeout": QUIET, "body_timeout": QUIET}
                if listening := self._listen():
                    self._is_open, self._server = True, _Server(self, **bounds, **limits)
                    self._server.add_socket(listening)
            elif not runs and self._is_open:
                server, self._server = self._server, None
                self._is_open = False
                if server:
                    server.stop()
                self.address.shut()
                await self._cut_off(server)

    def _listen(self) -> socket.socket | None:
        """None when somebody else has got the address meanwhile: said once, and tried again at the next look."""
        try:
            return self.address.open()
        except OSError as fault:
            self.runs = False
            if not self._complained:
                _complain(f"{self.machine} cannot listen at {self.address.host}", fault)
            self._complained = True
            return None

    async def close(self) -> None:
        """Cut everybody off, and listen no more."""
        if self._server:
            self._server.stop()
        await self._cut_off(self._server)
        if self.tasks:
            await asyncio.wait(list(self.tasks))

    async def _cut_off(self, server: _Server | None) -> None:
        for session in [session for session in self.tasks.values() if session]:
            session.leave()
        for wire in self.wires:
            with contextlib.suppress(OSError):
                wire.shutdown(socket.SHUT_RDWR)
        if server:
            await server.close_all_connections()

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> "_Exchange":
        return _Exchange(self, request_conn)

    def on_close(self, server_conn: object) -> None:
        pass

    def begin(self, exchange: "_Exchange") -> None:
        task = asyncio.get_running_loop().create_task(exchange.answer())
        exchange.task = task
        self.tasks[task] = None
        task.add_done_callback(self.tasks.pop)


class _Exchange(httputil.HTTPMessageDelegate):
    """One request and its answer."""

    def __init__(self, listener: _Listener, connection: Any):
        self.listener, self.served, self.connection = listener, listener.served, connection
        self.method = self.target = ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.task: asyncio.Task | None = None
        self.session: Any = None

    # ── hearing it ───────────────────────────────────────────────────────────────────────────────────────────────

    async def headers_received(self, start_line: Any, headers: httputil.HTTPHeaders) -> None:
        self.method, self.target = start_line.method, start_line.path
        self.headers = {name.lower(): value for name, value in headers.items()}
        length = self.headers.get("content-length", "")
        if length.isdecimal() and int(length[:18]) > BODY:
            await self._refuse_unread(Refusal(413, f"the body of a request is limited to {BODY} bytes"))

    async def _refuse_unread(self, refusal: Refusal) -> None:
        status, headers, body = doorway.wire(doorway.error(refusal))
        await self.connection.write_headers(_line(status), httputil.HTTPHeaders(dict(headers)), body)
        self.connection.close()

    def data_received(self, chunk: bytes) -> None:
        self.body += chunk

    def finish(self) -> None:
        self.listener.begin(self)

    # ── answering it ─────────────────────────────────────────────────────────────────────────────────────────────

    async def answer(self) -> None:
        """Whatever happens, the client hears something, or is cut off."""
        try:
            given = await self._given()
            if isinstance(given, Streamed | Hijacked):
                await self._stream(given)
            elif given is not None:
                await self._send(given)
            else:
                self.connection.close()
        except (StreamClosedError, TimeoutError):
            self.connection.close()  # the client has gone, or does not read
        except Exception as fault:
            _complain(f"{self.method} {self.target[:200]}", fault)
            self.connection.close()

    async def _given(self) -> Whole | Streamed | Hijacked | None:
        """What goes back; None when nobody is there: the machine is off."""
        if not self.served._runs(self.listener.machine):
            return None
        try:
            asked = doorway.asked(
                self.method, self.target, self.headers, bytes(self.body), self.listener.address.is_socket
            )
            if asked.path == "/_ping" and self.method in ("GET", "HEAD"):
                return doorway.wire(doorway.ping(self.method))
            found = routes.find(asked.method, asked.path)
            if found is None:
                raise Refusal(404, "page not found")
        except Refusal as refusal:
            return doorway.wire(doorway.error(refusal))
        function, names = found
        said = f"{asked.method} {asked.path[:200]}"
        self.session = session = self.served.conductor.session(self.listener.machine, said)
        self.connection.set_close_callback(session.leave)
        if self.task:
            self.listener.tasks[self.task] = session
        async with self.served.hands:
            if session.left:  # while it had to wait
                return None
            return await _aside(_carry_out, function, session, asked._replace(names=names))

    async def _send(self, whole: Whole) -> None:
        status, headers, body = whole
        body = b"" if self.method == "HEAD" else body
        await asyncio.wait_for(self.connection.write_headers(_line(status), _headers(headers), body), QUIET)
        self.connection.finish()

    async def _stream(self, given: Streamed | Hijacked) -> None:
        """Piece after piece, no faster than the client takes them."""
        if self.served.streams >= STREAMS:
            _close(given.pieces)
            await self._send(doorway.wire(Answer(503, {"message": f"{STREAMS} streams are open: no more"})))
            return
        self.served.streams += 1
        try:
            if isinstance(given, Hijacked):
                await self._take_over(given)
            else:
                await self.connection.write_headers(_line(200), _headers(doorway.headers_of(given.headers)))
                await _aside(self._push, given.pieces, asyncio.get_running_loop())
                self.connection.finish()
        except (Gone, Interrupted, ApiError, Refusal):
            self.connection.close()  # before its end, so that the client knows
        finally:
            self.served.streams -= 1
            _close(given.pieces)

    def _push(self, pieces: Iterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: piece after piece, no faster than the client takes them."""
        for piece in filter(None, pieces):
            asyncio.run_coroutine_threadsafe(self._write(piece), loop).result()

    async def _write(self, piece: bytes) -> None:
        await asyncio.wait_for(self.connection.write(piece), QUIET)

    async def _take_over(self, given: Hijacked) -> None:
        stream, head = self._hijack(given)
        wire = stream.socket
        upgraded.keep_alive(wire, PROBE)
        self.session.is_gone = lambda: upgraded.is_gone(wire)
        self.listener.wires.add(wire)
        pause = HEARD if DEAF in self.headers.get("user-agent", "") else 0
        try:
            await _aside(upgraded.pour, wire, head, given.pieces, QUIET, pause)
        finally:
            self.listener.wires.discard(wire)
            wire.close()

    def _hijack(self, given: Hijacked) -> tuple[IOStream, bytes]:
        """The connection itself, taken from tornado: a client may close its half of it, and goes on listening."""
        stream = self.connection.detach()
        if stream.closed():  # whoever asked has left already
            raise Gone(self.session.machine)
        IOLoop.current().remove_handler(stream.fileno())
        upgrade = "upgrade" in self.headers.get("connection", "").lower()
        lines = ["HTTP/1.1 101 UPGRADED" if upgrade else "HTTP/1.1 200 OK", f"Content-Type: {given.content_type}"]
        lines += ["Connection: Upgrade", "Upgrade: tcp"] if upgrade else []
        lines += [f"{name}: {value}" for name, value in doorway.ALWAYS]
        return stream, ("\r\n".join(lines) + "\r\n\r\n").encode()


def _line(status: int) -> httputil.ResponseStartLine:
    return httputil.ResponseStartLine("HTTP/1.1", status, http.HTTPStatus(status).phrase)


def _headers(pairs: list[tuple[str, str]]) -> httputil.HTTPHeaders:
    headers = httputil.HTTPHeaders()
    for name, value in pairs:
        headers.add(name, value)
    return headers


async def _aside(function: Callable, *arguments: Any) -> Any:
    """What a function returns that may take its time. Its thread is no reason for Python not to end."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future = loop.create_future()

    def work() -> None:
        try:
            result, fault = function(*arguments), None
        except BaseException as raised:
            result, fault = None, raised
        loop.call_soon_threadsafe(done.set_exception if fault else done.set_result, fault or result)

    threading.Thread(target=work, name="swarmlab request", daemon=True).start()
    return await done


def _carry_out(function: routes.Endpoint, session: Any, asked: Asked) -> Whole | Streamed | Hijacked | None:
    """What an endpoint says, or what is said for it. In a thread."""
    try:
        given = function(session, asked)
        return given if isinstance(given, Streamed | Hijacked) else doorway.wire(given)
    except (Refusal, ApiError) as refusal:
        return doorway.wire(doorway.error(refusal))
    except (Gone, Interrupted):
        return None
    except Exception as fault:
        _complain(f"{asked.method} {asked.path[:200]}", fault)
        return doorway.wire(Answer(500, {"message": f"internal error: {type(fault).__name__}"}))


def _close(pieces: Iterator[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close:
        close()


def _complain(what: str, fault: Exception) -> None:
    """One line for whoever runs the server: this is a mistake of ours."""
    text = " ".join(str(fault).split())[:200]
    print(f"swarmlab: {what}: {type(fault).__name__}: {text}", file=sys.stderr)
