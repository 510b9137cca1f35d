"""`docker build` without Docker: what a Dockerfile says, done in a folder and a venv.

There is no engine where the tests run. This stands in for one: FROM makes an environment of the
Python that it names, COPY copies, and every RUN line is run by a real shell. It is a script:

    python docker.py IMAGES PYTHON build -t NAME [-f DOCKERFILE] CONTEXT

The image is the folder IMAGES/NAME, its environment IMAGES/NAME/venv, its files IMAGES/NAME/files.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

NO_PYTHON = ("mambaorg/micromamba:2",)


def build(image: Path, python: str, context: Path, dockerfile: str = "Dockerfile") -> None:
    """Do what a Dockerfile of the context says; SystemExit when a step fails or is not known."""
    for line in (context / dockerfile).read_text(encoding="utf-8").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            begin(image, python, rest)
        elif word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                copy(context, source, image / "files" / target)
        elif word == "ENV":
            name, _, value = rest.partition("=")
            os.environ[name] = value
        elif word == "RUN":
            run(rest, image)
        elif word not in {"", "CMD", "USER", "WORKDIR"}:
            sys.exit(f"docker: the tests do not know {word}")


def begin(image: Path, python: str, base: str) -> None:
    if base in NO_PYTHON:
        (image / "files").mkdir(parents=True)
        return
    wanted = re.fullmatch(r"python:(\d+\.\d+)-slim", base)
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    there = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    if wanted is None or wanted[1] != there.stdout.strip():
        sys.exit(f"docker: {base} is not Python {there.stdout.strip()}")
    (image / "files").mkdir(parents=True)
    subprocess.run([python, "-m", "venv", str(image / "venv")], check=True)


def copy(context: Path, source: str, folder: Path) -> None:
    if (context / source).is_dir():
        shutil.copytree(context / source, folder, dirs_exist_ok=True)
    else:
        shutil.copy(context / source, folder)


def run(command: str, image: Path) -> None:
    path = os.pathsep.join((str(image / "venv" / "bin"), os.environ["PATH"]))
    done = subprocess.run(
        ["sh", "-ec", command], cwd=image / "files", env=os.environ | {"PATH": path}, check=False
    )
    if done.returncode:
        sys.exit(done.returncode)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="docker")
    parser.add_argument("images", type=Path)
    parser.add_argument("python")
    parser.add_argument("command", choices=["build"])
    parser.add_argument("-t", "--tag", required=True)
    parser.add_argument("context", type=Path)
    parser.add_argument("-f", "--file", default="Dockerfile")
    given = parser.parse_args(words)
    build(given.images / given.tag, given.python, given.context, given.file)


if __name__ == "__main__":
    main(sys.argv[1:])
