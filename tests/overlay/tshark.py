"""Wireshark's own eyes on a capture, where tshark is installed (`apt-get install tshark`)."""

import re
import shutil
import subprocess

import pytest

CHECKS = [f"{protocol}.check_checksum:TRUE" for protocol in ("ip", "tcp", "udp")]


def dissect(tmp_path, capture: bytes, *fields: str, options=()) -> list[tuple[str, ...]]:
    """For each frame of the capture what tshark finds in these fields."""
    lines = run(tmp_path, capture, ["-T", "fields", *(word for field in fields for word in ("-e", field))], options)
    return [tuple(line.split("\t")) for line in lines]


def complaints(tmp_path, capture: bytes, options=()) -> list[str]:
    """What tshark's expert holds for an error, worth a warning or a note, but for the notes that a connection is closed."""
    lines = run(tmp_path, capture, ["-q", "-z", "expert,note"], options)
    return [line for line in lines if re.match(r" +\d", line) and "the connection closing" not in line]


def run(tmp_path, capture: bytes, arguments, options) -> list[str]:
    """The lines that tshark prints."""
    tool = shutil.which("tshark")
    if tool is None:
        pytest.skip("tshark is not installed")
    file = tmp_path / "capture.pcap"
    file.write_bytes(capture)
    chosen = [word for option in (*CHECKS, *options) for word in ("-o", option)]
    # A home of its own: nobody's settings of Wireshark change what is seen here.
    home = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    command = [tool, "-n", "-r", str(file), *chosen, *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, env=home, timeout=120)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()
