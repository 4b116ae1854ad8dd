"""Is this machine ready for a room? Python, packages, a lesson without a network, a port and a browser, a line each.

    python -m tools.preflight [lesson, 00 unless told]

It ends with 0 when all is well. What is missing is said together with what to do.
"""

import os
import shutil
import socket
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .bootstrap import complaint, has_venv

ROOT = Path(__file__).parent.parent
NEEDED = ("swarmlab", "jupyterlab", "ipywidgets", "anywidget", "matplotlib", "pandas", "networkx")
PORT = 8888  # JupyterLab's own
BROWSERS = ("firefox", "google-chrome", "chromium", "chromium-browser", "microsoft-edge", "safari", "xdg-open", "open")

# Put in front of a lesson: whoever wants to leave this machine is refused, as in a room without a network.
OFFLINE = """
import socket

def _only_here(self, address, _connect=socket.socket.connect):
    if isinstance(address, tuple) and not str(address[0]).startswith(("127.", "::1", "localhost")):
        raise OSError(f"no network: {address}")
    return _connect(self, address)

socket.socket.connect = _only_here
"""


def main(arguments: list[str]) -> int:
    lesson = arguments[0] if arguments else "00"
    checks: list[tuple[str, Callable[[], str]]] = [
        ("Python", python),
        ("packages", packages),
        ("port", port),
        ("browser", browser),
        (f"lesson {lesson}, without a network", lambda: runs(lesson)),
    ]
    ready = True
    for name, check in checks:
        begun = time.monotonic()
        try:
            found, mark = check(), "✓"
        except RuntimeError as missing:
            found, mark, ready = str(missing), "✗", False
        took = time.monotonic() - begun
        print(f"{mark} {name}: {found}{f' ({took:.0f} s)' if took >= 1 else ''}", flush=True)
    print("Ready." if ready else "Not ready: see the lines with ✗.")
    return 0 if ready else 1


def python() -> str:
    """The Python that runs this, if it is new enough."""
    said = complaint(sys.version_info, has_venv())
    if said:
        raise RuntimeError(said)
    return sys.version.split()[0]


def packages() -> str:
    """What the lessons are run with."""
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        raise RuntimeError(f"{', '.join(missing)} not installed: run `make setup`")
    return f"jupyterlab {version('jupyterlab')}, matplotlib {version('matplotlib')}, swarmlab {version('swarmlab')}"


def port(number: int = PORT) -> str:
    """The port of JupyterLab; where it is taken, JupyterLab takes the next one."""
    for candidate in range(number, number + 10):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
        return f"{candidate} is free" if candidate == number else f"{number} is taken; JupyterLab will use {candidate}"
    raise RuntimeError(f"{number} to {number + 9} are taken: end other notebooks (`jupyter lab stop`)")


def browser() -> str:
    """Some browser that JupyterLab can open."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        try:
            found = webbrowser.get().name
        except webbrowser.Error:
            raise RuntimeError("none found: install one, or open the printed address on another machine") from None
    return Path(str(found)).name


def runs(lesson: str) -> str:
    """A lesson from top to bottom, with every way out of the machine shut."""
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError
    except ImportError:
        raise RuntimeError("nbclient is not installed: run `make setup`") from None
    path = next(iter((ROOT / "notebooks").glob(f"{lesson}_*.ipynb")), None)
    if path is None:
        raise RuntimeError("there is no such lesson")
    notebook = nbformat.read(path, 4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(OFFLINE))
    with tempfile.TemporaryDirectory() as home:
        os.environ["IPYTHONDIR"] = home  # a person's own start-up files must not decide
        where = {"metadata": {"path": str(path.parent)}}
        try:
            NotebookClient(notebook, timeout=120, startup_timeout=120, resources=where).execute()
        except CellExecutionError as error:
            raise RuntimeError(f"a cell failed: {error.ename}: {error.evalue}") from None
    return f"{sum(cell.cell_type == 'code' for cell in notebook.cells) - 1} cells ran"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
