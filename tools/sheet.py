"""Makes the sheet that a room writes on, `notebooks/sheet.html`, from the notebooks: every prediction, and empty outage bars.

python -m tools.sheet [file, notebooks/sheet.html unless told]
"""

import re
import sys
from html import escape
from pathlib import Path

import mistune
import nbformat

ROOT = Path(__file__).parent.parent
NOTEBOOKS = ROOT / "notebooks"
GUESS = re.compile(r"\*\*(?:And )?guess(?:\.|\*\*)", re.I)
OPTION = re.compile(r"^- `\"?([\w+]+)\"?`\s*(.*)$")
BARS = re.compile(r"\boutage\(|draw_outage|outage of|[Oo]utage bar")
TICKS = ("1 ms", "10 ms", "0.1 s", "1 s", "10 s", "2 min", "17 min", "3 h", "1 day")  # a decade each

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>swarmlab: predictions and outage bars</title>
<style>
body {{ font: 11pt/1.4 sans-serif; color: #111; background: #fff; max-width: 46em; margin: 1em auto; }}
section {{ break-after: page; }}
h2 {{ font-size: 14pt; margin: 0 0 .5em; }}
ol {{ padding-left: 1.5em; }}
ol > li {{ margin-bottom: .7em; break-inside: avoid; }}
ul {{ list-style: none; padding: 0; margin: .2em 0; }}
ul li::before {{ content: "☐ "; font-size: 13pt; }}
p {{ margin: 0; }}
svg {{ display: block; margin: .9em 0; max-width: 100%; }}
</style>
</head>
<body>
<h1>Predict, run, look, explain</h1>
<p>Tick before you run. Draw the four instants of each outage (fault, noticed, decided, healed) into a bar, your guess as a hollow triangle above it.</p>
{sections}
</body>
</html>
"""


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) if arguments else NOTEBOOKS / "sheet.html"
    path.write_text(sheet(), encoding="utf-8")
    print(f"{path}: {path.stat().st_size} bytes")
    return 0


def sheet() -> str:
    """The whole page."""
    return PAGE.format(sections="\n".join(filter(None, map(section, sorted(NOTEBOOKS.glob("*.ipynb"))))))


def section(path: Path) -> str:
    """One lesson: its title, its predictions, and bars where it has outages; nothing where nothing is predicted."""
    cells, scene, items = nbformat.read(path, 4).cells, "", []
    title = cells[0].source.splitlines()[0].lstrip("# ")
    for cell in cells:
        if cell.cell_type == "markdown":
            scene = cell.source.splitlines()[0][3:] if cell.source.startswith("## ") else scene
            items += [item(scene, question, options) for question, options in predictions(cell.source)]
    if not items:
        return ""
    bars = 2 if any(BARS.search(cell.source) for cell in cells) else 0
    drawn = "\n".join(bar() for _ in range(bars))
    return f"<section>\n<h2>{escape(title)}</h2>\n<ol>\n{chr(10).join(items)}\n</ol>\n{drawn}\n</section>"


def item(scene: str, question: str, options: list[str]) -> str:
    """A prediction, below the heading of its scene."""
    return f"<li><small>{words(scene)}</small><br>{words(question)}{ticks(options)}</li>"


def predictions(text: str) -> list[tuple[str, list[str]]]:
    """The questions of a text cell, each with its options."""
    found = []
    for part in GUESS.split(text)[1:]:
        question, _, rest = part.partition("\n\n- ")
        options = []
        for line in f"- {rest}".splitlines():
            option = OPTION.match(line)
            if option is None:
                break
            options.append(option[2] or option[1])
        found.append((" ".join(question.strip(" *.").splitlines()), options))
    return found


def words(text: str) -> str:
    """Markdown of one paragraph as HTML, without its paragraph and its links."""
    plain = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", text)
    return re.sub(r"^<p>|</p>\n?$", "", str(mistune.html(plain)))


def ticks(options: list[str]) -> str:
    """A box to tick for each option, or a line to write on."""
    if not options:
        return "<p>…………………………………………</p>"
    return "<ul>" + "".join(f"<li>{words(option)}</li>" for option in options) + "</ul>"


def bar() -> str:
    """An empty bar on a time axis, a decade per step, with room for a title, the guess and the visits lost."""
    step, left, width = 72, 40, 72 * (len(TICKS) - 1) + 80
    marks = "".join(
        f'<path d="M{left + step * n} 52v8" stroke="#111"/>'
        f'<text x="{left + step * n}" y="76" text-anchor="middle" font-size="11">{text}</text>'
        for n, text in enumerate(TICKS)
    )
    return (
        f'<svg viewBox="0 0 {width} 84" width="{width}" height="84" role="img">'
        "<title>An empty outage bar from a millisecond to a day</title>"
        '<text x="0" y="12" font-size="11">what breaks: ………………………………………</text>'
        f'<rect x="{left}" y="26" width="{step * (len(TICKS) - 1)}" height="26" fill="none" stroke="#111"/>{marks}</svg>'
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
