"""JupyterLab on a free port and Chromium without a screen, both with all their state in temporary folders.

A test asks for `lab`, and opens a lesson there, or a notebook of its own, which `lab.write` puts into `lab.folder`:

    def test_something(lab):
        lesson = lab.lesson("05")

Its cells have all run then. Whatever goes wrong on the page, and any request that leaves this machine, fails the test at its end.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

playwright_api = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 25  # seconds for anything on the page; a busy machine needs them
COLD_START = 120  # seconds for the server, and for the first import of everything

QUIET = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]

# JupyterLab asks on its first start whether to fetch news; nothing may cover the page or leave the machine.
SETTINGS = {
    "apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    }
}

RAN = "all cells", "ran"  # what a cell behind the last one prints, in two words: its own source must not look like it
ERROR = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
STDERR = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']"

# Every widget that is on the page has been drawn.
DRAWN = """() => [...document.querySelectorAll(".jp-OutputArea-output:not([data-mime-type])")]
    .every((output) => output.querySelector("[data-ready], .jupyter-widgets"))"""

# The notebook is in front, so that commands reach it, and its kernel has answered and waits.
READY = """() => {
    const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return session?.isReady && session.session?.kernel?.status === "idle"
        && session.session.kernel.connectionStatus === "connected"
        && window.jupyterapp.commands.isEnabled("notebook:run-all-cells");
}"""


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


class Server:
    """JupyterLab, serving one folder."""

    def __init__(self, folder: Path, state: Path):
        self.folder, self.token = folder, secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.log = state / "jupyter.log"
        self.process = subprocess.Popen(
            self.command(), env=self.environment(state), stdout=self.log.open("w"), stderr=subprocess.STDOUT
        )

    def command(self) -> list[str]:
        return [
            *[sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"],
            f"--port={self.address.rsplit(':')[-1]}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.folder}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.extension_manager=readonly",
            *(["--allow-root"] if is_root() else []),
        ]

    def environment(self, state: Path) -> dict[str, str]:
        settings = state / "settings"
        for name, values in SETTINGS.items():
            file = settings / "@jupyterlab" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(values))
        return os.environ | {
            "JUPYTER_CONFIG_DIR": str(state / "config"),
            "JUPYTER_DATA_DIR": str(state / "data"),
            "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(settings),
            "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
            "IPYTHONDIR": str(state / "ipython"),
        }

    def ask(self, path: str, method: str = "GET") -> bytes:
        request = urllib.request.Request(
            f"{self.address}/api/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + COLD_START
        while True:
            try:
                self.ask("status")
                return
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"JupyterLab did not start:\n{self.log.read_text()}") from error
                time.sleep(0.2)

    def end_sessions(self) -> None:
        """Kernels outlive a closed page, and the next page with the same name would get the old one."""
        for session in json.loads(self.ask("sessions")):
            self.ask(f"sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Notebook:
    """One notebook, open on a page."""

    def __init__(self, page):
        self.page = page

    def wait_for_kernel(self) -> None:
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function(READY, timeout=COLD_START * 1000)

    def command(self, name: str, **arguments) -> None:
        """A command of JupyterLab. Its promise is not waited for: some never end while the page is watched."""
        script = "([name, args]) => { window.jupyterapp.commands.execute(name, args); return 1 }"
        self.page.evaluate(script, [name, arguments])

    def run_all(self, sentinel: str, seconds: float = COLD_START) -> None:
        """Runs every cell, and waits for a text that only the last one prints."""
        self.command("notebook:run-all-cells")
        output = self.page.locator(".jp-OutputArea-output", has_text=sentinel).first
        output.wait_for(state="attached", timeout=seconds * 1000)

    def wait_until_idle(self) -> None:
        """The kernel has done all that was asked."""
        self.page.wait_for_function(READY)

    def complaints(self) -> list[str]:
        """What the cells wrote as errors and warnings."""
        return self.page.locator(f"{ERROR}, {STDERR}").all_inner_texts()

    def theme(self, name: str) -> None:
        """`JupyterLab Light` or `JupyterLab Dark`."""
        self.command("apputils:change-theme", theme=name)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{name}']", state="attached")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def show(self, selector: str):
        """The first such element, scrolled into view: cells far away may not be drawn at all."""
        element = self.page.locator(selector).first
        element.wait_for(state="attached")
        element.scroll_into_view_if_needed()
        return element

    def turn(self, number: int, to: str, says: str) -> None:
        """Chooses from the list of a knob, and reads the sentence below its picture."""
        knob = self.page.locator(".widget-dropdown select").nth(number)
        knob.scroll_into_view_if_needed()
        knob.select_option(to)
        self.page.locator(".widget-html", has_text=says).wait_for(state="attached")

    def drag(self, selector: str, start: float, end: float, moves: int = 30) -> None:
        """Draws the mouse over an element, from one share of its width to another."""
        box = self.show(selector).bounding_box()
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], y)
        self.page.mouse.down()
        for move in range(1, moves + 1):
            self.page.mouse.move(box["x"] + (start + (end - start) * move / moves) * box["width"], y)
        self.page.mouse.up()

    def save(self) -> None:
        self.command("docmanager:save")


class Lab:
    """A server and a browser: what a test holds."""

    def __init__(self, server: Server, browser):
        self.server, self.browser, self.folder = server, browser, server.folder
        self.troubles: list[str] = []
        browser.on("request", self.note)

    def note(self, request) -> None:
        """Remembers a request that leaves this machine."""
        here = self.server.address, self.server.address.replace("http", "ws"), "data:", "blob:"
        if not request.url.startswith(here):
            self.troubles.append(f"asked {request.url}")

    def write(self, name: str, *sources: str) -> None:
        """A notebook that names its kernel: otherwise JupyterLab asks for one, and waits."""
        cells = [nbformat.v4.new_code_cell(source) for source in sources]
        metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), self.folder / name)

    def lesson(self, number: str, *sources: str) -> Notebook:
        """A lesson, with all cells run, and after them more of a test's own; its widgets are there."""
        (path,) = NOTEBOOKS.glob(f"{number}_*.ipynb")
        notebook = nbformat.read(path, 4)
        notebook.cells += [nbformat.v4.new_code_cell(source) for source in (*sources, f"print{RAN}")]
        nbformat.write(notebook, self.folder / path.name)
        opened = self.open(path.name)
        opened.run_all(" ".join(RAN))
        opened.page.wait_for_function(DRAWN)
        return opened

    def open(self, name: str) -> Notebook:
        page = self.browser.new_page()
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        address = f"{self.server.address}/lab/tree/{name}?reset&token={self.server.token}"
        page.goto(address, wait_until="domcontentloaded", timeout=COLD_START * 1000)
        notebook = Notebook(page)
        notebook.wait_for_kernel()
        return notebook


@contextmanager
def running(server: Server):
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    with running(Server(tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("jupyter"))) as server:
        yield server


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (on Debian: apt-get install chromium)")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("chromium")),
            executable_path=CHROMIUM,
            headless=True,
            args=[*QUIET, *(["--no-sandbox"] if is_root() else [])],
            viewport={"width": 1280, "height": 900},
        )
        browser.set_default_timeout(PATIENCE * 1000)
        yield browser
        browser.close()


@contextmanager
def laboratory(chromium, jupyter):
    """JupyterLab in Chromium. Afterwards no kernel is left, no script has failed, and nothing was asked outside this machine."""
    lab = Lab(jupyter, chromium)
    yield lab
    for page in chromium.pages[1:]:
        page.close()
    chromium.remove_listener("request", lab.note)
    jupyter.end_sessions()
    assert lab.troubles == []


@pytest.fixture
def lab(chromium, jupyter):
    with laboratory(chromium, jupyter) as lab:
        yield lab
