"""Executes notebooks in place, and stores what does not change from run to run.

    python -m tools.run_notebooks notebooks [more files or folders]

A notebook that raises is left as it was, and the exit code says so.
"""

import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}
# What an author may set (the last one folds all that is under a heading); the rest is a trace of some session.
CELL_METADATA = {"tags", "jupyter", "editable", "slideshow", "jp-MarkdownHeadingCollapsed"}


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__)
        return 2
    return 1 if sum(not execute_in_place(path) for path in notebooks(arguments)) else 0


def notebooks(arguments: list[str]) -> list[Path]:
    """The notebooks in these files and folders, in the order of their names."""
    paths = [Path(argument) for argument in arguments]
    return [found for path in paths for found in (sorted(path.glob("*.ipynb")) if path.is_dir() else [path])]


def execute_in_place(path: Path) -> bool:
    """Runs one notebook from top to bottom; writes it only when something changed. True when no cell raised."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    started = time.monotonic()
    client = NotebookClient(
        notebook,
        timeout=60,
        startup_timeout=120,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        print(f"{path}: a cell raised\n{error}", file=sys.stderr)
        return False
    tidy(notebook)
    after = nbformat.writes(notebook) + "\n"
    if after != before:
        path.write_text(after, encoding="utf-8")
    print(f"{path}: {'changed' if after != before else 'as before'} ({time.monotonic() - started:.1f} s)")
    return True


def tidy(notebook: nbformat.NotebookNode) -> None:
    """Drops what differs between two runs or two authors, and numbers the cells."""
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:02d}"
        kept = {key: value for key, value in cell.metadata.items() if key in CELL_METADATA}
        cell.metadata = nbformat.from_dict(kept)
        for output in cell.get("outputs", []):
            # The view of a widget is the number of a model that dies with the kernel; its text stays.
            output.get("data", {}).pop(WIDGET, None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
