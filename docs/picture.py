"""Draws the picture of README.md: one lock, and the three machines that install it.

docs/generate.py writes it as picture.svg. An SVG in a README has no fonts and no style sheet of its
own, and stands on a white page or on a black one: so it brings its background.
"""

from __future__ import annotations

WIDTH, HEIGHT = 860, 380
INK, DIM, LINE, PAPER, BOX = "#1f2328", "#59636e", "#8c959f", "#ffffff", "#f6f8fa"
SAYS = (
    "One poetry.lock holds torch 2.10.0 for the targets cpu and cu126. From it poetry install puts "
    "torch 2.10.0 on a Mac, 2.10.0+cpu on a server without a GPU, and 2.10.0+cu126 on a GPU server."
)
MACHINES = (
    ("Mac", "Apple silicon: target cpu", "torch 2.10.0", "#0969da"),
    ("CI, Docker, a server", "Linux without a GPU: target cpu", "torch 2.10.0+cpu", "#1a7f37"),
    ("GPU server", "Linux with NVIDIA: target cu126", "torch 2.10.0+cu126", "#8250df"),
)


def draw() -> str:
    """Return the picture as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        '<g font-family="system-ui, sans-serif">',
        f"<title>{SAYS}</title>",
        box(0.5, 0.5, WIDTH - 1, HEIGHT - 1, PAPER),
        *asked(),
        *lock(),
    ]
    for number, machine in enumerate(MACHINES):
        parts += installed(30 + number * 113, *machine)
    return "\n".join((*parts, "</g>", "</svg>", ""))


def asked() -> list[str]:
    """Draw what the project asks for."""
    return [
        box(24, 110, 200, 160, BOX),
        text(40, 138, "pyproject.toml", weight="600"),
        text(40, 170, 'torch = "2.10.0"', is_code=True),
        text(40, 196, "targets =", is_code=True),
        text(40, 218, '  ["cpu", "cu126"]', is_code=True),
        text(40, 252, "no source, no marker", colour=DIM),
        *arrow(228, 190, 292, 190, "lock", INK),
    ]


def lock() -> list[str]:
    """Draw the lock: a row for each build, in the colour of the machine that installs it."""
    rows = [text(318, 138, "one poetry.lock", weight="600")]
    for number, (_, _, build, colour) in enumerate(MACHINES):
        rows += [
            f'<circle cx="324" cy="{165 + number * 30}" r="5" fill="{colour}"/>',
            text(338, 170 + number * 30, build, is_code=True),
        ]
    return [box(302, 110, 206, 160, BOX), *rows, text(318, 258, "all with hashes", colour=DIM)]


def installed(top: int, name: str, what: str, build: str, colour: str) -> list[str]:
    """Draw a machine, and what `poetry install` puts on it."""
    middle = top + 48
    return [
        *arrow(512, 190, 590, middle, "", colour),
        box(598, top, 240, 96, BOX, colour),
        text(614, top + 28, name, weight="600"),
        text(614, top + 51, what, colour=DIM, size=13),
        text(614, top + 78, build, is_code=True, colour=colour),
    ]


def box(x: float, y: float, width: float, height: float, fill: str, line: str = LINE) -> str:
    """Draw a box with round corners."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="{fill}"'
        f' stroke="{line}"/>'
    )


def text(
    x: int, y: int, words: str, *, weight: str = "400", colour: str = INK, size: int = 15,
    is_code: bool = False,
) -> str:  # fmt: skip
    """Write words that begin at a point."""
    font = ' font-family="ui-monospace, monospace" xml:space="preserve"' if is_code else ""
    size = size - 1 if is_code else size
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{colour}"{font}>'
        f"{words}</text>"
    )


def arrow(x: int, y: int, to_x: int, to_y: int, words: str, colour: str) -> list[str]:
    """Draw an arrow, with words above it."""
    bend = (x + to_x) // 2
    curve = f"M{x} {y} C{bend} {y} {bend} {to_y} {to_x} {to_y}"
    return [
        f'<path d="{curve}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<path d="M{to_x} {to_y - 5} l8 5 l-8 5 z" fill="{colour}"/>',
        *([text(bend - 14, y - 10, words, colour=DIM)] if words else []),
    ]
