"""Lessons as they are stored: executed, readable where nothing runs, and the same on every machine."""

import re
from pathlib import Path

import nbformat
import pytest

from tools.run_notebooks import execute_in_place, tidy

ROOT = Path(__file__).parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 25  # lines; aim at 8
SHORTEST_ALT = 20  # characters
PATH_OF_A_MACHINE = re.compile(r"(?:/home|/Users|/root|/tmp|/private|/var/folders|/usr/lib)/\w|\b[A-Z]:\\\w")

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=[path.stem for path in LESSONS])


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """Everything that is wrong with a stored notebook, a line each."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("widget state is stored: run `make notebooks`")
    for number, cell in enumerate(notebook.cells):
        found += [f"cell {number}: {fault}" for fault in faults_of_cell(cell)]
    return found


def faults_of_cell(cell: nbformat.NotebookNode):
    texts = [cell.source]
    if cell.cell_type == "code":
        if cell.execution_count is None and "nbval-skip" not in cell.metadata.get("tags", []):
            yield "not executed: run `make notebooks`"
        if cell.source.count("\n") >= LONGEST_CELL:
            yield f"longer than {LONGEST_CELL} lines: move some of it into the package"
        for output in cell.outputs:
            yield from faults_of_output(output)
            texts += text_of(output)
    if any(PATH_OF_A_MACHINE.search(text) or str(ROOT) in text for text in texts):
        yield "a path of one machine"


def faults_of_output(output: nbformat.NotebookNode):
    if output.output_type == "error":
        yield f"an error is stored: {output.ename}"
    if output.get("name") == "stderr":
        yield f"a warning is stored: {output.text[:80]}"
    data, metadata = output.get("data", {}), output.get("metadata", {})
    for kind in ("image/png", "image/jpeg"):
        if kind in data and len(metadata.get(kind, {}).get("alt", "")) < SHORTEST_ALT:
            yield f"a picture without alt text of {SHORTEST_ALT} characters"
    if "image/svg+xml" in data and "<title" not in "".join(data["image/svg+xml"]):
        yield "a drawing without a title"


def text_of(output: nbformat.NotebookNode) -> list[str]:
    data = output.get("data", {})
    return [output.get("text", ""), *("".join(data[kind]) for kind in data if kind.startswith("text/"))]


@every_lesson
def test_a_lesson_is_stored_as_it_should_be(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert faults(notebook) == []


@every_lesson
def test_a_lesson_has_one_cell_with_imports(path):
    notebook = nbformat.read(path, as_version=4)
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert sum(bool(re.search(r"^(import|from) ", source, re.MULTILINE)) for source in cells) <= 1


@every_lesson
def test_a_lesson_is_stored_in_the_form_that_make_notebooks_writes(path):
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    tidy(notebook)
    assert nbformat.writes(notebook) + "\n" == before


# the guard and the script themselves

PNG = {"image/png": "iVBORw0KGgo="}
SVG = {"image/svg+xml": "<svg></svg>"}


def notebook_with(source="1 + 1", outputs=(), execution_count=1, metadata=None):
    cell = nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=execution_count)
    return nbformat.v4.new_notebook(cells=[cell], metadata=metadata or {})


@pytest.mark.parametrize(
    "notebook, fault",
    [
        (notebook_with(execution_count=None), "not executed"),
        (notebook_with("x = 1\n" * LONGEST_CELL + "x"), "longer than"),
        (notebook_with(outputs=[nbformat.v4.new_output("error", ename="KeyError", evalue="")]), "an error is stored"),
        (
            notebook_with(outputs=[nbformat.v4.new_output("stream", name="stderr", text="careful")]),
            "a warning is stored",
        ),
        (notebook_with(outputs=[nbformat.v4.new_output("display_data", PNG)]), "a picture without alt text"),
        (notebook_with(outputs=[nbformat.v4.new_output("display_data", SVG)]), "a drawing without a title"),
        (notebook_with("open('/home/me/run.json')"), "a path of one machine"),
        (notebook_with(outputs=[nbformat.v4.new_output("stream", text="C:\\work")]), "a path of one machine"),
        (notebook_with(metadata={"widgets": {}}), "widget state is stored"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_the_guard_finds_a_planted_fault(notebook, fault):
    (found,) = faults(notebook)
    assert fault in found


def test_the_guard_is_content_with_a_healthy_cell():
    alt = {"image/png": {"alt": "Three managers, four workers, all outlines filled"}}
    assert faults(notebook_with(outputs=[nbformat.v4.new_output("display_data", PNG, metadata=alt)])) == []


def test_executing_twice_leaves_no_difference(tmp_path):
    path = tmp_path / "small.ipynb"
    cells = [
        "import ipywidgets as widgets\nfrom IPython.display import display",
        "for n in range(3):\n    print(n, flush=True)",
        "display(widgets.IntSlider(3))",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    path.write_text(nbformat.writes(notebook), encoding="utf-8")

    assert execute_in_place(path)
    first = path.read_text(encoding="utf-8")
    assert execute_in_place(path)

    assert path.read_text(encoding="utf-8") == first
    assert "widget-view" not in first and "IntSlider(value=3)" in first
    assert faults(nbformat.reads(first, as_version=4)) == []


def test_a_notebook_that_raises_is_left_as_it_was(tmp_path):
    path = tmp_path / "broken.ipynb"
    path.write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])), encoding="utf-8"
    )
    before = path.read_text(encoding="utf-8")
    assert not execute_in_place(path)
    assert path.read_text(encoding="utf-8") == before
