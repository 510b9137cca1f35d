"""A conda requirement, read and checked by ourselves.

The grammar is that of conda's MatchSpec, less its rare parts: regular expressions, parentheses,
and the bracket's other keys. rattler's own lenient parser takes `bad spec !!` for a requirement.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from accelock.conda.channels import has_credentials, is_channel_name, strip_credentials
from accelock.errors import AccelockError, UnknownWordError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = re.compile(r"_{0,2}[A-Za-z0-9][A-Za-z0-9_.-]*")
_BUILD = re.compile(r"[A-Za-z0-9_.+*]+")
# conda reads `[`, `]` and `;` of a MatchSpec as its own.
_CHANNEL_URL = re.compile(r"(https?|file)://[^\s\[\];]+")
_OPERATOR = re.compile(r"(==|!=|<=|>=|~=|=|<|>)?(.*)")
_LITERAL = re.compile(
    r"(?:\d+!)?(?=[a-z._-]*\d)[a-z0-9]+(?:[._-]+[a-z0-9]+)*_?(?:\+[a-z0-9._]+)?", re.IGNORECASE
)
_BRACKET = re.compile(r"(?P<before>[^\[]*)\[(?P<inside>[^\]]*)\](?P<after>.*)")
_KEY = re.compile(r"""\s*(\w+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^,"']*?))\s*(?:,|$)""")
_KEYS = ("version", "build", "channel")
_BUILT = re.compile(r"(?P<version>={0,2}[^=<>!~,|]+)=(?P<build>[^=<>!~,|]+)")
_MOST_WORDS = 2  # a version and a build
_HOW = "write it as in 'numpy >=1.26,<3' or 'pytorch 2.6.* cpu*'"


class SpecError(AccelockError):
    """A text is no conda requirement; the message quotes it, without credentials."""


@dataclass(frozen=True, slots=True, order=True)
class Spec:
    """What is asked of one package; `str` gives a MatchSpec that conda and rattler read alike.

    `name` is in lower case. `version` is a VersionSpec in which nothing depends on where it stands:
    `==2.6.0`, `2.6.*`, `>=1,<2`. `build` is a glob. `channel` is a name or URL among the channels.
    None is: any.
    """

    name: str
    version: str | None = None
    build: str | None = None
    channel: str | None = None

    def __str__(self) -> str:
        channel = f"{self.channel}::" if self.channel else ""
        version = f" {self.version or '*'}" if self.version or self.build else ""
        return f"{channel}{self.name}{version}{f' {self.build}' if self.build else ''}"


def parse(text: str, version: str | None = None) -> Spec:
    """Return the requirement that a text says: a MatchSpec, or a name beside its `version`.

    `version` may have a build behind it (`2.6.* cpu*`). As in conda, `=2.6` is `2.6.*`, and a bare
    `2.6` is exactly that. Raises SpecError.
    """
    whole = " ".join(filter(None, (text.strip(), version)))
    # No part of a requirement has an `@` or a token.
    if "@" in whole or ("file://" not in whole and has_credentials(whole)):
        raise SpecError(
            f"{strip_credentials(whole.rpartition('@')[2])!r}, part of which is hidden: it has "
            "credentials, or a URL in the wrong place; they belong in `channels` only"
        )
    try:
        if version is not None:
            return _checked(Spec(text.strip(), *_constraint(version)))
        return _match_spec(text.strip())
    except _Fault as fault:
        channel, colons, rest = whole.rpartition("::")
        shown = f"{strip_credentials(channel)}{colons}{rest}"
        raise SpecError(f"{shown!r}: {fault}") from None


class _Fault(Exception):  # noqa: N818 - never leaves this module
    """What is wrong with a part of the text."""


def _match_spec(text: str) -> Spec:
    channel, colons, rest = text.rpartition("::")
    if colons and not channel:
        raise _Fault("there is no channel before '::'")
    bracket = _BRACKET.fullmatch(rest)
    keys = _keys(rest.partition("[")[0].strip(), bracket["inside"]) if bracket else {}
    rest = f"{bracket['before']} {bracket['after']}" if bracket else rest
    found = _NAME.match(rest)
    if found is None:
        raise _Fault(f"it does not begin with a package's name; {_HOW}")
    version, build = _constraint(rest[found.end() :])
    if keys.get("version"):
        version, _ = _constraint(keys["version"])
    named = channel or keys.get("channel") or None
    return _checked(Spec(found[0], version, keys.get("build") or build, named))


def _keys(name: str, inside: str) -> dict[str, str]:
    """Return the keys of a bracket; a bracket without an `=` is how pip writes extras."""
    if "=" not in inside:
        raise _Fault(
            f"conda packages have no extras; leave {name!r} with its extras on the pip side "
            "(requirements.in, or Poetry's dependencies)"
        )
    found = {key: a or b or c for key, a, b, c in _KEY.findall(inside)}
    for key in found:
        if key not in _KEYS:
            raise _Fault(str(UnknownWordError("key", key, _KEYS)))
    if _KEY.sub("", inside).strip():
        raise _Fault(f"[{inside}] cannot be read; write it as in [version='>=2', build='cpu*']")
    return found


def _constraint(text: str) -> tuple[str | None, str | None]:
    """Return the version and the build of what stands behind a name."""
    joined = re.sub(r"\s*([,|])\s*", r"\1", text.strip())
    words = re.sub(r"([<>=!~])\s+", r"\1", joined).split()
    if len(words) > _MOST_WORDS:
        raise _Fault(f"{' '.join(words[_MOST_WORDS:])!r} follows the version and build; {_HOW}")
    if not words:
        return None, None
    version, build = words[0], words[1] if len(words) == _MOST_WORDS else None
    both = _BUILT.fullmatch(version)
    if both is not None and build is None:
        version, build = both["version"], both["build"]
    if build is not None and re.fullmatch(r"=[^=<>!~,|*]+", version):
        version = f"={version}"  # conda: `name=1.2=build` is exactly 1.2, `name=1.2` is 1.2.*
    return _version(version), build


def _version(text: str) -> str | None:
    """Return a VersionSpec in its one form, or None for any version."""
    ored = ["|".join(",".join(_terms(either)) for either in text.split("|"))]
    return None if ored == ["*"] else ored[0]


def _terms(text: str) -> Iterator[str]:
    for term in text.split(","):
        found = _OPERATOR.fullmatch(term)
        operator, literal = (found[1] or "", found[2]) if found else ("", term)
        yield _term(term, operator, literal)


def _term(term: str, operator: str, literal: str) -> str:
    if literal == "*" and operator in ("", "=", "=="):
        return "*"
    bare = re.sub(r"\.?\*$", "", literal)
    if not _LITERAL.fullmatch(bare):
        raise _Fault(f"{term!r} is not a version; {_HOW}")
    if operator in ("", "=", "=="):
        # `=2.6` has no star, and means one.
        return f"{bare}.*" if operator == "=" or bare != literal else f"=={bare}"
    if bare == literal:
        return f"{operator}{literal}"
    if operator in ("!=", ">=", "<"):  # conda drops the star of >= and <, and warns of it
        return f"!={bare}.*" if operator == "!=" else f"{operator}{bare}"
    raise _Fault(f"{term!r}: a star does not go with {operator}; {_HOW}")


def _checked(spec: Spec) -> Spec:
    if not _NAME.fullmatch(spec.name):
        raise _Fault(f"{spec.name!r} is not the name of a conda package")
    if spec.build is not None and not _BUILD.fullmatch(spec.build):
        raise _Fault(f"{spec.build!r} is not a build string; it is letters, digits and _ . + *")
    channel = spec.channel
    if channel is not None:
        if strip_credentials(channel) != channel:
            raise _Fault("the channel has credentials; they belong in `channels` only")
        if not (is_channel_name(channel) or _CHANNEL_URL.fullmatch(channel)):
            raise _Fault(f"{channel!r} is not the name or URL of a channel")
    build = None if spec.build == "*" else spec.build
    return Spec(spec.name.lower(), spec.version, build, channel)
