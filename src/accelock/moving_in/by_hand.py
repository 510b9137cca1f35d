"""What a URL, a label or a word says by hand: whose index, which target."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.specifiers import SpecifierSet

from accelock.errors import UnknownWordError
from accelock.resolve.serving import target_of_url
from accelock.sources.model import parse_filename
from accelock.targets import parse_target

if TYPE_CHECKING:
    from accelock.catalogue import Catalogue, Family

#: A part of a name by which people mean hardware: requirements-gpu.in, the extra `cu121`.
WORD = re.compile(
    r"(?:^|(?<=[-_.]))(cpu|gpu|nvidia|cuda(?:[-_.]?\d+(?:[-_.]\d+)?)?|cu\d{2,3}"
    r"|rocm(?:[-_.]?\d+(?:\.\d+){0,2})?|xpu)(?=$|[-_.])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class FamilyPlace:
    """An index or a page of a family, where a project names it itself.

    :param template: with `{target}` where each target has a URL of its own.
    :param target: whose it is, or None where it has the builds of several.
    """

    family: Family
    template: str
    target: str | None

    @property
    def source(self) -> str | None:
        """Return what [tool.accelock.sources] has to say, None for the family's own index."""
        own, this = urlsplit(self.family.index), urlsplit(self.template)
        return None if (own.hostname, own.path) == (this.hostname, this.path) else self.template

    @property
    def becomes(self) -> list[str]:
        """Return what comes in its place in [tool.accelock]."""
        targets = [f'targets = ["{self.target}"]'] if self.target else []
        return targets + ([f'sources.{self.family.name} = "{self.source}"'] if self.source else [])

    @property
    def said(self) -> str:
        """Return what it is, for a finding."""
        if self.target is not None:
            return f"the {self.family.name} index of {self.target}"
        return f"a place with builds of {self.family.name} for all targets"


@dataclass(frozen=True, slots=True)
class Build:
    """A build that a requirement names, by the label of its version or by the URL of its wheel.

    :param public: the wheel's version without its label; None where it is no URL.
    :param is_listed: the family's own kind of index has it, or its version tells it.
    """

    target: str
    public: str | None
    is_listed: bool


def place_of(url: str, catalogue: Catalogue) -> FamilyPlace | None:
    """Return whose index or page a URL is, or None where it is of no family."""
    for family in catalogue.families:
        template = family.recognise(url)
        if template is not None:
            return FamilyPlace(family, template, family.target_at(url))
    return None


def build_of(name: str, specifier: str, url: str | None, catalogue: Catalogue) -> Build | None:
    """Return the build that a requirement names, None where it names none of a family.

    :param specifier: in the words of PEP 440 or of Poetry.
    """
    found = catalogue.family_of(name) if name else None
    if found is None:
        return None
    if url is None:
        labels = {label.lower() for label in re.findall(r"\+([A-Za-z0-9.]+)", specifier)}
        target = target_of(labels.pop(), catalogue) if len(labels) == 1 else None
        return None if target is None else Build(target, None, is_listed=True)
    label = target_of_url(url, found[0])
    target = target_of(label, catalogue) if label else None
    folder, _, filename = urlsplit(url).path.rpartition("/")
    file = parse_filename(unquote(filename))
    if target is None or file is None:
        return None
    at = place_of(urlsplit(url)._replace(path=folder, fragment="").geturl(), catalogue)
    return Build(target, file.version.public, is_listed=at is not None)


def target_of(word: str, catalogue: Catalogue) -> str | None:
    """Return the target that a word is, None where it is none: `cuda12.1` is cu121, `gpu` none."""
    plain = re.sub(r"^cuda[-_.]?(?=\d)", "cu", word.lower())
    if plain.startswith("cu"):
        plain = re.sub(r"[-_.]", "", plain)
    plain = re.sub(r"^rocm[-_.]", "rocm", plain)
    with contextlib.suppress(UnknownWordError):
        return parse_target(plain, catalogue.targets).name
    return None


def without_label(specifier: str) -> str:
    """Return specifiers without the labels of builds, which `===` would compare to the letter."""
    if "+" not in specifier:
        return specifier
    return re.sub(r"\+[A-Za-z0-9.]+", "", specifier).replace("===", "==")


def is_pep_440(specifier: str) -> bool:
    """Tell whether these are specifiers of PEP 440."""
    with contextlib.suppress(ValueError):
        SpecifierSet(specifier)
        return True
    return False
