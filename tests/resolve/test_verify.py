"""A walk of the requirements finds what a resolver finds, or says nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pip._vendor import resolvelib

from accelock.resolve.verify import Taken, verify

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ENVIRONMENT = {"sys_platform": "linux", "python_version": "3.11"}


@dataclass(frozen=True)
class File:
    """A release of a made-up index."""

    version: Version
    lines: tuple[str, ...] = ()
    yanked: bool = False

    def requires(self, extra: str) -> list[Requirement]:
        """Return what holds with an extra, and not without any."""
        return [
            each
            for each in map(Requirement, self.lines)
            if holds(each, extra) and not (extra and holds(each, ""))
        ]


def holds(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    return marker is None or marker.evaluate({**ENVIRONMENT, "extra": extra})


@dataclass
class Index:
    """Releases by package; what is yanked is not for the walk to judge."""

    releases: Mapping[str, Sequence[File]]
    asked_for: list[tuple[str, str]] = field(default_factory=list)

    def best(self, name: str, wanted: SpecifierSet) -> File | None:
        """Return the newest release that fits: a pre-release where nothing else does."""
        self.asked_for.append((name, str(wanted)))
        found = max(self.fitting(name, wanted), default=None, key=lambda each: each.version)
        return None if found is None or found.yanked else found

    def fitting(self, name: str, wanted: SpecifierSet) -> list[File]:
        """Return the releases that fit, those that are yanked only where all are."""
        files = {file.version: file for file in self.releases.get(name, ())}
        fits = [files[version] for version in wanted.filter(files)]
        return [file for file in fits if not file.yanked] or fits


def index(**packages: Mapping[str, Sequence[str]]) -> Index:
    return Index(
        {
            name: [File(Version(text), tuple(lines)) for text, lines in versions.items()]
            for name, versions in packages.items()
        }
    )


def walked(
    known: Index,
    *asked: str,
    limits: Iterable[str] = (),
    preferred: Mapping[str, str] | None = None,
) -> dict[str, str] | None:
    """Return the versions that a walk finds, as text."""
    found = verify(
        [Requirement(text) for text in asked],
        {each.name: each.specifier for each in map(Requirement, limits)},
        {name: Version(text) for name, text in (preferred or {}).items()},
        known,
    )
    if found is None:
        return None
    return {name: str(each.release.version) for name, each in found.items()}


class TestWalk:
    """What is found, and what is left to a resolver."""

    def test_what_is_preferred_is_kept(self) -> None:
        known = index(a={"1": ["b"], "2": ["b"]}, b={"1": [], "2": []})

        assert walked(known, "a", preferred={"a": "1", "b": "1"}) == {"a": "1", "b": "1"}

    def test_what_nothing_needs_is_not_taken(self) -> None:
        known = index(a={"1": []}, b={"1": []})

        assert walked(known, "a", preferred={"a": "1", "b": "1"}) == {"a": "1"}

    def test_what_is_new_is_the_newest(self) -> None:
        known = index(torch={"2.6.0": ["nvidia==12", "mpmath<2"]}, nvidia={"12": [], "13": []})
        known.releases["mpmath"] = [File(Version(v)) for v in ("1.0", "1.3", "2.0")]  # type: ignore[index]

        assert walked(known, "torch", preferred={"torch": "2.6.0"}) == {
            "torch": "2.6.0",
            "nvidia": "12",
            "mpmath": "1.3",
        }

    def test_a_preference_that_does_not_fit_is_the_resolvers(self) -> None:
        known = index(a={"1": ["b>1"]}, b={"1": [], "2": []})

        assert walked(known, "a", preferred={"a": "1", "b": "1"}) is None

    def test_what_the_cell_lacks_is_the_resolvers(self) -> None:
        assert walked(index(a={"2": []}), "a", preferred={"a": "1"}) is None

    def test_a_version_that_a_free_choice_decides_is_the_resolvers(self) -> None:
        """A resolver that looks at b first takes b 2, and an older a."""
        known = index(a={"1": [], "2": ["b<2"]}, b={"1": [], "2": []})

        assert walked(known, "a", "b") is None
        assert walked(known, "a", "b", preferred={"a": "2"}) is None
        assert walked(known, "a", preferred={"a": "2"}) == {"a": "2", "b": "1"}

    def test_what_is_pinned_counts_where_something_else_asks_too(self) -> None:
        """A resolver looks at what is pinned first, so that it has met b 1 before d asks for b."""
        known = index(
            a={"1": ["c==1", "d"]}, b={"1": [], "2": []}, c={"1": ["b==1"]}, d={"1": ["b"]}
        )

        assert walked(known, "a") == {"a": "1", "b": "1", "c": "1", "d": "1"}

    def test_a_way_back_that_costs_a_version_is_the_resolvers(self) -> None:
        """What a preferred release asks for is met late: a resolver has been elsewhere by then."""
        known = index(
            a={"1": ["e<2", "f"]},
            b={"1": ["f!=1"]},
            c={"2": ["a<=4"]},
            e={"1": ["c<3"], "2": ["f", "f==1"]},
            f={"1": [], "2": []},
        )
        asked, preferred = ("e", "c", "c", "f<3"), {"a": "1", "c": "2"}
        provider = Provider(known, {n: Version(v) for n, v in preferred.items()}, "eacf")

        assert resolved(provider, [*map(Requirement, asked)]) != {
            "a": "1",
            "c": "2",
            "e": "1",
            "f": "2",
        }
        assert walked(known, *asked, preferred=preferred) is None

    def test_extras_bring_in_more(self) -> None:
        known = index(a={"1": ["b ; extra == 'fast'", "c"]}, b={"1": []}, c={"1": ["a[fast]"]})

        assert walked(known, "a", preferred={"a": "1"}) == {"a": "1", "b": "1", "c": "1"}
        assert walked(index(a={"1": ["b ; extra == 'fast'"]}), "a") == {"a": "1"}

    def test_markers_are_the_cells(self) -> None:
        known = index(a={"1": ["b ; sys_platform == 'win32'", "c ; sys_platform == 'linux'"]})
        known.releases["c"] = [File(Version("1"))]  # type: ignore[index]

        assert walked(known, "a") == {"a": "1", "c": "1"}

    def test_constraints_limit_what_is_needed_alone(self) -> None:
        known = index(a={"1": [], "2": []}, b={"1": []})

        assert walked(known, "a", limits=["a<2", "b<0"]) == {"a": "1"}
        assert walked(known, "a", limits=["a<2"], preferred={"a": "2"}) is None

    def test_prereleases_only_where_they_are_asked_for(self) -> None:
        known = index(a={"1": [], "2rc1": []}, b={"1rc1": []})

        assert walked(known, "a") == {"a": "1"}
        assert walked(known, "b") is None  # who asks first decides whether they count
        assert walked(known, "b==1rc1") == {"b": "1rc1"}
        assert walked(known, "a", preferred={"a": "2rc1"}) == {"a": "2rc1"}

    def test_a_url_and_arbitrary_equality_are_the_resolvers(self) -> None:
        known = index(a={"1": ["b @ https://example.org/b.whl"]}, b={"1": []})

        assert walked(known, "a") is None
        assert walked(known, "b===1") is None

    def test_parents_and_extras_are_told(self) -> None:
        known = index(a={"1": ["c[x]", "a[y]"]}, b={"1": ["c"]}, c={"1": []})
        found = verify(map(Requirement, ["a", "b"]), {}, {}, known)

        assert found is not None
        assert found["c"] == Taken(known.releases["c"][0], extras={"x"}, parents={"a", "b"})
        assert found["a"].parents == set()


NAMES = ("a", "b", "c", "d", "e")
requirements = st.builds(
    lambda name, extra, specifier, marker: f"{name}{extra}{specifier}{marker}",
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "", "[x]"]),
    st.sampled_from(["", "", "", "==1", "==2", ">1", "<3", "!=2", ">=3rc1"]),
    st.sampled_from(
        ["", "", "", " ; sys_platform == 'linux'", " ; sys_platform == 'win32'"]
        + [" ; extra == 'x'"] * 2
    ),
)
files = st.builds(
    lambda version, lines, yanked: File(Version(version), tuple(lines), yanked),
    st.sampled_from(["1", "2", "3rc1", "3"]),
    st.lists(requirements, max_size=2),
    st.sampled_from([False, False, False, False, True]),
)
worlds = st.fixed_dictionaries(
    {name: st.lists(files, min_size=1, unique_by=lambda each: each.version) for name in NAMES}
).map(Index)
inputs = st.lists(
    requirements.filter(lambda text: "extra ==" not in text), min_size=1, max_size=3
).map(lambda texts: [each for each in map(Requirement, texts) if holds(each, "")])


@dataclass
class Provider(resolvelib.AbstractProvider):  # type: ignore[misc]
    """What pip tells its resolver: pinned packages first, others in an order of our choosing."""

    known: Index
    preferred: Mapping[str, Version]
    order: Sequence[str]
    limits: Mapping[str, SpecifierSet] = field(default_factory=dict)

    def identify(self, requirement_or_candidate: Any) -> tuple[str, str]:
        name, extra, _ = requirement_or_candidate
        return name, extra

    def get_preference(
        self, identifier: tuple[str, str], *_: Any, information: Any, **__: Any
    ) -> Any:
        asked = [each.operator for (*_, wanted), _ in information[identifier] for each in wanted]
        return "==" not in asked, self.order.index(identifier[0]), identifier[1]

    def find_matches(
        self, identifier: tuple[str, str], requirements: Any, incompatibilities: Any
    ) -> list[Any]:
        name, extra = identifier
        wanted = self.limits.get(name, SpecifierSet())
        for each in {(name, ""), identifier}:
            for _, _, asked in requirements.get(each, ()):
                wanted &= asked
        if name in self.preferred:
            wanted &= SpecifierSet(f"=={self.preferred[name]}")
        bad = [candidate for *_, candidate in incompatibilities[identifier]]
        fits = sorted(self.known.fitting(name, wanted), key=lambda file: file.version, reverse=True)
        return [(name, extra, file) for file in fits if file not in bad]

    def is_satisfied_by(self, requirement: Any, candidate: Any) -> bool:
        return bool(requirement[2].contains(candidate[2].version, prereleases=True))

    def get_dependencies(self, candidate: Any) -> Iterator[Any]:
        name, extra, file = candidate
        if extra:
            yield name, "", SpecifierSet(f"=={file.version}")
        for each in file.requires(extra):
            yield from triples(each)


def triples(requirement: Requirement) -> Iterator[tuple[str, str, SpecifierSet]]:
    for extra in ("", *requirement.extras):
        yield requirement.name, extra, requirement.specifier


def resolved(provider: Provider, asked: Sequence[Requirement]) -> dict[str, str] | None:
    resolver = resolvelib.Resolver(provider, resolvelib.BaseReporter())
    try:
        found = resolver.resolve([t for each in asked for t in triples(each)], max_rounds=2000)
    except resolvelib.ResolutionError:
        return None
    except RecursionError:  # of its own walk to the root, over what a cycle left behind
        reject()
    return {name: str(file.version) for name, _, file in found.mapping.values()}


@settings(
    deadline=None,
    max_examples=4 * settings().max_examples,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(
    worlds,
    inputs,
    inputs,
    st.permutations(NAMES),
    st.permutations(NAMES),
    st.sets(st.sampled_from(NAMES)),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["<3", ">1", "==2"]), max_size=1),
)
def test_what_a_walk_finds_a_resolver_finds(
    known: Index,
    asked: list[Requirement],
    before: list[Requirement],
    order: list[str],
    other: list[str],
    forgotten: set[str],
    constraints: dict[str, str],
) -> None:
    """Preferences are what another cell took, some of them lost, as pins of a file can be."""
    earlier = resolved(Provider(known, {}, other), before) or {}
    preferred = {n: Version(text) for n, text in earlier.items() if n not in forgotten}
    limits = {name: SpecifierSet(text) for name, text in constraints.items()}
    found = verify(asked, limits, preferred, known)
    event("walked" if found is not None else "left to the resolver")
    if found is None:
        return

    versions = {name: str(each.release.version) for name, each in found.items()}
    assert versions == resolved(Provider(known, preferred, order, limits), asked)
