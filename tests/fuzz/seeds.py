"""What is damaged: one file of each kind, as its writer writes it."""

from __future__ import annotations

import json
from typing import Any

import tomlkit

from accelock.locks import overlay as overlays
from accelock.locks.overlay import Overlay
from accelock.locks.stamp import Stamp, body_digest
from tests.commands.poetry_locks import ALL, cpu, cu126

SHA = "0123456789abcdef" * 4
PINS = f"""\
--extra-index-url https://download.pytorch.org/whl/cpu

filelock==3.18.0 \\
    --hash=sha256:{SHA} \\
    --hash=sha256:{SHA[::-1]}
    # via torch
-e ./here
torch[opt]==2.6.0+cpu ; sys_platform == "linux" and python_version < "3.12" \\
    --hash=sha256:{SHA}
    # via
    #   -r requirements.in
numpy @ https://example.org/numpy-2.2.6-cp311-cp311-manylinux_2_28_x86_64.whl#sha256={SHA}
"""


def compiled(body: str = PINS) -> str:
    """Return a file that accelock compiled for cpu."""
    stamp = Stamp(
        "1.0",
        "cpu",
        ("linux-x86_64", "macos-arm64"),
        ("3.11",),
        ("requirements.in",),
        SHA,
        body_digest(body),
        {"requirements.in": SHA},
    )
    return "\n".join(["# by the following command:", "#", *stamp.render(), "#", body])


def locked(leader: list[dict[str, Any]], other: list[dict[str, Any]]) -> str:
    """Return a poetry.lock of cpu and cu126, with the digests that it has to have."""
    names = ("cpu", "cu126")
    overlay = Overlay(
        names, dict.fromkeys(names, ALL), SHA, {"cu126": overlays.difference(leader, other)}
    )
    made = overlays.write(leader, overlay)
    metadata = {"lock-version": "2.1", "python-versions": ">=3.10", "content-hash": SHA}
    data = {
        "package": leader,
        "metadata": {**metadata, overlays.TABLE: made["metadata"]},
        overlays.TABLE: made["tables"],
    }
    return tomlkit.dumps(data)


POETRY_LOCK = locked(cpu(), cu126())
PYLOCK = f"""\
lock-version = "1.0"
environments = ["sys_platform == 'linux'"]
requires-python = ">=3.10"
extras = ["cpu"]
default-groups = ["main"]
created-by = "accelock"

[[packages]]
name = "torch"
version = "2.6.0+cpu"
marker = "'cpu' in extras and sys_platform == 'linux'"
requires-python = ">=3.9"
index = "https://download.pytorch.org/whl/cpu"
dependencies = [{{ name = "filelock" }}]
[[packages.wheels]]
name = "torch-2.6.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
url = "https://example.org/torch-2.6.0%2Bcpu-cp311-cp311-manylinux_2_28_x86_64.whl"
upload-time = 2025-01-01T00:00:00Z
size = 5
hashes = {{ sha256 = "{SHA}" }}
[[packages]]
name = "filelock"
version = "3.18.0"
[packages.sdist]
name = "filelock-3.18.0.tar.gz"
path = "filelock-3.18.0.tar.gz"
hashes = {{ sha256 = "{SHA}" }}
[[packages]]
name = "here"
directory = {{ path = "here", editable = true }}
[[packages]]
name = "there"
vcs = {{ type = "git", url = "https://example.org/there.git", commit-id = "{SHA[:40]}" }}
[tool.accelock]
format = 1
target = "cpu"
lock = "requirements.cpu.txt"
digest = "{SHA}"
body = "{SHA}"
"""
TABLE = """\
[project]
name = "app"
version = "1.0"
requires-python = ">=3.10"
dependencies = ["torch>=2.5", "numpy ; sys_platform == 'linux'"]
[dependency-groups]
dev = ["pytest", { include-group = "lint" }]
lint = ["ruff"]
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
python = "^3.10"
torch = [{ version = "^2.6", source = "gpu", markers = "sys_platform == 'linux'" }, "2.6.0+cpu"]
[[tool.poetry.source]]
name = "gpu"
url = "https://download.pytorch.org/whl/cu126"
priority = "explicit"
[tool.uv]
conflicts = [[{ extra = "cpu" }, { extra = "cu126" }]]
[[tool.uv.index]]
name = "pytorch"
url = "https://download.pytorch.org/whl/cu126"
explicit = true
[tool.uv.sources]
torch = [{ index = "pytorch", extra = "cu126" }]
[tool.accelock]
targets = ["cpu", "cu126"]
platforms = ["linux-x86_64", "macos-arm64"]
lockstep = true
allow-downloads = false
glibc = "2.28"
macos = "11.0"
python = ["3.11", "3.12"]
[tool.accelock.sources]
pytorch = "https://mirror.example.org/whl/{target}"
[tool.accelock.packages]
triton = { source = "pypi", lockstep = false }
onnxruntime = { substitute = "always" }
[tool.accelock.target.cu126]
platforms = ["linux-x86_64"]
max-mb = 4000
deny = ["nvidia-*"]
sources = { pytorch = "https://other.example.org/whl/cu126" }
dependencies = ["flash-attn==2.8 ; python_version < '3.12'"]
[tool.accelock.families.mine]
index = "https://mine.example.org/{target}"
label = "cu{target.digits}"
lockstep = ["one", "two"]
source = "https://mine.example.org"
[[tool.accelock.families.mine.package]]
name = "one"
lookup = "own"
[tool.accelock.conda]
channels = ["conda-forge", "https://example.org/t/token/channel"]
platforms = ["linux-x86_64"]
overlap = "warn"
[tool.accelock.conda.dependencies]
python = "3.11.*"
numpy = { version = ">=2", build = "py311*", channel = "conda-forge", platforms = ["linux-x86_64"] }
[tool.accelock.conda.target.cpu.dependencies]
mkl = "*"
[tool.accelock.conda.group.dev.dependencies]
pytest = "*"
"""
PAGE = f"""\
<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0">
<base href="https://files.example.org/x/"></head><body><h1>Links for torch</h1>
<a href="torch-2.6.0%2Bcpu-cp311-cp311-linux_x86_64.whl#sha256={SHA}"
 data-requires-python="&gt;=3.9" data-dist-info-metadata="sha256={SHA}" data-core-metadata="true"
>torch-2.6.0+cpu-cp311-cp311-linux_x86_64.whl</a><br/>
<a href="../torch-2.5.0.tar.gz#sha512=ab" data-yanked="broken">torch-2.5.0.tar.gz</a>
</body></html>
"""
JSON_PAGE = json.dumps(
    {
        "meta": {"api-version": "1.1"},
        "name": "torch",
        "versions": ["2.6.0"],
        "files": [
            {
                "filename": "torch-2.6.0-py3-none-any.whl",
                "url": "torch-2.6.0-py3-none-any.whl",
                "hashes": {"sha256": SHA, "md5": "x"},
                "requires-python": ">=3.9",
                "core-metadata": {"sha256": SHA},
                "dist-info-metadata": True,
                "yanked": "why",
                "size": 12,
                "upload-time": "2025-01-01T00:00:00Z",
            },
            {"filename": "torch-2.6.0.tar.gz", "url": "https://a.org/torch.tar.gz", "hashes": {}},
        ],
    }
)
METADATA = """\
Metadata-Version: 2.4
Name: torch
Version: 2.6.0+cpu
Summary: x
Requires-Python: >=3.9
Requires-Dist: filelock (>=3.0)
Requires-Dist: triton==3.2.0 ; platform_system == "Linux" and extra == 'opt'
Provides-Extra: opt

Text
"""
NAMES = (
    "torch-2.6.0+cpu-cp311-cp311-manylinux_2_28_x86_64.manylinux2014_x86_64.whl",
    "triton-3.2.0-1-py3-none-any.whl",
    "foo-1.0-1.tar.gz",
    "foo_bar-1!2.0rc1.post3.dev4.zip",
)
PIP_LIST = """\
Package    Version   Editable project location
---------- --------- -------------------------
torch      2.6.0+cpu
here       1.0       /home/me/here
"""
PIP_JSON = json.dumps(
    [
        {"name": "torch", "version": "2.6.0+cpu"},
        {"name": "here", "version": "1.0", "editable_project_location": "/home/me/here"},
    ]
)
FREEZE = (
    "torch==2.6.0+cpu\nnumpy @ file:///croot/numpy_1/work/dist/numpy-1.26.3-cp311-cp311-x.whl\n"
)
CONDA_LIST = """\
# This file may be used to create an environment using:
# platform: linux-64
_libgcc_mutex=0.1=main
python=3.11.9=h955ad1f_0
numpy=1.26.4=pypi_0
"""
EXPLICIT = "# platform: linux-64\n@EXPLICIT\nhttps://a.org/linux-64/numpy-1.26.4-py311_0.conda#ab\n"
CONDA_LOCK = f"""\
version: 1
metadata:
  content_hash:
    linux-64: {SHA}
  channels:
  - url: conda-forge
    used_env_vars: []
  platforms:
  - linux-64
  sources:
  - pyproject.toml
package:
- name: numpy
  version: 1.26.4
  manager: conda
  platform: linux-64
  dependencies:
    python: '>=3.11'
  url: https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311h64a7726_0.conda
  hash:
    md5: {SHA[:32]}
    sha256: {SHA}
  category: main
  optional: false
"""
ENVIRONMENT = """\
name: app
channels:
  - pytorch
  - https://user:secret@example.org/channel
dependencies:
  - python=3.11
  - pytorch::pytorch=2.5.1=py3.11_cuda12.4_cudnn9.1.0_0
  - conda-forge::numpy >=1.26,<2
  - "mkl[version='2024.*',build=h*]"
  - pip:
    - torchmetrics==1.0
"""
CONDA_META = json.dumps(
    {
        "name": "numpy",
        "version": "1.26.4",
        "build": "py311_0",
        "build_number": 0,
        "subdir": "linux-64",
        "channel": "https://conda.anaconda.org/conda-forge/linux-64",
        "url": "https://conda.anaconda.org/conda-forge/linux-64/numpy-1.26.4-py311_0.conda",
        "fn": "numpy-1.26.4-py311_0.conda",
        "depends": ["python >=3.11"],
        "constrains": [],
        "md5": SHA[:32],
        "sha256": SHA,
        "requested_spec": "numpy",
        "files": ["bin/x"],
    }
)
DOCKERFILE = """\
FROM python:3.11
RUN pip install torch==2.6.0+cu126 \\
    --index-url https://download.pytorch.org/whl/cu126
"""
INPUT = """\
--extra-index-url https://download.pytorch.org/whl/cu121
-c base.txt
torch==2.5.1+cu121  # x
"""
HISTORY = """\
==> 2025-01-01 00:00:00 <==
# cmd: conda install numpy
# update specs: ['numpy', "python=3.11"]
+conda-forge::numpy-1.26.4-py311_0
"""
UV_LOCK = """\
version = 1
revision = 3
requires-python = "==3.12.*"
[[package]]
name = "app"
version = "0.1.0"
source = { virtual = "." }
[package.optional-dependencies]
cpu = [{ name = "torch", version = "2.6.0+cpu", source = { registry = "https://a.org/cpu" } }]
cu126 = [{ name = "torch", version = "2.6.0+cu126", marker = "sys_platform == 'linux'" }]
[package.metadata]
requires-dist = [{ name = "torch", marker = "extra == 'cpu'" }]
[[package]]
name = "torch"
version = "2.6.0+cu126"
source = { registry = "https://a.org/whl/cu126" }
dependencies = [{ name = "filelock" }, { name = "nvidia-cudnn-cu12", marker = "x" }]
[[package.wheels]]
url = "https://a.org/torch-2.6.0%2Bcu126-cp312-cp312-linux_x86_64.whl"
hash = "sha256:0"
"""
