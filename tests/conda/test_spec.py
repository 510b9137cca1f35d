from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelock.conda.spec import Spec, SpecError, parse
from accelock.errors import AccelockError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("numpy", "numpy"),
        ("NumPy", "numpy"),
        ("numpy *", "numpy"),
        ("numpy=*", "numpy"),
        ("numpy 1.26", "numpy ==1.26"),
        ("numpy=1.26", "numpy 1.26.*"),
        ("numpy==1.26", "numpy ==1.26"),
        ("numpy 1.26.*", "numpy 1.26.*"),
        ("numpy 1.26*", "numpy 1.26.*"),
        ("numpy >=1.26, < 3", "numpy >=1.26,<3"),
        ("numpy>=1.26,<3", "numpy >=1.26,<3"),
        ("numpy =1.26|=2.1", "numpy 1.26.*|2.1.*"),
        ("numpy >=1.26.*", "numpy >=1.26"),
        ("numpy !=1.26.*", "numpy !=1.26.*"),
        ("numpy ~=1.26", "numpy ~=1.26"),
        ("pytorch=2.6.0=cpu*", "pytorch ==2.6.0 cpu*"),
        ("pytorch 2.6.* *cpu*", "pytorch 2.6.* *cpu*"),
        ("pytorch=*=*cpu*", "pytorch * *cpu*"),
        ("pytorch * *", "pytorch"),
        ("pytorch[version='>=2,<3', build=\"cpu*\"]", "pytorch >=2,<3 cpu*"),
        ("pytorch[build=cpu*]", "pytorch * cpu*"),
        ("pytorch >=2[build=cpu*]", "pytorch >=2 cpu*"),
        ("x[channel=conda-forge]", "conda-forge::x"),
        ("conda-forge::numpy 1.*", "conda-forge::numpy 1.*"),
        ("conda-forge/label/dev::numpy", "conda-forge/label/dev::numpy"),
        ("https://host.example/c::numpy >1", "https://host.example/c::numpy >1"),
        ("pytorch-cuda <0a0", "pytorch-cuda <0a0"),
        ("openssl 1.1.1w", "openssl ==1.1.1w"),
        ("tzdata 2024a", "tzdata ==2024a"),
        ("x 1!2.0", "x ==1!2.0"),
        ("x 1.0+local.1", "x ==1.0+local.1"),
        ("_libgcc_mutex 0.1 conda_forge", "_libgcc_mutex ==0.1 conda_forge"),
        ("ruamel.yaml >=0.17", "ruamel.yaml >=0.17"),
    ],
)
def test_what_a_text_says(text: str, wanted: str) -> None:
    spec = parse(text)
    assert str(spec) == wanted
    assert parse(wanted) == spec


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bad spec !!", "'spec' is not a version"),
        ("bad spec", "'spec' is not a version"),
        ("", "does not begin with a package's name"),
        ("==1.0", "does not begin with a package's name"),
        ("x 1 2 3", "'3' follows the version and build"),
        ("x >", "'>' is not a version"),
        ("x >=1,", "'' is not a version"),
        ("x ^1.2", "'^1.2' is not a version"),
        ("x 1.*.2", "'1.*.2' is not a version"),
        ("x (>=1,<2)|>3", "is not a version"),
        ("x ~=1.*", "a star does not go with ~="),
        ("x 1 !!", "'!!' is not a build string"),
        ("x[foo=1]", "unknown key 'foo'"),
        ("x[versoin='>1']", "did you mean 'version'"),
        ("x[version='>=1]", "cannot be read"),
        ("::x", "there is no channel before"),
        ("a channel::x", "'a channel' is not the name or URL of a channel"),
    ],
)
def test_what_is_none(text: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse(text)
    assert told in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("text", ["fastapi[all]", "fastapi[all]>=0.100", "fastapi[all,dev] 1.*"])
def test_extras_stay_on_the_pip_side(text: str) -> None:
    with pytest.raises(SpecError, match="no extras; leave 'fastapi' with its extras on the pip si"):
        parse(text)


def test_a_name_beside_its_version() -> None:
    assert parse("pytorch", "2.6.* cpu*") == Spec("pytorch", "2.6.*", "cpu*")
    assert parse("pytorch", "=2.6.0=cpu*") == Spec("pytorch", "==2.6.0", "cpu*")
    assert parse("mkl", "*") == Spec("mkl")
    with pytest.raises(SpecError, match="'a b' is not the name"):
        parse("a b", "1")


def test_credentials_in_a_channel_are_refused_and_never_told() -> None:
    for url in ("https://me:secret@host.example/c", "https://host.example/t/secret/c"):
        with pytest.raises(SpecError, match="credentials") as caught:
            parse(f"{url}::x 1")
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("numpy", "https://user:s3cret@h.example/x"),
        ("numpy", "https://h.example/t/s3cret/x"),
        ("user:s3cret@host/x::numpy", None),
        ("user:s3cret@host/x numpy", None),
        ("t/s3cret/private::numpy", None),
        ("x[channel='t/s3cret']", None),
        ("x[channel='https://h.example/t/s3cret/c', build='!']", None),
    ],
)
def test_credentials_are_never_told_wherever_they_stand(text: str, version: str | None) -> None:
    with pytest.raises(SpecError, match="it has credentials, or a URL") as caught:
        parse(text, version)
    assert "s3cret" not in str(caught.value)


def test_a_folder_named_t_has_no_token() -> None:
    assert parse("file:///home/t/c::x").channel == "file:///home/t/c"


@given(st.text(alphabet="ab1.*=<>!,|[]' :_-~+^()", max_size=20))
def test_any_text_gives_a_spec_that_reads_as_itself_or_an_error(text: str) -> None:
    try:
        spec = parse(text)
    except AccelockError:
        return
    assert parse(str(spec)) == spec


_SPELT = r"[a-z]{1,4}( (>=|<|==|!=|=)?[1-9][0-9]?(\.[0-9]){0,2}(\.\*)?)?"


@given(st.from_regex(_SPELT, fullmatch=True))
def test_rattler_reads_what_we_write(text: str) -> None:
    rattler = pytest.importorskip("rattler", reason="needs the extra conda")
    spec = parse(text)
    assert str(rattler.MatchSpec(str(spec), strict=True)) == str(spec)
