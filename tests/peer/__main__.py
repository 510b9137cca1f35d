"""The own test suite of Poetry or of pip-tools, of its sdist, without accelock and with it.

    python -m tests.peer poetry

runs in an environment that has the tool and what its tests need, and no accelock: that of
`tox -e poetry-peer` or `tox -e piptools-peer`. Poetry then has the plugin; pip-tools' tests call
`accelock compile` and `accelock sync` (`idle.py`). It exits with 1 where a test's outcome is
another one with accelock than without. What fails in both is the machine's business: it is printed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from importlib import metadata
from pathlib import Path

TOP = Path(__file__).parents[2]
# Poetry 2.5.1 has 3342 tests, pip-tools 7.6.2 921: with far fewer than that nothing was proved.
FEWEST = {"poetry": 3000, "pip-tools": 700}
# What pip-tools' tests need of the network is not about us.
WITHOUT = {"poetry": (), "pip-tools": ("-m", "not network")}
WITH = {"poetry": (), "pip-tools": ("-p", "idle")}
RAN = (0, 1)  # pytest's exit codes where all were run, and passed or not
PIP = (sys.executable, "-m", "pip")
# The tests are about these, and the machine's own settings spoil them.
SETTINGS = (
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "PYTHONPATH", "PIP_FIND_LINKS",
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL",
)  # fmt: skip


def main(tool: str) -> int:
    """Run both, and say in what they differ."""
    call(*PIP, "uninstall", "--quiet", "--yes", "accelock")
    with tempfile.TemporaryDirectory() as name:
        folder = unpacked(tool, Path(name))
        without = outcomes(folder, *WITHOUT[tool])
        call(*PIP, "install", "--quiet", str(TOP))
        found = outcomes(folder, *WITHOUT[tool], *WITH[tool])
        different = sorted(
            test for test in {*without, *found} if without.get(test) != found.get(test)
        )
        # A test that passes by luck differs by luck: it has to do so twice.
        options = (*WITHOUT[tool], *WITH[tool])
        again = outcomes(folder, *options, *files(folder, different)) if different else {}
    different = [test for test in different if again.get(test) != without.get(test)]
    return report(tool, without, different)


def report(tool: str, without: dict[str, str], different: list[str]) -> int:
    counts = {word: list(without.values()).count(word) for word in ("passed", "failed", "skipped")}
    print(f"{tool} {metadata.version(tool)} without accelock: {counts}")
    print(
        "\n".join(f"  fails without it too: {t}" for t, word in without.items() if word == "failed")
    )
    print("\n".join(f"  other with accelock: {test}" for test in different) or "With it: the same.")
    return int(bool(different) or counts["passed"] < FEWEST[tool])


def unpacked(tool: str, folder: Path) -> Path:
    """Download the sdist of the tool that is installed, and return its folder."""
    wanted = f"{tool}=={metadata.version(tool)}"
    options = ("--quiet", "--no-deps", f"--no-binary={tool}")
    call(*PIP, "download", *options, "--dest", str(folder), wanted)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


def outcomes(folder: Path, *words: str) -> dict[str, str]:
    """Run tests and return test -> passed, failed or skipped.

    :param words: pytest's options, and files; without files all tests run.
    """
    written = folder / "junit.xml"
    written.unlink(missing_ok=True)  # that of the run before would do for this one
    options = (
        "-q",
        "-n",
        "auto",
        "--maxprocesses=4",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
    )
    env = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    env |= {"PYTHONPATH": str(Path(__file__).parent), "PIP_CONFIG_FILE": os.devnull}
    command = (sys.executable, "-m", "pytest", *options, f"--junitxml={written}", *words)
    done = subprocess.run(
        command, cwd=folder, env=env, check=False, stdout=subprocess.PIPE, text=True
    )
    if done.returncode not in RAN or not written.exists():
        print(done.stdout)
        raise SystemExit(f"pytest did not run the tests: it ended with {done.returncode}")
    cases = ET.parse(written).iter("testcase")
    return {f"{case.get('classname')}::{case.get('name')}": outcome(case) for case in cases}


def outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def files(folder: Path, tests: list[str]) -> list[str]:
    """Return the files of tests, which are told as `tests.console.test_x[.TestClass]::name`."""
    found = []
    for test in tests:
        parts = test.partition("::")[0].split(".")
        paths = [folder.joinpath(*parts[:n]).with_suffix(".py") for n in range(len(parts), 0, -1)]
        found += [str(path) for path in paths if path.is_file()][:1]
    return sorted(set(found))


def call(*command: str) -> None:
    subprocess.run(command, check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
