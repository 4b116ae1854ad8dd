"""The browser test's own tools: a notebook of three cells opens, runs, follows the theme and a drag."""

import nbformat

CELLS = [
    "import ipywidgets as widgets",
    "slider = widgets.IntSlider(value=0, min=0, max=100)\nslider",
    "print('all cells', 'ran')",
]


def write(path, *sources):
    """A notebook that names its kernel: otherwise JupyterLab asks for one, and waits."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)


def test_a_small_notebook_runs(lab):
    write(lab.folder / "small.ipynb", *CELLS)
    notebook = lab.open("small.ipynb")
    notebook.run_all("all cells ran")
    assert notebook.complaints() == []

    readout = notebook.show(".widget-readout")
    assert readout.inner_text() == "0"
    notebook.drag(".noUi-target", 0.01, 0.99)
    assert int(readout.inner_text()) > 90

    notebook.theme("JupyterLab Dark")
    notebook.theme("JupyterLab Light")


def test_an_error_in_a_cell_is_seen(lab):
    write(lab.folder / "broken.ipynb", "print('before')", "1 / 0")
    notebook = lab.open("broken.ipynb")
    notebook.run_all("ZeroDivisionError")
    assert len(notebook.complaints()) == 1
