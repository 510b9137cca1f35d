from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelock.conda.builds import glob, is_hardware_build
from accelock.conda.formats.model import scalar
from tests.conda.records import CPU, CUDA


@given(st.text())
def test_yaml_reads_every_scalar_as_the_text_it_is(text: str) -> None:
    yaml = pytest.importorskip("yaml", reason="needs the extra conda")
    try:
        assert yaml.safe_load(f"- {{a: b}}\n- {scalar(text)}\n")[1] == text
        assert yaml.safe_load(f"k: {scalar(text)}\n") == {"k": text}
    except yaml.reader.ReaderError:  # what YAML's character set lacks
        assert any(ord(char) > 0x7E for char in text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("numpy", "numpy"),
        ("pytorch=2.6.0=cpu*", "pytorch=2.6.0=cpu*"),
        ("https://h.example:80/c/x-1-0.conda", "https://h.example:80/c/x-1-0.conda"),
        ("1.10", "'1.10'"),
        ("1e5", "'1e5'"),
        ("Yes", "'Yes'"),
        ("", "''"),
        ("a: b", "'a: b'"),
        ("it's", "'it''s'"),
        ("a #b", "'a #b'"),
        (">=1", "'>=1'"),
        ("a\nb", '"a\\nb"'),
    ],
)
def test_quotes_where_they_are_needed(text: str, wanted: str) -> None:
    assert scalar(text) == wanted


@pytest.mark.parametrize(
    ("build", "of", "wanted"),
    [
        ("cpu_generic_py312_h0_0", CPU, "cpu*"),
        ("py3.9_cpu_0", CPU, "*cpu*"),
        ("cuda126_mkl_py312_h0_300", CUDA, "cuda126*"),
        ("py3.9_cuda12.6_cudnn9_0", CUDA, "*cuda12.6*"),
        ("cuda12py312h0_0", CUDA, "cuda*"),
        ("gpu_py37_0", CUDA, "gpu*"),
        ("cuda126_mkl_h0_300", None, "cuda126*"),
        ("py312h0_0_cpu", None, "*cpu*"),
        ("cuda126_mkl_h0_300", CPU, None),
    ],
)
def test_globs(build: str, of: object, wanted: str | None) -> None:
    assert is_hardware_build(build)
    assert glob([build], of) == wanted  # type: ignore[arg-type]


@pytest.mark.parametrize("build", ["py312h5cpu_0", "h0_mkl", "gpl_h0_0", "nompi_h1_0", "cpython"])
def test_other_builds(build: str) -> None:
    assert not is_hardware_build(build)


def test_no_glob_for_builds_that_share_none() -> None:
    assert glob(["py3.9_cpu_0", "py3.9_0"], CPU) is None
    assert glob(["cpu_mkl_h0_0", "py3.9_cpu_0"], CPU) == "*cpu*"
    assert glob([], CPU) is None
