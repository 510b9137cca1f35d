"""A family of another layout is one data file: compile knows the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.pytorch_site import pytorch_site
from tests.support.second_family import NAME, accelock_with_it, with_it

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.piptools.support_project import Project
    from tests.support.server import IndexServer
    from tests.support.sites import Site


def test_it_is_compiled_for_each_target(
    serve: Callable[[Site], IndexServer],
    project_at: Callable[[IndexServer], Project],
    tmp_path: Path,
) -> None:
    server = serve(with_it(pytorch_site()))
    project = project_at(server).write(requirements_in=f"{NAME}\ntqdm\n")
    project.compile(
        *("-q", "-t", "cpu", "-t", "cu124", "--platform=linux-x86_64", "--generate-hashes"),
        PYTHONPATH=str(accelock_with_it(tmp_path / "copy")),
        ACCELOCK_SOURCE_FUSED_KERNELS=f"{server.url}/fused/whl/{{target}}",
    )

    for target in ("cpu", "cu124"):
        file = f"requirements.{target}.txt"
        assert project.pins(file)[NAME] == "0.3.1"
        assert project.pins(file)["tqdm"] == "4.67.1"
        index = server.site.index(f"/fused/whl/{target}").projects[NAME]
        own = {f.distribution.hash for f in index if f.distribution.version == "0.3.1"}
        assert project.hashes(file)[NAME] == own
        line = f"--extra-index-url https://fused.example/whl/{target}"
        assert line in project.read(file).splitlines()
