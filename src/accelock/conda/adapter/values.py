"""Our values as rattler's, and rattler's as ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from accelock.conda.adapter import host
from accelock.conda.record import Record
from accelock.conda.urls import strip_credentials

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from accelock.conda.request import VirtualPackage
    from accelock.conda.spec import Spec
    from accelock.targets import Platform

__all__ = [
    "admits",
    "handing_over",
    "hex_of",
    "is_channel",
    "is_from",
    "match_specs",
    "record_of",
    "subdir",
    "to_rattler",
    "virtual",
]


def match_specs(specs: Sequence[Spec]) -> list[Any]:
    """Return requirements as rattler has them, in an order of their own."""
    # The order must not matter, and does: of equals, a solver takes the first.
    return [_match_spec(spec) for spec in sorted(specs, key=str)]


async def handing_over(install: Callable[..., Awaitable[None]], requested: Sequence[Spec]) -> None:
    """Await rattler's `install` with requirements as this release of it takes them."""
    specs = match_specs(requested)
    try:
        await install(requested_specs=specs)
    except TypeError as error:
        # Up to 0.28 at least, it hands them on as they are; that is refused before all else.
        if "'PyMatchSpec'" not in str(error):
            raise
        await install(requested_specs=[spec._match_spec for spec in specs])  # noqa: SLF001


def _match_spec(spec: Spec) -> Any:
    if spec.build is not None and spec.build.startswith("^"):  # only a bracket can hold a pattern
        return host.rattler.MatchSpec(f"{spec.name}[build='{spec.build}']", strict=False)
    return host.rattler.MatchSpec(str(spec), strict=False)


def admits(depend: str, record: Record) -> bool:
    """Tell whether a dependency, as a channel has it, is met by a record of its name."""
    return bool(host.rattler.MatchSpec(depend, strict=False).matches(_package_of(record)))


def virtual(package: VirtualPackage) -> Any:
    """Return a virtual package as rattler has it."""
    name, version = host.rattler.PackageName(package.name), host.rattler.Version(package.version)
    return host.rattler.GenericVirtualPackage(name, version, _build_string(package.build))


def _build_string(text: str) -> Any:
    kind = getattr(host.rattler, "BuildString", str)  # from 0.28 on
    return kind(text)


def subdir(platform: Platform) -> Any:
    """Return a platform as rattler has it."""
    # `Platform` is the older name, up to 0.27.
    kind = getattr(host.rattler, "Subdir", None) or host.rattler.Platform
    return kind(platform.conda_subdir)


def is_from(found: Any, channel: str | None) -> bool:
    """Tell whether what rattler found is of a channel, by its name or URL; None is: any."""
    if channel is None:
        return True
    return is_channel(strip_credentials(found.url).rsplit("/", 2)[0], channel)


def is_channel(one: str, other: str) -> bool:
    """Tell whether two names or URLs are one channel's."""
    return bool(host.rattler.Channel(one).base_url == host.rattler.Channel(other).base_url)


def record_of(found: Any) -> Record:
    """Return what rattler found, without the credentials that its URL may carry."""
    url = strip_credentials(found.url)
    timestamp = found.timestamp
    noarch = found.noarch
    return Record(
        name=found.name.normalized,
        version=str(found.version),
        build=str(found.build),
        build_number=found.build_number,
        subdir=url.rsplit("/", 2)[1],
        channel=url.rsplit("/", 2)[0],
        url=url,
        filename=found.file_name,
        md5=hex_of(found.md5),
        sha256=hex_of(found.sha256),
        size=found.size,
        depends=tuple(found.depends),
        constrains=tuple(found.constrains),
        license=found.license,
        timestamp=round(timestamp.timestamp() * 1000) if timestamp else None,
        noarch="python" if noarch.python else "generic" if noarch.generic else None,
        python_site_packages_path=found.python_site_packages_path,
    )


def to_rattler(record: Record) -> Any:
    """Return a record as rattler has it, which installs it from its URL."""
    package = _package_of(record)
    return host.rattler.RepoDataRecord(package, record.filename, record.url, record.channel)


def _package_of(record: Record) -> Any:
    return host.rattler.PackageRecord(
        name=record.name,
        version=record.version,
        build=_build_string(record.build),
        build_number=record.build_number,
        subdir=record.subdir,
        noarch=record.noarch,
        depends=list(record.depends),
        constrains=list(record.constrains),
        sha256=bytes.fromhex(record.sha256) or None,
        md5=bytes.fromhex(record.md5) or None,
        size=record.size,
        license=record.license,
        python_site_packages_path=record.python_site_packages_path,
    )


def hex_of(digest: bytes | None) -> str:
    """Return a digest in hex; nothing of none."""
    return digest.hex() if digest else ""
