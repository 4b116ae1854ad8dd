"""Lessons as web pages that read whole where nothing runs and no network is: one file each, with pictures, their words, and no script.

python -m tools.html [folder, build/html unless told]
"""

import re
import sys
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from .cut_track import LINK, NOTEBOOKS, ROOT, moved

# The usual template asks three scripts from elsewhere, and forgets the words of a picture.
TEMPLATE = """
{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock html_head_js -%}
{%- block html_head_js_mathjax -%}{%- endblock html_head_js_mathjax -%}
{%- block html_head_js_mermaidjs -%}{%- endblock html_head_js_mermaidjs -%}
{%- block data_png scoped -%}
<div class="jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] | escape_html }}"
     width="{{ output | get_metadata('width', 'image/png') }}"
     alt="{{ output | get_metadata('alt', 'image/png') | escape_html }}">
</div>
{%- endblock data_png -%}
"""


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0]) if arguments else ROOT / "build" / "html"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        (folder / path.with_suffix(".html").name).write_text(page(path, folder), encoding="utf-8")
        print(folder / path.with_suffix(".html").name)
    return 0


def page(path: Path, folder: Path) -> str:
    """A lesson as it is stored, as a page of this folder."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: f"]({led(link[1], folder)}", cell.source)
    text, _ = HTMLExporter(raw_template=TEMPLATE).from_notebook_node(notebook, {"metadata": {"name": path.stem}})
    return str(text)


def led(target: str, folder: Path) -> str:
    """A link of a lesson: another lesson is a page beside it, all else stays where it is."""
    if (NOTEBOOKS / target).suffix == ".ipynb":
        return re.sub(r"\.ipynb$", ".html", target)
    return moved(target, folder, set())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
