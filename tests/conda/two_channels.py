"""A project that asks for a build, and for a channel, which another solve would not take."""

from __future__ import annotations

from tests.conda.projects import SUBDIRS
from tests.conda.scenarios import package
from tests.support.channels import Channel

TWO_CHANNELS = """\
[tool.accelock]
targets = ["cpu"]
platforms = [{platforms}]
[tool.accelock.conda]
channels = ["{channel}", "{second}"]
[tool.accelock.conda.dependencies]
blas = {{ version = "*", build = "openblas" }}
alpha = {{ version = "*", channel = "{second}" }}
"""
FIRST = Channel.of(
    [package("blas", "1.0", "openblas", subdir=subdir) for subdir in SUBDIRS],
    [package("blas", "1.0", "mkl", number=9, subdir=subdir) for subdir in SUBDIRS],
    [package("alpha", "3.1", "first_0", subdir=subdir) for subdir in SUBDIRS],
)
SECOND = Channel.of(package("alpha", "3.1", "second_0", subdir=subdir) for subdir in SUBDIRS)
