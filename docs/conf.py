"""Builds README.md and these pages as a site: `tox -e docs`.

The folder of the sources is the repository's, so that every link holds on the site as it does
there. The pages are plain Markdown: what only Sphinx needs is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "accelock"
html_title = "accelock"
extensions = ["myst_parser"]
myst_heading_anchors = 4  # as GitHub makes them; a link to one that is not there is a warning
root_doc = "README"
include_patterns = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/*.md"]
exclude_patterns = [".*", "build", "dist", "src", "tests"]  # where not to look for pages
nitpicky = True
smartquotes = False  # of --target it makes a dash
html_theme = "furo"
html_copy_source = False
html_extra_path = ["index.html"]

CONTENTS = """
```{toctree}
:hidden:
:caption: Use it

docs/poetry
docs/pip-tools
docs/uv
docs/docker
docs/ci
docs/conda
docs/machines
docs/families
docs/moving-in
```

```{toctree}
:hidden:
:caption: Look it up

docs/reference
docs/errors
docs/json
docs/security
docs/tested
CHANGELOG
```

```{toctree}
:hidden:
:caption: Change it

docs/how-it-works
CONTRIBUTING
```
"""


def setup(app: Sphinx) -> None:
    """Give the README the list of the pages."""
    app.connect("source-read", add_contents)


def add_contents(_app: Sphinx, page: str, source: list[str]) -> None:
    """Add it to what Sphinx has read of a page."""
    if page == root_doc:
        source[0] += CONTENTS
