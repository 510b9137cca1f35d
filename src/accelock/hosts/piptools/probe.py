"""Which pip and pip-tools are here, and whether their internals are where we know them.

The names below are private to pip and pip-tools. They were read in pip 24.0 to 26.3 and pip-tools
7.3.0 to 7.6.2. An unknown newer release is tried by these probes and refused by name when one
fails: a clear refusal is better than a lock made by guessing.
"""

from __future__ import annotations

import importlib
import re
from importlib import metadata

from accelock.errors import AccelockError, MissingExtraError

LOWEST_PIP = (24, 0)
LOWEST_PIP_TOOLS = (7, 3)

#: (module, attribute path) of every private name that this package replaces or calls.
PROBES: tuple[tuple[str, str], ...] = (
    ("piptools.scripts.compile", "cli.callback"),
    ("piptools.scripts.compile", "PyPIRepository"),
    ("piptools.scripts.compile", "BacktrackingResolver.resolve_hashes"),
    ("piptools.scripts.compile", "OutputWriter._iter_lines"),
    ("piptools.scripts.compile", "parse_requirements"),
    ("piptools.scripts.compile", "DEFAULT_REQUIREMENTS_FILES"),
    ("piptools.scripts.sync", "get_environment"),
    ("piptools.scripts.sync", "parse_requirements"),
    ("piptools.sync", "diff"),
    ("piptools.sync", "run"),
    ("piptools.writer", "OutputWriter._format_requirement"),
    ("piptools.writer", "OutputWriter._sort_key"),
    ("piptools.writer", "_comes_from_as_string"),
    ("piptools.utils", "get_compile_command"),
    ("pip._vendor.packaging.markers", "default_environment"),
    ("pip._vendor.packaging.markers", "Marker.evaluate"),
    ("pip._internal.index.collector", "_get_index_content"),
    ("pip._internal.index.collector", "Link"),
    ("pip._internal.index.collector", "_handle_get_simple_fail"),
    ("pip._internal.index.package_finder", "parse_links"),
    ("pip._internal.index.package_finder", "CandidateEvaluator.compute_best_candidate"),
    ("pip._internal.index.package_finder", "CandidateEvaluator.get_applicable_candidates"),
    ("pip._internal.index.package_finder", "PackageFinder.evaluate_links"),
    ("pip._internal.index.package_finder", "PackageFinder.find_all_candidates"),
    ("pip._internal.index.package_finder", "PackageFinder.find_best_candidate"),
    ("pip._internal.index.package_finder", "PackageFinder.make_candidate_evaluator"),
    ("pip._internal.index.package_finder", "PackageFinder.make_link_evaluator"),
    ("pip._internal.models.target_python", "TargetPython"),
    ("pip._internal.network.auth", "ask_input"),
    ("pip._internal.network.auth", "ask_password"),
    ("pip._internal.network.session", "PipSession.is_secure_origin"),
    ("pip._internal.network.session", "PipSession.update_index_urls"),
    ("pip._internal.operations.prepare", "_get_prepared_distribution"),
    ("pip._internal.operations.prepare", "RequirementPreparer._fetch_metadata_only"),
    ("pip._internal.operations.prepare", "RequirementPreparer.prepare_linked_requirement"),
    ("pip._internal.operations.prepare", "RequirementPreparer.prepare_linked_requirements_more"),
    ("pip._internal.metadata", "get_metadata_distribution"),
    ("pip._internal.resolution.resolvelib.factory", "Factory._make_candidate_from_link"),
    ("pip._internal.resolution.resolvelib.resolver", "RLResolver"),
    ("pip._internal.req.req_file", "build_parser"),
    ("pip._internal.req.req_file", "get_file_content"),
    ("pip._internal.req.req_file", "ignore_comments"),
    ("pip._internal.cli.req_command", "RequirementCommand._build_package_finder"),
    ("pip._internal.cli.req_command", "RequirementCommand.make_resolver"),
    ("pip._internal.exceptions", "DiagnosticPipError"),
    ("pip._internal.exceptions", "HashMismatch"),
    ("pip._internal.exceptions", "InstallationError"),
    ("pip._internal.exceptions", "PipError"),
    ("pip._internal.models.candidate", "InstallationCandidate"),
    ("pip._internal.models.link", "Link.from_json"),
    ("pip._internal.models.link", "Link.metadata_file_data"),
    ("pip._internal.models.search_scope", "SearchScope.get_index_urls_locations"),
    ("pip._internal.req.constructors", "install_req_from_line"),
    ("pip._internal.req.constructors", "parse_editable"),
    ("pip._internal.utils.packaging", "get_requirement"),
    ("pip._vendor.packaging.requirements", "Requirement"),
    ("pip._vendor.packaging.specifiers", "SpecifierSet"),
    ("pip._vendor.packaging.utils", "canonicalize_name"),
    ("pip._vendor.packaging.version", "InvalidVersion"),
    ("pip._vendor.packaging.version", "Version"),
    ("pip._vendor.resolvelib", "ResolutionError"),
    ("pip._vendor.resolvelib", "ResolutionImpossible"),
    ("pip._vendor.resolvelib", "ResolutionTooDeep"),
    ("pip._vendor.resolvelib", "Resolver"),
    ("pip._vendor.resolvelib.resolvers", "Result"),
    ("pip._vendor.resolvelib.structs", "DirectedGraph"),
    ("pip._vendor.rich.text", "Text"),
    ("piptools.locations", "CACHE_DIR"),
    ("piptools.logging", "log.log"),
    ("piptools.repositories.pypi", "PyPIRepository.allow_all_wheels"),
    ("piptools.repositories.pypi", "PyPIRepository.get_hashes"),
    ("piptools.resolver", "BacktrackingResolver._do_resolve"),
    ("piptools.utils", "format_requirement"),
    ("piptools.utils", "is_pinned_requirement"),
    ("piptools.utils", "is_url_requirement"),
    ("piptools.utils", "key_from_ireq"),
    ("piptools.writer", "annotation_style_line"),
    ("piptools.writer", "annotation_style_split"),
    ("piptools.writer", "comment"),
)


def require_pip_tools(feature: str) -> None:
    """Check that a pip-tools and a pip that we know are installed.

    :param feature: the command that needs them, for the message.
    :raises MissingExtraError: pip-tools or pip is not installed.
    :raises AccelockError: one of them is too old, or has moved an internal that we use.
    """
    versions = {name: _installed(name, feature) for name in ("pip", "pip-tools")}
    floors = {"pip": LOWEST_PIP, "pip-tools": LOWEST_PIP_TOOLS}
    for name, version in versions.items():
        if _release(version) < floors[name]:
            floor = ".".join(map(str, floors[name]))
            raise AccelockError(
                f"{feature} needs {name} {floor} or newer, and {name} {version} is installed. "
                f"Run: python -m pip install --upgrade '{name}>={floor}'"
            )
    missing = [f"{module}.{path}" for module, path in PROBES if not _present(module, path)]
    if missing:
        raise AccelockError(
            f"pip {versions['pip']} with pip-tools {versions['pip-tools']} is not supported: "
            f"this accelock does not find {', '.join(missing)} in it. Nothing was written. "
            "Install versions that it knows, for example: "
            "python -m pip install 'pip<=26.3' 'pip-tools<=7.6.2', or upgrade accelock."
        )


def _installed(name: str, feature: str) -> str:
    try:
        importlib.import_module({"pip-tools": "piptools"}.get(name, name))
        return metadata.version(name)
    except (ImportError, metadata.PackageNotFoundError):
        raise MissingExtraError("pip-tools", feature) from None


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _present(module: str, path: str) -> bool:
    try:
        found: object = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return False
    return True
