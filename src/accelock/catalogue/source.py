"""Where a family's files are listed: an index per target, or a find-links page.

A page may be there for each release of torch, as PyG's are, or for each minor one, as DGL's are:
`{torch}` or `{torch.minor}` in the URL stands for that.

A user sets one in pyproject.toml, in the environment, or as an option of a command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from accelock.errors import AccelockError, ConfigError, UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from packaging.version import Version

    from accelock.catalogue.model import Catalogue
    from accelock.targets import Target

__all__ = [
    "MINOR_FIELD",
    "RELEASE_FIELD",
    "TARGET_FIELD",
    "Source",
    "fields_in",
    "hide_credentials",
    "label_fields",
    "redact",
    "sources_from_environment",
    "sources_from_options",
    "variable_of",
]

TARGET_FIELD = "{target}"
RELEASE_OF = "torch"
RELEASE_FIELD = f"{{{RELEASE_OF}}}"
MINOR_FIELD = f"{{{RELEASE_OF}.minor}}"
# Before the host of a URL whose scheme was forgotten.
_LOGIN = re.compile(r"^[^/@\s]*:[^/@\s]*@")
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s'\"]+@")
_IN_QUERY = re.compile(r"(://[^\s?'\"]*\?|&)([^\s=&#'\"]+)=[^\s&#'\"]+")
_VARIABLE = "ACCELOCK_SOURCE_"


@dataclass(frozen=True, slots=True, repr=False)
class Source:
    """The URL of an index or of a find-links page, in which `{target}` stands for the target.

    `exceptions` are the sources of single targets, by target: what is asked of `at(target)` is of
    the target's own. All that such a source has is for its target, which is `has_target`.

    Trailing slashes are dropped. Credentials of the URL stay in `template`, because they are needed
    to fetch; messages, `str` and `repr` use `redacted`.
    """

    template: str
    exceptions: Mapping[str, Source] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    is_of_one_target: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "template", self.template.strip().rstrip("/"))

    @classmethod
    def parse(cls, text: str) -> Source:
        """Return the source that a user wrote; AccelockError says what is wrong with its URL."""
        fault = _fault(text.strip())
        if fault is not None:
            raise AccelockError(fault)
        return cls(text)

    @property
    def is_find_links(self) -> bool:
        """Tell whether this is one page of links to files, and not an index of projects."""
        return urlsplit(self.template).path.lower().endswith((".html", ".htm"))

    @property
    def has_target(self) -> bool:
        """Tell whether each target has a URL of its own."""
        return self.is_of_one_target or TARGET_FIELD in self.template

    @property
    def redacted(self) -> str:
        """Return the template without its credentials, for messages."""
        return redact(self.template)

    @property
    def without_credentials(self) -> Source:
        """Return the source as a file may say it: pip finds the credentials in netrc or keyring.

        A query goes too: what stands there is a token.
        """
        parts = urlsplit(self.template)
        return replace(
            self,
            template=urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")),
            exceptions={name: own.without_credentials for name, own in self.exceptions.items()},
        )

    def but_for(self, exceptions: Mapping[str, Source]) -> Source:
        """Return the source with those of single targets, by target."""
        own = {name: replace(each, is_of_one_target=True) for name, each in exceptions.items()}
        return replace(self, exceptions=own)

    def of_release(self, release: Version | None) -> Source:
        """Return the source for one release of torch, where each has a page of its own."""
        if release is None or not self.has_release:
            return self
        exceptions = {name: own.of_release(release) for name, own in self.exceptions.items()}
        minor = f"{release.major}.{release.minor}"
        filled = self.template.replace(RELEASE_FIELD, str(release)).replace(MINOR_FIELD, minor)
        return replace(self, template=filled, exceptions=exceptions)

    @property
    def has_release(self) -> bool:
        """Tell whether each release of torch, or each minor one, has a page of its own."""
        return RELEASE_FIELD in self.template or MINOR_FIELD in self.template

    def at(self, target: Target) -> Source:
        """Return the source of one target: its own, or the one that all have."""
        return self.exceptions.get(target.name, self)

    def url(self, target: Target) -> str:
        """Return the URL for `target`, credentials included, without a trailing slash."""
        return self.at(target).template.replace(TARGET_FIELD, target.name)

    @property
    def is_nightly(self) -> bool:
        """Tell whether the URL is that of nightly builds, by PyTorch's word for them."""
        return "nightly" in urlsplit(self.template).path.lower().split("/")

    def __str__(self) -> str:
        return self.redacted

    def __repr__(self) -> str:
        return f"Source({self.redacted!r})"


def _fault(url: str) -> str | None:
    """Say what keeps `url` from being a source, never quoting its credentials."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        return f"is not a URL ({error})"
    if parts.scheme not in ("http", "https", "file"):
        return f"must be an http, https or file URL, not {redact(url)!r}"
    if re.search(r"\s", url) or not (parts.hostname or parts.scheme == "file"):
        return f"is not a complete URL: {redact(url)!r}"
    for name in re.findall(r"\{([^{}]*)\}", url):
        if f"{{{name}}}" not in (TARGET_FIELD, RELEASE_FIELD, MINOR_FIELD):
            return (
                f"has the field {{{name}}}; the fields are {TARGET_FIELD}, {RELEASE_FIELD} and "
                f"{MINOR_FIELD}: {redact(url)!r}"
            )
    return None


def label_fields(target: Target, release: Version | None) -> dict[str, str | None]:
    """Return what the fields of a label stand for; None for one that there is nothing for.

    Of cu128 and torch 2.11.0 `{target.version}` is 12.8 and `{target.major}` 12, `{torch.minor}` is
    2.11 and `{torch.digits}` 211; cpu has no version.
    """
    numbers = [*map(str, target.version)]
    release_ = None if release is None else (str(release.major), str(release.minor))
    return {
        "target": target.name,
        "target.version": ".".join(numbers) or None,
        "target.major": numbers[0] if numbers else None,
        RELEASE_OF: None if release is None else release.public,
        f"{RELEASE_OF}.minor": None if release_ is None else ".".join(release_),
        f"{RELEASE_OF}.digits": None if release_ is None else "".join(release_),
    }


def fields_in(template: str, text: str) -> Mapping[str, str] | None:
    """Return what the fields of a template stand for in a text; None where that is no such text.

    A minor release is told as the release, which is enough to fill in the template again.
    """
    pattern = re.escape(template.replace(MINOR_FIELD, RELEASE_FIELD))
    for name in ("target", RELEASE_OF):
        pattern = pattern.replace(re.escape(f"{{{name}}}"), f"(?P<{name}>[^/]+?)", 1)
    found = re.fullmatch(pattern, text)
    return None if found is None else found.groupdict()


def redact(url: str) -> str:
    """Return `url` with `user:password@`, or a token in that place or in the query, as `****`."""
    if "://" not in url:
        return _LOGIN.sub("****@", url)
    try:
        parts = urlsplit(url)
    except ValueError:  # https://[
        return hide_credentials(url)
    query = re.sub(r"=[^&]+", "=****", parts.query)
    if "@" not in parts.netloc and query == parts.query:
        return url
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"****@{host}" if at else host, query=query))


def hide_credentials(text: str) -> str:
    """Return a text with the credentials of any URL in it as `****@`, and tokens as `****`."""
    return _IN_QUERY.sub(r"\1\2=****", _CREDENTIALS.sub("****@", text))


def variable_of(family: str) -> str:
    """Return the environment variable that says where a family is read."""
    return _VARIABLE + family.upper().replace("-", "_")


def sources_from_environment(
    environ: Mapping[str, str], catalogue: Catalogue
) -> Mapping[str, Source]:
    """Return the sources that `ACCELOCK_SOURCE_<FAMILY>` variables set, by family name.

    An empty variable is no variable. Raises ConfigError with every fault.
    """
    names = [family.name for family in catalogue.families]
    families = {variable_of(name): name for name in names}
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for name, text in environ.items():
        if not name.startswith(_VARIABLE) or not text.strip():
            continue
        if name not in families:
            faults.append(str(UnknownWordError("variable", name, tuple(families))))
            continue
        try:
            sources[families[name]] = Source.parse(text)
        except AccelockError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigError(faults, "environment")
    return sources


def sources_from_options(words: Iterable[str], catalogue: Catalogue) -> Mapping[str, Source]:
    """Return the sources of `--source FAMILY=URL` options, by family name; the last one wins.

    Raises ConfigError with every fault.
    """
    sources: dict[str, Source] = {}
    faults: list[str] = []
    for word in words:
        name, equals, url = word.partition("=")
        if not equals or ":" in name:  # a URL alone, which may have an = of its own
            faults.append(f"{redact(word)}: write it as FAMILY=URL")
            continue
        try:
            sources[catalogue.family(name).name] = Source.parse(url)
        except AccelockError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise ConfigError(faults, "--source")
    return sources
