from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from accelock.conda.record import (
    chain,
    dependency_names,
    depends_on_python,
    leaves,
    topological,
)
from tests.conda.records import record, vega


def test_the_names_of_dependencies() -> None:
    one = record("x 1", "__glibc >=2.28", "numpy >=1", "conda-forge::mkl", "numpy <3", "")
    assert dependency_names(one) == ("numpy", "mkl")
    assert depends_on_python(record("x 1", "python_abi 3.12.* *_cp312"))
    assert not depends_on_python(record("graphviz 12", "pango"))


def test_what_nothing_depends_on() -> None:
    assert [each.name for each in leaves(vega("linux-64"))] == ["vega-lite-cli"]


def test_dependencies_come_first_and_circles_end() -> None:
    names = [each.name for each in topological(vega("linux-64"))]
    assert names == ["nodejs", "tzdata", "python", "pip", "vega-cli", "vega-lite-cli"]


def test_long_chains() -> None:
    records = [record(f"p{n} 1", f"p{n + 1}") for n in range(3000)]
    assert topological(records)[0].name == "p2999"
    assert len(chain(records, "p2999")) == 3000


def test_why_something_is_there() -> None:
    records = vega("linux-64")
    assert chain(records, "nodejs") == ("vega-lite-cli", "vega-cli", "nodejs")
    assert chain(records, "nodejs", ["vega-cli", "python"]) == ("vega-cli", "nodejs")
    assert chain(records, "vega-cli", ["vega-cli"]) == ("vega-cli",)
    assert chain(records, "python") == ("python",)  # only pip needs it, which needs python


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.randoms())
def test_the_order_is_topological_and_does_not_depend_on_that_of_the_records(
    edges: list[tuple[int, int]], random: object
) -> None:
    forward = [(a, b) for a, b in edges if a < b]  # no circles
    records = [record(f"p{n} 1", *(f"p{b} >=1" for a, b in forward if a == n)) for n in range(10)]
    ordered = topological(records)
    random.shuffle(records)  # type: ignore[attr-defined]
    assert topological(records) == ordered
    place = {each.name: number for number, each in enumerate(ordered)}
    assert all(place[f"p{b}"] < place[f"p{a}"] for a, b in forward)
