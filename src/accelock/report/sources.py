"""Whether the lines of a compiled file lead pip to the builds that it pins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelock.catalogue import Source
from accelock.report.findings import Finding, Level
from accelock.report.freshness import recompile
from accelock.report.named import is_instance, named_sources
from accelock.report.project import label_of, of_families

if TYPE_CHECKING:
    from collections.abc import Iterator

    from accelock.catalogue import Family
    from accelock.locks.requirements import Pin
    from accelock.report.files import Compiled
    from accelock.report.project import Project
    from accelock.settings.settings import Config

_FLAGS = ("--index-url", "--extra-index-url", "--find-links")
_NOT_WRITTEN = ("--no-emit-index-url", "--no-emit-find-links")


def check_sources(compiled: Compiled, project: Project) -> Iterator[Finding]:
    """Yield a finding for each family whose builds no line of the file leads to."""
    if any(option in (compiled.command or "") for option in _NOT_WRITTEN):
        return
    stranded: dict[tuple[str, str], list[str]] = {}
    for family, pin in of_families(compiled, project):
        if _needs_line(family, pin) and not _has_line(compiled, family, pin, project.config):
            label = label_of(pin) or compiled.target.name
            stranded.setdefault((family.name, label), []).append(pin.name)
    for (family_name, label), names in stranded.items():
        what = (
            f"no {', '.join(_FLAGS)} line leads to the {label} builds of the {family_name} family "
            f"({', '.join(dict.fromkeys(names))})"
        )
        todo = f"pip would miss them, or take others; {recompile(compiled)}"
        yield Finding("no-index-line", Level.ERROR, compiled.name, what, todo)


def _needs_line(family: Family, pin: Pin) -> bool:
    """Tell whether a pin is of a build that only the family's own source has for sure."""
    package = family.package(pin.name)
    return pin.url is None and bool(label_of(pin) or (package and package.is_family_only))


def _has_line(compiled: Compiled, family: Family, pin: Pin, config: Config) -> bool:
    named = named_sources(compiled.command, family, config)
    urls = [url for flag in _FLAGS for url in compiled.requirements.values(flag)]
    return any(_serves(url, family, label_of(pin) or None, named) for url in urls)


def _serves(url: str, family: Family, label: str | None, named: tuple[Source, ...] | None) -> bool:
    """Tell whether pip can find a family's builds with this label (None: any) at a URL."""
    template = family.recognise(url)
    wanted = url.rstrip("/")
    if template is not None:
        source = Source(template)
        if not source.has_target or wanted == template.removesuffix("/{target}"):
            return True  # a page of all variants, or the index above those of the targets
        return label is None or source.template.replace("{target}", label) == wanted
    if named is None:
        return True
    return any(is_instance(wanted, source, label) for source in named)
