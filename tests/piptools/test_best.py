"""The best file of a project, judged only as far as pip looks: what comes out is pip's order."""

from __future__ import annotations

import random

import pytest
from pip._internal.index.package_finder import BestCandidateResult, CandidateEvaluator
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.link import Link
from pip._internal.req import req_file
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.version import Version

from accelock.hosts.piptools.best import Best
from accelock.hosts.piptools.inputs import one_parser

pytestmark = pytest.mark.internals
BEFORE_25 = hasattr(BestCandidateResult, "iter_applicable")

VERSIONS = ("0.9", "1.0", "1.1a1", "1.1", "1.2rc1", "1.2.post1", "2.0b1")
TAGS = ("py3-none-any", "py2.py3-none-any", None)


def made(dice: random.Random) -> dict[Version, list[InstallationCandidate]]:
    """Return some candidates by version; of some versions none, and of some, yanked ones."""
    found: dict[Version, list[InstallationCandidate]] = {}
    for version in VERSIONS:
        files = found.setdefault(Version(version), [])
        for tag in dice.sample(TAGS, dice.randrange(3)):
            name = f"demo-{version}.tar.gz" if tag is None else f"demo-{version}-{tag}.whl"
            yanked = "bad" if dice.random() < 0.3 else None
            link = Link(f"https://example.org/{name}", yanked_reason=yanked)
            files.append(InstallationCandidate("demo", version, link))
    return found


@pytest.mark.parametrize("asked", ["", ">=1", "<1.1", ">=1.1a1", "==1.2rc1", ">2"])
def test_the_order_is_that_of_pip(asked: str) -> None:
    dice = random.Random(asked)
    specifier = SpecifierSet(asked)
    evaluator = CandidateEvaluator.create("demo", specifier=specifier)
    for _ in range(200):
        files = made(dice)
        wanted = [v for v in files if specifier.contains(v, prereleases=True)]
        yanked = {v for v, each in files.items() if any(one.link.is_yanked for one in each)}
        best = Best(evaluator, wanted, yanked, files.__getitem__)
        pips = evaluator.compute_best_candidate([one for v in wanted for one in files[v]])

        theirs = [*pips.iter_applicable()] if BEFORE_25 else [*pips.applicable_candidates]
        assert [*best.applicable_candidates] == [*best.iter_applicable()] == theirs
        assert [*reversed(best.applicable_candidates)] == theirs[::-1]
        assert best.best_candidate == pips.best_candidate


def test_no_version_is_looked_at_before_it_is_reached() -> None:
    looked_at: list[str] = []

    def evaluated(version: Version) -> list[InstallationCandidate]:
        looked_at.append(str(version))
        link = Link(f"https://example.org/demo-{version}-py3-none-any.whl")
        return [InstallationCandidate("demo", str(version), link)]

    versions = [Version(str(number)) for number in range(1, 40)]
    best = Best(CandidateEvaluator.create("demo"), versions, (), evaluated)

    assert str(next(reversed(best.applicable_candidates)).version) == "39"
    assert looked_at == ["39"]


def test_options_of_a_line_are_not_those_of_the_next() -> None:
    build = one_parser(req_file.build_parser)
    read = []
    for line in (["--extra-index-url=https://a.example"], ["--no-binary=demo"], []):
        parser = build()
        options, _ = parser.parse_args(line, parser.get_default_values())
        read.append((options.extra_index_urls, set(options.format_control.no_binary)))

    assert read == [(["https://a.example"], set()), ([], {"demo"}), ([], set())]
