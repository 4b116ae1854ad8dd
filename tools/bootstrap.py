"""Makes `.venv` from the pins in requirements.txt, and leaves it alone while they are unchanged.

Runs on any Python 3, however old, so that it can say in one line what is missing.
"""

import hashlib
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
STAMP = os.path.join(VENV, "made-from.txt")
PINS = os.path.join(ROOT, "requirements.txt")
PROJECT = os.path.join(ROOT, "pyproject.toml")


def complaint(version, has_venv, platform=sys.platform):
    """What to install, in one line; None when nothing is missing."""
    if version < (3, 11):
        found = f"{version[0]}.{version[1]}"
        return f"swarmlab needs Python 3.11 or newer, and this is {found}: install one, then run `make PYTHON=python3.12 …`."
    if not has_venv:
        package = "`apt-get install python3-venv` on Debian and Ubuntu" if platform == "linux" else "reinstall Python"
        return f"swarmlab needs Python's venv module: install it ({package}) and run make again."
    return None


def has_venv():
    try:
        import ensurepip  # noqa: F401  Debian ships venv without it, and then a new venv has no pip
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def fingerprint(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def wanted():
    """Two lines: what the packages were installed from, and what the project itself was."""
    packages = f"python {sys.version.split()[0]}, pins {fingerprint(PINS)}"
    return [packages, f"project {fingerprint(PROJECT)} in {ROOT}"]


def made():
    """The two lines of the venv that is there, or none when it is missing or no longer starts."""
    try:
        with open(STAMP) as file:
            lines = file.read().splitlines()
        subprocess.check_call([VENV_PYTHON, "-c", "pass"], stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return []
    return lines


def hold_the_door():
    """Two makes at once: the second waits here until the first is done."""
    try:
        import fcntl
    except ImportError:
        return None
    door = os.open(ROOT, os.O_RDONLY)
    fcntl.flock(door, fcntl.LOCK_EX)
    return door


def pip(*arguments):
    subprocess.check_call([VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "-qq", *arguments])


def build():
    packages, project = wanted()
    present = made()
    if packages not in present:
        print("Making .venv (once; a minute or two) …", flush=True)
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", VENV])
        pip("-r", PINS)
        # The first import of matplotlib makes its list of fonts: better now than in the first lesson.
        subprocess.check_call([VENV_PYTHON, "-c", "import matplotlib.font_manager"])
        write_stamp(packages)
    if [packages, project] != present:
        pip("--no-deps", "--no-build-isolation", "-e", ROOT)
        write_stamp(packages, project)


def write_stamp(*lines):
    with open(STAMP, "w") as file:
        file.write("\n".join(lines) + "\n")


def main():
    line = complaint(sys.version_info, has_venv())
    if line:
        sys.exit(line)
    door = hold_the_door()
    try:
        build()
    except subprocess.CalledProcessError as error:
        sys.exit(f"Setting up .venv failed (exit {error.returncode}): see the lines above, then run make again.")
    finally:
        if door is not None:
            os.close(door)


if __name__ == "__main__":
    main()
