"""`accelock init`: findings, the diff, and what it writes or refuses, for pip-tools' inputs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from accelock.cli import main
from accelock.moving_in import files

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands.moving import Moving

OWN = "https://download.pytorch.org/whl"
INDEX = "requirements.in:2: --extra-index-url, the pytorch index of cu121"
LINE_GOES = 'targets = ["cu121"]; the line goes'
WHEEL = "torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl"
MIRROR = "https://reader:s3cret@mirror.corp/x/whl"


def table(*targets: str) -> str:
    names = ", ".join(f'"{target}"' for target in targets)
    return f"[tool.accelock]\ntargets = [{names}]\n"


class TestOneFile:
    def test_nothing_is_written_unasked(self, project: Moving) -> None:
        text = f"# ours\n--extra-index-url {OWN}/cu121\n\ntorch==2.5.1+cu121  # the one\nnumpy"
        project.put("requirements.in", text)

        assert project.shown() == [
            f"{INDEX}: {LINE_GOES}",
            'requirements.in:4: torch, a build for cu121: targets = ["cu121"], torch==2.5.1',
            "",
            "--- a/requirements.in",
            "+++ b/requirements.in",
            "@@ -1,5 +1,4 @@",
            " # ours",
            f"---extra-index-url {OWN}/cu121",
            " ",
            "-torch==2.5.1+cu121  # the one",
            "+torch==2.5.1  # the one",
            " numpy",
            "\\ No newline at end of file",
            "--- /dev/null",
            "+++ b/pyproject.toml",
            "@@ -0,0 +1,2 @@",
            "+[tool.accelock]",
            '+targets = ["cu121"]',
            "",
            "Nothing was written. To write it: accelock init --write",
        ]

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("-i {url}/cpu\ntorch\n", "torch\n"),
            ("numpy\n\n--find-links={url}/cpu\n\ntorch\n", "numpy\n\ntorch\n"),
            ('-f "{url}/cpu/torch_stable.html"  # here\ntorch\n', "torch\n"),
            ("torch[opt-einsum] === 2.5.1+CPU ; sys_platform != 'darwin'\n",
             "torch[opt-einsum] == 2.5.1 ; sys_platform != 'darwin'\n"),
            ("torch ==2.5.1+cpu, \\\n  <2.6  # c+cpu\n", "torch ==2.5.1, \\\n  <2.6  # c+cpu\n"),
            (f"torch @ {OWN}/cpu/{WHEEL} ; os_name == 'nt'\n", 'torch==2.5.1 ; os_name == "nt"\n'),
            (f"{OWN}/cpu/{WHEEL} # x\n", "torch==2.5.1 # x\n"),
        ],
    )  # fmt: skip
    def test_lines_and_labels(self, project: Moving, before: str, after: str) -> None:
        project.put("requirements.in", before.format(url=OWN))
        said = project.written()

        assert project.read("requirements.in") == after
        assert project.data()["targets"] == ["cpu"]
        assert said[-2:] == [
            "Written: requirements.in, pyproject.toml.",
            "Now run: accelock compile requirements.in",
        ]
        (nothing,) = project.shown()
        assert nothing.startswith("Nothing in this project was set up for hardware by hand.")

    def test_a_mirror_and_its_login(self, project: Moving) -> None:
        project.put("requirements.in", f"--index-url {MIRROR}/cu126/\ntorch\n")
        said = "\n".join(project.written())

        assert 'sources.pytorch = "https://****@mirror.corp/x/whl/{target}"' in said
        assert "s3cret" not in said
        assert project.data()["sources"] == {"pytorch": f"{MIRROR}/{{target}}"}

    def test_windows_newlines_and_a_byte_order_mark_stay(self, project: Moving) -> None:
        project.put("requirements.in", f"\ufeff# ours\r\n-i {OWN}/cpu\r\ntorch==2.5.1+cpu\r\n")
        project.put("pyproject.toml", "[tool.black]\r\nline-length = 100\r\n")
        project.written()

        assert project.read("requirements.in") == "\ufeff# ours\r\ntorch==2.5.1\r\n"
        assert project.read("pyproject.toml") == (
            '[tool.black]\r\nline-length = 100\r\n\r\n[tool.accelock]\r\ntargets = ["cpu"]\r\n'
        )

    def test_labels_tell_which_of_two_indexes_counts(self, project: Moving) -> None:
        lines = f"--extra-index-url {OWN}/cpu\n--extra-index-url {OWN}/cu126\n"
        project.put("requirements.in", f"{lines}torch==2.6.0+cu126\ntorchvision==0.21.0+cu126\n")
        project.written()

        assert project.data()["targets"] == ["cu126"]
        assert project.read("requirements.in") == "torch==2.6.0\ntorchvision==0.21.0\n"

    def test_what_stays_is_named(self, project: Moving) -> None:
        text = (
            f"--pre --extra-index-url {OWN}/cpu\n--extra-index-url https://${{HOST}}/whl/cpu\n"
            f"https://elsewhere.org/{WHEEL}\ntorch==2.1.0a0+41361538.nv23.6\n"
        )
        project.put("requirements.in", text)
        said = project.shown()

        assert said[-1] == "There is nothing to change."
        assert "put each option on its own line" in said[0]
        assert "it contains a variable" in said[1]
        assert "requirements.in:3: torch, a build for cpu: stays: its URL" in said[2]
        assert len(said) == 4

    def test_files_in_a_folder_and_files_that_are_no_inputs(self, project: Moving) -> None:
        project.put("requirements/base.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("MANIFEST.in", "recursive-include src *\n")
        project.put("config.h.in", "#define A @A@\nint a{};\n")
        assert project.written()[-1] == "Now run: accelock compile requirements/base.in"
        assert project.read("requirements/base.in") == "torch\n"

    def test_what_is_built_on_it_is_compiled_too(self, project: Moving) -> None:
        project.put("a.in", "-r base.in\npytest\n")
        project.put("base.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("all.in", "-c a.txt\nmypy\n")
        project.put("docs.in", "mkdocs\n")
        commands = " && ".join(f"accelock compile {name}.in" for name in ("base", "a", "all"))
        assert project.written()[-1] == f"Now run: {commands}"

    def test_targets_that_the_user_names(self, project: Moving) -> None:
        project.put("requirements.in", f"-f {OWN}/torch_stable.html\ntorch\n")
        assert "name the targets: accelock init cpu" in project.refused()
        project.written("cu126", "cpu", "cu126")
        assert project.data() == {
            "targets": ["cu126", "cpu"],
            "sources": {"pytorch": f"{OWN}/torch_stable.html"},
        }


class TestPair:
    @pytest.mark.parametrize(
        ("cpu", "gpu", "base"),
        [
            ("requirements-cpu.in", "requirements-gpu.in", "requirements.in"),
            ("requirements.cpu.in", "requirements.cu121.in", "requirements.in"),
            ("requirements_cpu.in", "requirements_cuda12.1.in", "requirements.in"),
            ("requirements.torch.cpu.in", "requirements.torch.gpu.in", "requirements.torch.in"),
            ("requirements/cpu.in", "requirements/cuda.in", "requirements/requirements.in"),
            ("cpu-dev.in", "gpu-dev.in", "dev.in"),
        ],
    )
    def test_becomes_one(self, project: Moving, cpu: str, gpu: str, base: str) -> None:
        project.put(cpu, f"-i {OWN}/cpu\n# common\ntorch==2.5.1+cpu\nnumpy<3\ntriton\n")
        project.put(gpu, f"-i {OWN}/cu121\nnumpy <3  # too\n\ntorch==2.5.1+cu121\nx[b,a]>1;a=='b'\n"
                    .replace("a=='b'", "os_name=='nt'"))  # fmt: skip
        said = project.written()

        assert sorted(project.files()) == sorted(["pyproject.toml", base])
        assert project.read(base) == "# common\ntorch==2.5.1\nnumpy<3\n"
        assert project.data() == {
            "targets": ["cpu", "cu121"],
            "target": {
                "cpu": {"dependencies": {"triton": "*"}},
                "cu121": {
                    "dependencies": {
                        "x": {"version": ">1", "extras": ["a", "b"], "markers": 'os_name == "nt"'}
                    }
                },
            },
        }
        assert f"removed: {cpu}, {gpu}" in said[-2]

    def test_on_a_file_that_both_include(self, project: Moving) -> None:
        project.put("requirements.in", "numpy\n")
        project.put("requirements-cpu.in", f"-r requirements.in\n-i {OWN}/cpu\ntorch\n")
        project.put("requirements-gpu.in", f"-i {OWN}/cu126\n-r requirements.in\ntorch\n")
        project.put("requirements-dev-cpu.in", "-c requirements-cpu.txt\npytest\n")
        project.put("requirements-dev-gpu.in", "-c requirements-gpu.txt\npytest\n")
        project.written()

        assert project.read("requirements.in") == "numpy\ntorch\n"
        assert project.read("requirements-dev.in") == "-c requirements.txt\npytest\n"

    def test_of_which_nothing_tells_the_cuda(self, project: Moving) -> None:
        project.put("requirements-cpu.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("requirements-gpu.in", "torch\n")
        assert "requirements-gpu.in:1: the part of a pair for gpu, and" in project.refused()
        project.written("cu126")
        assert project.data() == {"targets": ["cu126", "cpu"]}
        assert project.read("requirements.in") == "torch\n"

    @pytest.mark.parametrize(
        ("cpu", "gpu", "others", "told"),
        [
            ("-e .\ntorch\n", "torch\n", {}, "requirements-cpu.in:1: -e ., which not all"),
            ("torch\n", "--pre\ntorch\n", {}, "requirements-gpu.in:1: --pre, which not all"),
            ("torch\n", "torch\n", {"requirements.in": "x\n"}, "requirements.in:1: is there, and"),
            (
                "-r requirements.in\n",
                "-r requirements.in\n",
                {"requirements.in": "numpy\n-i {url}/cpu\n"},
                "requirements.in:2: says itself what it is for",
            ),
            (
                "torch\n",
                "torch\n",
                {"all.in": "# all\n-r requirements-cpu.in\n"},
                "all.in:2: -r requirements-cpu.in, a file of a pair: name requirements.in here",
            ),
            ("-i {url}/cu118\ntorch\n", "torch\n", {}, "the name of the file says cpu"),
            (
                "torch\n",
                "torch\n",
                {"a-cpu.in": "x>1\n", "a-gpu.in": "y\n", "b-cpu.in": "x>2\n", "b-gpu.in": "y\n"},
                'b-cpu.in:1: x for cpu alone, once more: ">2": a-cpu.in:1 has ">1"',
            ),
        ],
    )
    def test_stays_where_the_rest_differs(
        self, project: Moving, cpu: str, gpu: str, others: dict[str, str], told: str
    ) -> None:
        project.put("requirements-cpu.in", cpu.format(url=OWN))
        project.put("requirements-gpu.in", gpu)
        for name, text in others.items():
            project.put(name, text.format(url=OWN))
        assert told in project.refused("cpu", "cu126")

    def test_other_files_get_what_one_target_has(self, project: Moving) -> None:
        project.put("requirements-cpu.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("requirements-gpu.in", f"-i {OWN}/cu126\ntorch\ntriton\n")
        project.put("docs.in", "mkdocs\n")
        told = "docs.in:1: no file of a pair: its compiled files have "
        assert f"{told}[tool.accelock.target.cu126.dependencies] too" in project.shown()


class TestTable:
    def test_what_is_missing_is_added(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {MIRROR}/cpu\ntorch\n")
        project.put(
            "pyproject.toml", "[tool.accelock] # ours\npython = ['3.12']\n\n[tool.x]\na = 1\n"
        )
        project.written()
        assert project.data() == {
            "python": ["3.12"],
            "targets": ["cpu"],
            "sources": {"pytorch": f"{MIRROR}/{{target}}"},
        }
        assert project.read("pyproject.toml").startswith("[tool.accelock] # ours\n")

    def test_what_is_there_stays(self, project: Moving) -> None:
        text = f'{table("cu126", "cpu")}[tool.accelock.sources]\npytorch = "{MIRROR}/{{target}}"\n'
        project.put("pyproject.toml", text)
        project.put("requirements.in", f"-i {MIRROR}/cpu\ntorch\n")
        project.written()
        assert project.read("pyproject.toml") == text
        assert project.read("requirements.in") == "torch\n"

    @pytest.mark.parametrize(
        ("more", "words", "told"),
        [
            ("", [], 'pyproject.toml:2: [tool.accelock] targets = ["cu118"], without cpu: require'),
            ("", ["cu126"], "without cu126: you ask for it"),
            ('[tool.accelock.sources]\npytorch = "https://a.org/whl/{target}"\n', [],
             "pyproject.toml:4: sources.pytorch = https://a.org/whl/{target}: requirements.in:1"),
        ],
    )  # fmt: skip
    def test_what_it_contradicts_is_named(
        self, project: Moving, more: str, words: list[str], told: str
    ) -> None:
        project.put("requirements.in", f"-i {MIRROR}/cpu\ntorch\n")
        project.put("pyproject.toml", table("cu118") + more)
        assert told in project.refused(*words)

    def test_a_table_with_faults(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("pyproject.toml", "[tool.accelock]\nplatform = 1\n")
        assert "tool.accelock.platform: unknown key" in project.refused()

    def test_a_layout_that_leaves_no_place(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("pyproject.toml", "tool = { black = { a = 1 } }\n")
        assert "add them by hand:\n[tool.accelock]" in project.refused()


class TestRefusals:
    def test_no_project(self, project: Moving) -> None:
        assert "there is no project here" in project.refused()

    def test_two_indexes_for_two_targets(self, project: Moving) -> None:
        lines = f"--extra-index-url {OWN}/cpu\n--extra-index-url {OWN}/cu126\n"
        project.put("requirements.in", f"{lines}torch\n")
        said = project.refused()
        assert (
            "requirements.in:1: builds for cpu (line 1), cu126 (line 2): accelock cannot tell"
            in said
        )
        assert "nothing was changed: decide first about requirements.in:1" in said

    def test_two_places_of_a_family(self, project: Moving) -> None:
        project.put("a.in", f"-i {MIRROR}/cpu\ntorch\n")
        project.put("b.in", "-i https://other.org/whl/cpu\ntorch\n")
        said = project.refused()
        assert "b.in:1: pytorch has another index too, https://other.org/whl/{target}" in said
        assert "s3cret" not in said

    def test_hashes_of_one_build(self, project: Moving) -> None:
        project.put("requirements.in", f"torch==2.5.1+cpu --hash=sha256:{'0' * 64}\n")
        assert "its hashes belong to this build" in project.refused()

    def test_no_utf_8(self, project: Moving) -> None:
        (project.folder / "requirements.in").write_bytes("# é\ntorch\n".encode("latin-1"))
        assert "requirements.in: is not UTF-8 at byte 2" in project.refused()

    def test_no_toml(self, project: Moving) -> None:
        project.put("pyproject.toml", "[tool\n")
        assert "pyproject.toml, line 1: is not valid TOML" in project.refused()

    def test_no_requirement(self, project: Moving) -> None:
        project.put("requirements.in", "torch==\nnum py\n")
        assert "requirements.in, line 1" in project.refused()

    def test_an_unknown_target(self, project: Moving) -> None:
        project.put("requirements.in", "torch\n")
        assert "did you mean 'cu126'?" in project.refused("cuda12.6", code=2)

    def test_mixed_newlines(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\r\ntorch\nnumpy\n")
        assert "Give it one kind" in project.refused("--write")

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write all")
    def test_a_read_only_file(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n").chmod(0o444)
        assert "write-protected" in project.refused("--write")

    def test_a_folder_in_the_place_of_a_file(self, project: Moving) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n")
        (project.folder / "pyproject.toml").mkdir()
        assert "pyproject.toml: cannot be read (Is a directory)" in project.refused("--write")

    def test_a_file_that_changed_meanwhile(
        self, project: Moving, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.put("requirements.in", f"-i {OWN}/cpu\ntorch\n")
        project.put("pyproject.toml", "")
        read = files.read_others

        def slowly(folder: Path) -> dict[str, str]:
            project.put("pyproject.toml", "[tool.black]\n")
            return read(folder)

        monkeypatch.setattr(files, "read_others", slowly)
        assert main(["init", "--write"]) == 1
        assert "pyproject.toml: it changed during this run" in project.printed.readouterr().err
        assert project.read("pyproject.toml") == "[tool.black]\n"
        assert project.read("requirements.in") == f"-i {OWN}/cpu\ntorch\n"
