"""The repository itself: set-up, pins, badges, licences, and the README's quickstart."""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

from tools.bootstrap import complaint

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FIRST_PART = "# The lessons and their tests"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pins(part: str = "", file: str = "requirements.txt") -> list[str]:
    """The lines of requirements.txt that pin something, of all parts or of the one below a heading."""
    lines = read(file).splitlines()
    if part:
        lines = lines[lines.index(part) + 1 :]
        lines = lines[: lines.index("")]
    return [line for line in lines if line and not line.startswith("#")]


DASK = pins(file="tools/dask.txt")  # what `make dask` adds, in a folder of its own


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    return normal(re.match(r"[\w.-]+", requirement).group())


# the pins


def test_every_pin_is_exact_and_stands_once():
    for line in pins() + DASK:
        assert re.fullmatch(r'[\w.-]+==[\w.]+(; \w+ (==|!=|<) "[\w.]+")?', line), line
    names = [name_of(line) for line in pins() + DASK]
    assert len(names) == len(set(names))


def test_everything_the_project_asks_for_is_pinned():
    wanted = PROJECT["dependencies"] + [line for extra in PROJECT["optional-dependencies"].values() for line in extra]
    assert {name_of(line) for line in wanted} <= {name_of(line) for line in pins() + DASK}
    assert set(PROJECT["optional-dependencies"]["dask"]) <= {name_of(line) for line in DASK}


def test_the_engine_needs_a_yaml_parser_real_cryptography_and_a_web_server_and_nothing_else():
    assert [name_of(line) for line in PROJECT["dependencies"]] == ["pyyaml", "cryptography", "tornado"]


def test_conda_and_binder_install_the_pins_of_the_lessons():
    environment = yaml.safe_load(read("environment.yml"))
    python, pip, packages = environment["dependencies"]
    assert environment["name"] == "swarmlab"
    assert re.fullmatch(r"python=3\.1[1-4]", python) and pip == "pip"
    assert packages["pip"] == pins(FIRST_PART)


def test_binder_has_a_real_copy_of_the_environment():
    copy = ROOT / "binder" / "environment.yml"
    assert not copy.is_symlink()
    assert copy.read_bytes() == (ROOT / "environment.yml").read_bytes()


def test_the_lessons_part_of_the_pins_is_enough_for_the_lessons():
    names = {name_of(line) for line in pins(FIRST_PART)}
    extras = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + extras["lessons"] + extras["test"]
    assert {name_of(line) for line in wanted} <= names


in_our_venv = pytest.mark.skipif(Path(sys.prefix) != ROOT / ".venv", reason="not in the .venv that make builds")


@in_our_venv
def test_what_is_installed_is_what_is_pinned():
    installed = {normal(found.metadata["Name"]): found.version for found in distributions()}
    pinned = {name_of(line): line.split("==")[1].split(";")[0] for line in pins()}
    for own in ("pip", "setuptools", "swarmlab"):
        installed.pop(own, None)
    assert installed.items() <= pinned.items()


@in_our_venv
def test_what_is_installed_accepts_every_python_that_we_do():
    asked = {found.metadata["Name"]: found.metadata["Requires-Python"] or "" for found in distributions()}
    for python in ("3.11.0", "3.12.0", "3.13.0", "3.14.0"):
        assert [name for name, versions in asked.items() if python not in SpecifierSet(versions)] == []


# the address, which is not fixed yet


def test_every_badge_and_link_agrees_with_the_address_in_pyproject():
    owner, name = re.fullmatch(r"https://github\.com/([\w-]+)/([\w.-]+)", PROJECT["urls"]["Repository"]).groups()
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for address in re.findall(r"mybinder\.org/v2/gh/([\w./-]+)", text):
            assert address == f"{owner}/{name}/v{PROJECT['version']}", page.name
        for address in re.findall(rf"github\.com/([\w-]+/{name})\b", text):
            assert address == f"{owner}/{name}", page.name


def test_the_badge_opens_the_first_lesson_and_says_what_it_is():
    badge = re.search(r"\[!\[([^\]]*)\]\([^)]*\)\]\((https://mybinder\.org/\S+)\)", read("README.md"))
    alt, address = badge.groups()
    assert len(alt) >= 20
    assert address.endswith("?urlpath=lab/tree/notebooks/00_start_here.ipynb")


def test_the_readme_links_to_what_exists():
    for alt, target in re.findall(r"!?\[([^\]]*)\]\(((?!https?:)[^)#]+)\)", read("README.md")):
        assert (ROOT / target).exists(), target
        assert alt


def test_the_quickstart_of_the_readme_does_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    blocks = re.findall(r"^```python\n(>>> .*?)^```", read("README.md"), re.MULTILINE | re.DOTALL)
    assert blocks
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "quickstart", "README.md", 0)
    told: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=told.append)
    assert result.failed == 0, "".join(told)


# set-up


def test_what_is_missing_is_said_in_one_line():
    assert complaint((3, 11, 0), has_venv=True) is None
    old, bare = complaint((3, 9, 2), has_venv=True), complaint((3, 13, 0), has_venv=False, platform="linux")
    assert "3.11 or newer" in old and "this is 3.9" in old and "\n" not in old
    assert "python3-venv" in bare and "\n" not in bare


def test_make_without_a_python_says_so():
    answer = make("setup", "PYTHON=no-such-python")
    assert answer.returncode != 0
    assert "swarmlab needs Python 3.11 or newer" in answer.stderr


def test_make_alone_lists_the_targets():
    listed = re.findall(r"^make (\w+)  ", make().stdout, re.MULTILINE)
    targets = re.search(r"^\.PHONY: (.*)", read("Makefile"), re.MULTILINE).group(1).split()
    assert set(listed) == set(targets) - {"help", "setup"}


def make(*arguments: str) -> subprocess.CompletedProcess:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "MFLAGS"}
    return subprocess.run(["make", "-s", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True)


def test_the_package_carries_what_the_engine_reads(tmp_path):
    pytest.importorskip("flit_core")
    from flit_core.wheel import make_wheel_in

    with zipfile.ZipFile(make_wheel_in(ROOT / "pyproject.toml", tmp_path).file) as wheel:
        packed = set(wheel.namelist())
    own = {file.relative_to(ROOT).as_posix() for file in (ROOT / "swarmlab").rglob("*") if file.is_file()}
    own = {name for name in own if "__pycache__" not in name}
    assert "swarmlab/py.typed" in own
    assert own <= packed


def test_ci_runs_the_commands_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK) and os.access(ROOT / "binder" / "postBuild", os.X_OK)
    assert {"test", "check", "browser"} <= set(re.findall(r"\w+", script.read_text(encoding="utf-8")))
    assert "make test" in read("README.md")


def test_code_and_lessons_say_their_licences():
    assert "Apache License" in read("LICENSE") and PROJECT["license"] == "Apache-2.0"
    assert "Attribution 4.0 International" in read("notebooks/LICENSE.md")


def test_the_changelog_knows_what_comes_next():
    assert "## [Unreleased]" in read("CHANGELOG.md")


def test_binder_would_build_from_the_binder_folder():
    tool = shutil.which("jupyter-repo2docker")
    if tool is None:
        pytest.skip("jupyter-repo2docker is not installed")
    answer = subprocess.run([tool, "--no-build", "."], cwd=ROOT, capture_output=True, text=True, timeout=120)
    said = answer.stdout + answer.stderr
    assert answer.returncode == 0, said
    assert "Building conda environment for python=3.1" in said
    assert "binder/environment.yml" in said and "binder/postBuild" in said
    assert "apt-get install --yes --no-install-recommends docker.io" in said


def test_binder_has_the_docker_client_for_lesson_14():
    lines = [line.partition("#")[0].strip() for line in read("binder/apt.txt").splitlines()]
    assert [line for line in lines if line] == ["docker.io"]
