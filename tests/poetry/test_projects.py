"""The proof: whatever the project, a target's install is what that target alone would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.poetry.support_cases import CASES, Case
from tests.poetry.support_cells import resolved_alone
from tests.poetry.support_project import TARGETS, on_linux

if TYPE_CHECKING:
    from tests.poetry.support_project import Project

pytestmark = [pytest.mark.slow, on_linux]
ROOT = "app"
OWN = {ROOT, "near"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_install_is_what_the_target_alone_would_give(project: Project, case: Case) -> None:
    case.write(project)
    said = project.poetry("lock").stderr
    assert said.count("[tool.accelock] table of near") == ("near/pyproject.toml" in case.files)
    assert project.server.bodies_of_wheels() == ()

    for target in TARGETS:
        pins = project.pins(target, groups=case.groups, extras=case.extras)
        others = {name: pin for name, pin in pins.items() if name not in OWN}
        alone = resolved_alone(project, target, case.roots, others)

        if case.without and not project.installed():
            plain = project.install(target=target)
            assert plain.keys() & set(case.without) == set()
        installed = project.install(*case.words, target=target)

        assert (ROOT in installed) == (case.files != {})
        installed.pop(ROOT, None)
        assert installed == alone
        assert installed == pins
        assert installed["torch"].endswith(f"+{target}")
