from __future__ import annotations

import pytest

from accelock.locks.requirements import RequirementLine, RequirementsError, parse
from tests.locks import compiled

SIX = "file:///srv/wheels/six-1.16.0-py2.py3-none-any.whl"


def only(text: str) -> RequirementLine:
    (pin,) = parse(text).pins
    return pin


def pinned(text: str) -> dict[str, str | None]:
    return {pin.name: pin.version for pin in parse(text).pins}


class TestPipCompile:
    def test_hashes_extras_markers_and_the_header(self) -> None:
        file = parse(compiled.PIP_COMPILE_6_HASHES)
        jinja, requests = file.pins
        assert (jinja.name, jinja.extras, jinja.version) == ("jinja2", ("i18n",), "3.1.6")
        assert [digest[:13] for digest in jinja.hashes] == ["sha256:0137fb", "sha256:85ece4"]
        assert jinja.via == ("-r small.in",)
        assert (jinja.lineno, jinja.last_lineno) == (7, 10)
        assert len(jinja.raw.splitlines()) == 3
        assert requests.marker == 'python_version >= "3.8"'
        assert len(requests.hashes) == 1
        assert len(file.header) == 6
        assert "pip-compile --annotation-style=line" in file.header[4]

    def test_annotations_within_the_line(self) -> None:
        local, jinja, markupsafe, charset, six = parse(compiled.PIP_COMPILE_7_LINE).pins
        assert (local.editable, local.url, local.name) == (True, "file:./localpkg", "")
        assert local.via == ("-r edit.in",)
        assert jinja.annotation == "# via -r edit.in"
        assert jinja.raw == "jinja2==3.1.6             # via -r edit.in"
        assert markupsafe.via == ("-c cons.txt", "jinja2")
        assert charset.version == "3.5.2"
        assert (six.name, six.version, six.url) == ("six", "1.16.0", SIX)

    def test_annotations_below_the_line(self) -> None:
        file = parse(compiled.PIP_COMPILE_7_SPLIT)
        markupsafe = file.pins[1]
        assert markupsafe.annotation == "# via\n#   -c cons.txt\n#   jinja2"
        assert markupsafe.via == ("-c cons.txt", "jinja2")
        assert (markupsafe.lineno, markupsafe.last_lineno) == (14, 19)
        assert file.pins[2].hashes == (
            "sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254",
        )
        assert [(option.flag, option.value, option.lineno) for option in file.options] == [
            ("--extra-index-url", "file:///srv/simple", 7),
            ("--find-links", "/srv/wheels", 8),
            ("--trusted-host", "h.example", 9),
        ]

    def test_unsafe_packages_are_pins_and_their_heading_is_no_annotation(self) -> None:
        six, setuptools = parse(compiled.PIP_COMPILE_7_SPLIT).pins[2:]
        assert six.annotation == "# via -r edit.in"
        assert (setuptools.name, setuptools.version) == ("setuptools", "84.2.1")
        assert pinned(compiled.PIP_COMPILE_7_UNPINNED) == {"jinja2": "3.1.6"}


class TestOtherMakers:
    def test_uv_tells_versions_of_one_project_apart(self) -> None:
        file = parse(compiled.UV_UNIVERSAL)
        assert [(pin.version, pin.marker) for pin in file.named("NumPy")] == [
            ("2.0.2", 'python_full_version < "3.10"'),
            ("2.2.6", 'python_full_version == "3.10.*"'),
            ("2.5.5", 'python_full_version >= "3.12"'),
        ]
        assert file.pins[0].editable
        assert file.named("typing_extensions")[0].via == ("anyio", "uvicorn")

    def test_uv_names_the_index_below_the_annotation(self) -> None:
        file = parse(compiled.UV_LINE_WITH_INDEX)
        assert file.values("--index-url") == ("https://index.test/simple",)
        assert file.values("--no-binary") == ("colorama",)
        colorama, markupsafe = file.pins
        assert colorama.annotation == "# via -r uv.in\n# from https://index.test/simple"
        assert markupsafe.via == ("jinja2", "werkzeug")

    def test_pip_freeze(self) -> None:
        local, tool, *_, six, torch = parse(compiled.PIP_FREEZE).pins
        assert (local.editable, local.url) == (True, "/home/ann/localpkg")
        assert (tool.editable, tool.name) == (True, "ann-tool")
        assert six.url == f"{SIX}#sha256=8abb2f1d86890a2dfb989f9a77cfcfd3"
        assert torch.version == "2.9.1+cpu"
        assert torch.via == ()
        assert parse(compiled.PIP_FREEZE).named("ruamel-yaml")[0].version == "0.18.6"

    def test_poetry_export(self) -> None:
        colorama, six = parse(compiled.POETRY_EXPORT).pins
        assert colorama.marker is not None
        assert colorama.marker.endswith('and sys_platform == "win32"')
        assert len(colorama.hashes) == 2
        assert six.marker == 'python_version >= "3.10" and python_version < "3.14"'
        assert (six.name, six.url) == ("six", SIX)


class TestLines:
    def test_a_byte_order_mark_and_windows_newlines(self) -> None:
        text = "\ufeff" + compiled.PIP_COMPILE_7_SPLIT.replace("\n", "\r\n")
        file = parse(text)
        assert file.newline == "\r\n"
        assert file.text == text
        assert file.header == parse(compiled.PIP_COMPILE_7_SPLIT).header
        assert file.pins == parse(compiled.PIP_COMPILE_7_SPLIT).pins

    def test_a_comment_ends_a_continuation_and_needs_a_space_before_it(self) -> None:
        pin, other = parse("six==1.16.0 \\\n# a remark\nurl @ https://x.test/a.zip#egg=url").pins
        assert (pin.version, pin.annotation) == ("1.16.0", "# a remark")
        assert other.url == "https://x.test/a.zip#egg=url"

    def test_a_continuation_at_the_end_of_the_file(self) -> None:
        assert pinned("six==1.16.0 \\") == {"six": "1.16.0"}

    def test_a_comment_after_a_blank_line_belongs_to_nothing(self) -> None:
        first, second = parse("a==1\n\n    # free\nb==2\n# also free\n").pins
        assert first.annotation == second.annotation == ""

    def test_an_annotation_that_lost_its_indentation(self) -> None:
        assert only("a==1\n# via b\n").via == ("b",)

    def test_nothing_at_all(self) -> None:
        assert parse("") == parse("\ufeff").__class__((), (), (), "", "\n")


class TestOptions:
    @pytest.mark.parametrize(
        ("line", "flag", "value"),
        [
            ("-r other.txt", "--requirement", "other.txt"),
            ("-rother.txt", "--requirement", "other.txt"),
            ("--requirement=other.txt", "--requirement", "other.txt"),
            ("-c constraints.txt  # ours", "--constraint", "constraints.txt"),
            ("-i https://${USER}@x.test/simple", "--index-url", "https://${USER}@x.test/simple"),
            ("-f 'my wheels'", "--find-links", "my wheels"),
            ("--no-index", "--no-index", None),
            ("--pre", "--pre", None),
        ],
    )
    def test_every_way_to_write_one(self, line: str, flag: str, value: str | None) -> None:
        file = parse(f"a==1\n{line}\n")
        (option,) = file.options
        assert (option.flag, option.value, option.raw, option.lineno) == (flag, value, line, 2)
        assert pinned(file.text) == {"a": "1"}

    def test_several_in_one_line(self) -> None:
        file = parse("--pre -i https://a.test/simple --extra-index-url=https://b.test/simple")
        assert [option.flag for option in file.options] == [
            "--pre",
            "--index-url",
            "--extra-index-url",
        ]
        assert file.values("--extra-index-url") == ("https://b.test/simple",)


class TestRequirements:
    @pytest.mark.parametrize(
        ("line", "version", "specifier"),
        [
            ("Foo.Bar==1.0", "1.0", "==1.0"),
            ("foo_bar (==1.0)", "1.0", "==1.0"),
            ("foo-bar===1.0-odd", "1.0-odd", "===1.0-odd"),
            ("foo-bar == 1.0+cu126", "1.0+cu126", "==1.0+cu126"),
            ("foo-bar==1.*", None, "==1.*"),
            ("foo-bar>=1.0", None, ">=1.0"),
            ("foo-bar==1.0,!=1.1", None, "!=1.1,==1.0"),
            ("foo-bar", None, ""),
        ],
    )
    def test_what_is_a_pin(self, line: str, version: str | None, specifier: str) -> None:
        pin = only(line)
        assert (pin.name, pin.version, pin.specifier) == ("foo-bar", version, specifier)

    @pytest.mark.parametrize(
        ("line", "name", "extras", "version"),
        [
            ("./localpkg", "", (), None),
            ("localpkg/", "", (), None),
            (".", "", (), None),
            ("./dist/Foo_Bar-1.0-py3-none-any.whl[a, b]", "foo-bar", ("a", "b"), "1.0"),
            ("C:\\dist\\foo_bar-1.0-py3-none-any.whl", "foo-bar", (), "1.0"),
            ("https://x.test/foo_bar-1.0.tar.gz", "foo-bar", (), None),
            ("https://x.test/foo_bar-1.0%2Bcpu-py3-none-any.whl", "foo-bar", (), "1.0+cpu"),
            ("foo @ https://x.test/foo-1.0%2Bcpu-py3-none-any.whl", "foo", (), "1.0+cpu"),
            ("git+https://x.test/foo.git@main#egg=foo_bar", "foo-bar", (), None),
            ("git+ssh://git@x.test/foo.git", "", (), None),
            ("-e ./localpkg[a]", "", ("a",), None),
            ('-e "./my pkg"', "", (), None),
            ("--editable=.", "", (), None),
        ],
    )
    def test_paths_and_urls(
        self, line: str, name: str, extras: tuple[str, ...], version: str | None
    ) -> None:
        pin = only(line)
        assert (pin.name, pin.extras, pin.version) == (name, extras, version)
        assert pin.url is not None
        assert pin.editable == line.startswith("-")

    def test_the_marker_of_a_path(self) -> None:
        pin = only("./localpkg ; python_version < '3.12'")
        assert (pin.url, pin.marker) == ("./localpkg", 'python_version < "3.12"')

    def test_options_behind_a_requirement(self) -> None:
        pin = only('foo==1 --config-setting="a=b" --hash sha256:aa --hash=sha256:bb')
        assert pin.hashes == ("sha256:aa", "sha256:bb")


@pytest.mark.parametrize(
    "line", ["<<<<<<< HEAD", "torch=2.9.1", "foo==1 ; linux", "-i 'open", "--pre foo bar", "a b"]
)
def test_what_is_none_of_it_names_file_and_line(line: str) -> None:
    with pytest.raises(RequirementsError, match=r"requirements.txt, line 3: .* neither"):
        parse(f"# header\nnumpy==2.0\n{line}\n", "requirements.txt")
