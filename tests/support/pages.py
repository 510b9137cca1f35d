"""The pages of an index: HTML (PEP 503, 592, 658), JSON (PEP 691, 700), find-links."""

from __future__ import annotations

import email
import hashlib
import html
import json
import posixpath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.support.sites import HostedFile, Index, Options

JSON_TYPE = "application/vnd.pypi.simple.v1+json"


def project_html(name: str, files: tuple[HostedFile, ...], page: Page) -> str:
    """A project's page, with the markup of PyTorch's own script."""
    rows = [f"    {anchor(file, page)}<br/>" for file in files]
    lines = ["<!DOCTYPE html>", "<html>", "  <body>", f"    <h1>Links for {name}</h1>", *rows]
    return "\n".join([*lines, "  </body>", "</html>", ""])


def project_json(name: str, files: tuple[HostedFile, ...], page: Page) -> str:
    body = {
        "meta": {"api-version": "1.1"},
        "name": name,
        "versions": sorted({file.distribution.version for file in files}),
        "files": [json_entry(file, page) for file in files],
    }
    return json.dumps(body)


def release_json(files: tuple[HostedFile, ...], page: Page) -> str:
    """A release in PyPI's own JSON, which Poetry asks PyPI for; addresses are absolute there."""
    first = files[0].distribution
    told = email.message_from_bytes(first.metadata)
    info = {
        "name": told["Name"],
        "version": told["Version"],
        "summary": told["Summary"] or "",
        "requires_dist": told.get_all("Requires-Dist"),
        "requires_python": first.requires_python,
        "yanked": all(file.yanked is not None for file in files),
    }
    return json.dumps({"info": info, "urls": [release_entry(file, page) for file in files]})


def release_entry(file: HostedFile, page: Page) -> dict[str, Any]:
    return {
        "filename": file.distribution.filename,
        "packagetype": "bdist_wheel" if file.distribution.is_wheel else "sdist",
        "url": page.hosts["absolute"] + escaped(file.path),
        "digests": {"sha256": file.distribution.sha256},
        "size": len(file.distribution.content),
        "yanked": file.yanked is not None,
    }


def root_html(index: Index) -> str:
    rows = [f'    <a href="{name}/">{name}</a><br/>' for name in index.projects]
    return "\n".join(["<!DOCTYPE html>", "<html>", "  <body>", *rows, "  </body>", "</html>", ""])


def root_json(index: Index) -> str:
    projects = [{"name": name} for name in index.projects]
    return json.dumps({"meta": {"api-version": "1.1"}, "projects": projects})


def find_links(files: tuple[HostedFile, ...], page: Page) -> str:
    """A flat page as torch_stable.html is: anchors and nothing else, relative, no hashes."""
    rows = []
    for file in files:
        inner = posixpath.relpath(file.path, posixpath.dirname(page.path))
        rows.append(f'<a href="{escaped(inner)}">{html.escape(inner)}</a><br>')
    return "\n".join(rows)


class Page:
    """Where a page stands and how it writes what it says about a file."""

    def __init__(self, path: str, options: Options, other_host: str, own_host: str) -> None:
        self.path = path
        self.options = options
        self.hosts = {"absolute": own_host, "other-host": other_host}

    def href(self, file: HostedFile) -> str:
        if self.options.links == "relative":
            return escaped(posixpath.relpath(file.path, self.path.rstrip("/")))
        return self.hosts.get(self.options.links, "") + escaped(file.path)

    def sha256(self, file: HostedFile) -> str | None:
        hidden = self.options.hashes == "partial" and "aarch64" in file.distribution.filename
        return None if self.options.hashes == "none" or hidden else file.distribution.sha256

    def metadata(self, file: HostedFile) -> str | None:
        """The hash that the page gives for a file's metadata; an empty one stands for `true`."""
        if self.options.metadata == "off" or not file.distribution.is_wheel:
            return None
        if self.options.metadata == "unhashed":
            return ""
        other = b"other bytes" if self.options.metadata == "wrong" else b""
        return hashlib.sha256(file.distribution.metadata + other).hexdigest()


def anchor(file: HostedFile, page: Page) -> str:
    digest = page.sha256(file)
    href = page.href(file) + (f"#sha256={digest}" if digest else "")
    attributes = {"href": href} | html_attributes(file, page)
    spelt = "".join(f' {name}="{html.escape(value)}"' for name, value in attributes.items())
    return f"<a{spelt}>{html.escape(file.distribution.filename)}</a>"


def html_attributes(file: HostedFile, page: Page) -> dict[str, str]:
    found: dict[str, str] = {}
    core = page.metadata(file)
    if core is not None:
        value = f"sha256={core}" if core else "true"
        found |= {"data-dist-info-metadata": value, "data-core-metadata": value}
    if page.options.requires_python and file.distribution.requires_python:
        found["data-requires-python"] = file.distribution.requires_python
    if page.options.upload_time:
        found["data-upload-time"] = file.upload_time
    if file.yanked is not None:
        found["data-yanked"] = file.yanked
    return found


def json_entry(file: HostedFile, page: Page) -> dict[str, Any]:
    digest = page.sha256(file)
    entry: dict[str, Any] = {
        "filename": file.distribution.filename,
        "url": page.href(file),
        "hashes": {"sha256": digest} if digest else {},
        "size": len(file.distribution.content),
        "yanked": False if file.yanked is None else file.yanked or True,
    }
    core = page.metadata(file)
    if core is not None:
        entry["core-metadata"] = {"sha256": core} if core else True
    if page.options.requires_python and file.distribution.requires_python:
        entry["requires-python"] = file.distribution.requires_python
    if page.options.upload_time:
        entry["upload-time"] = file.upload_time
    return entry


def escaped(path: str) -> str:
    """Quote a path as the indexes do: a plus sign becomes %2B."""
    return quote(path, safe="/")
