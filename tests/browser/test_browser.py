"""The browser test's own tools: a notebook of three cells opens, runs, follows the theme and a drag."""

CELLS = [
    "import ipywidgets as widgets",
    "slider = widgets.IntSlider(value=0, min=0, max=100)\nslider",
    "print('all cells', 'ran')",
]


def test_a_small_notebook_runs(lab):
    lab.write("small.ipynb", *CELLS)
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
    lab.write("broken.ipynb", "print('before')", "1 / 0")
    notebook = lab.open("broken.ipynb")
    notebook.run_all("ZeroDivisionError")
    assert len(notebook.complaints()) == 1
