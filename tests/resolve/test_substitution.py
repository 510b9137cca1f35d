from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from accelock.catalogue import load_catalogue
from accelock.catalogue.load import load_exclusive, load_substitutes
from accelock.errors import AccelockError
from accelock.resolve.substitution import (
    NoSubstituteError,
    Substitution,
    for_others_message,
    together,
    together_message,
)
from accelock.targets import PLATFORMS, parse_target

if TYPE_CHECKING:
    from accelock.targets import Target

KNOWN = load_catalogue().targets
RULE = Substitution.of(())
GROUPS = load_exclusive()


def got(text: str, target: str, platform: str = "linux-x86_64", rule: Substitution = RULE) -> str:
    found = rule.requirement(Requirement(text), parse_target(target, KNOWN), PLATFORMS[platform])
    return str(found)


@pytest.mark.parametrize(
    ("text", "target", "platform", "expected"),
    [
        ("onnxruntime", "cpu", "linux-x86_64", "onnxruntime"),
        ("onnxruntime", "cpu", "macos-arm64", "onnxruntime"),
        ("onnxruntime", "cu118", "linux-x86_64", "onnxruntime-gpu<1.19"),
        ("onnxruntime", "cu126", "linux-x86_64", "onnxruntime-gpu<1.27,>=1.19"),
        ("onnxruntime", "cu129", "windows-x86_64", "onnxruntime-gpu<1.27,>=1.19"),
        ("onnxruntime", "cu126", "linux-aarch64", "onnxruntime"),
        ("onnxruntime", "cu130", "linux-x86_64", "onnxruntime-gpu>=1.27"),
        ("onnxruntime", "cu130", "linux-aarch64", "onnxruntime-gpu>=1.29"),
        ("onnxruntime", "rocm6.3", "linux-x86_64", "onnxruntime"),
        ("jax", "cpu", "linux-x86_64", "jax"),
        ("jax", "cu126", "linux-x86_64", "jax[cuda12]>=0.4.30"),
        ("jax", "cu130", "linux-aarch64", "jax[cuda13]>=0.7"),
        ("jax", "cu126", "windows-x86_64", "jax"),
        ("jax", "rocm7.14", "linux-x86_64", "jax[rocm7-local]>=0.9.2"),
        ("jax", "rocm6.4", "linux-x86_64", "jax"),
        ("tensorflow", "cu126", "linux-x86_64", "tensorflow[and-cuda]>=2.15"),
        ("tensorflow", "cu130", "linux-x86_64", "tensorflow"),
        ("tensorflow", "cpu", "linux-x86_64", "tensorflow"),
        ("faiss", "cpu", "macos-arm64", "faiss-cpu"),
        ("faiss", "cu126", "linux-x86_64", "faiss-gpu-cu12"),
        ("faiss", "cu126", "windows-x86_64", "faiss-cpu"),
        ("xgboost", "cpu", "linux-x86_64", "xgboost-cpu"),
        ("xgboost", "cpu", "macos-arm64", "xgboost"),
        ("xgboost", "cu126", "linux-x86_64", "xgboost"),
        ("cupy", "cu126", "linux-x86_64", "cupy-cuda12x"),
        ("cupy", "cu130", "windows-x86_64", "cupy-cuda13x"),
        ("cupy", "rocm7.0", "linux-x86_64", "cupy-rocm-7-0"),
        ("spacy", "cu126", "linux-x86_64", "spacy[cuda12x]>=3.6.1"),
        ("spacy", "cu130", "linux-x86_64", "spacy"),
        ("torch", "cu126", "linux-x86_64", "torch"),
    ],
)
def test_each_target_gets_its_own(text: str, target: str, platform: str, expected: str) -> None:
    assert got(text, target, platform) == expected


def test_what_the_user_says_stays() -> None:
    text = 'OnnxRuntime[symbolic]>=1.20; python_version < "3.14"'
    expected = 'onnxruntime-gpu[symbolic]<1.27,>=1.19,>=1.20; python_version < "3.14"'
    assert got(text, "cu126") == expected
    assert got(text, "cpu") == str(Requirement(text))
    assert got("spacy[transformers]", "cu126") == "spacy[cuda12x,transformers]>=3.6.1"


@pytest.mark.parametrize("text", ["jax[cuda13]", "onnxruntime @ https://example.com/o-1-py3.whl"])
def test_what_the_user_chose_himself_is_left_alone(text: str) -> None:
    assert got(text, "cu126") == str(Requirement(text))


def test_a_target_without_a_row_for_what_has_no_plain_build() -> None:
    with pytest.raises(AccelockError) as found:
        got("cupy", "cpu")
    said = str(found.value)
    assert "cupy has no build for cpu on linux-x86_64" in said
    assert "cu12?: cupy-cuda12x; cu13?: cupy-cuda13x" in said
    assert "[tool.accelock.packages] cupy = { substitute = false }" in said
    assert isinstance(found.value, NoSubstituteError)
    assert said.startswith(f"{found.value.reason} These targets have one")


def test_a_project_can_turn_it_off() -> None:
    assert got("onnxruntime", "cu126", rule=Substitution.of(["onnxruntime"])) == "onnxruntime"
    assert got("jax", "cu126", rule=Substitution()) == "jax"


def test_names_that_overwrite_each_other() -> None:
    assert list(together({"onnxruntime", "onnxruntime-gpu", "numpy"}, GROUPS)) == [
        ("onnxruntime", "onnxruntime-gpu")
    ]
    assert list(together({"onnxruntime", "xgboost"}, GROUPS)) == []
    assert list(together({"onnxruntime", "onnxruntime-gpu"}, GROUPS, {"onnxruntime"})) == []
    assert list(together({"faiss-cpu", "faiss-gpu-cu12"}, GROUPS, {"faiss"})) == []


def test_what_other_packages_require_where_the_project_says_so() -> None:
    rule = Substitution.of((), ["onnxruntime", "jax", "cupy"])
    cuda, cpu = parse_target("cu126", KNOWN), parse_target("cpu", KNOWN)
    linux = PLATFORMS["linux-x86_64"]

    def row(text: str, target: Target = cuda) -> str:
        return str(rule.row_for_others(Requirement(text), target, linux))

    assert row("OnnxRuntime>1") == "onnxruntime-gpu<1.27,>=1.19"
    assert row("jax") == "jax[cuda12]>=0.4.30"
    assert row("jax[cuda12]") == "None", "it asks for that itself"
    assert row("cupy", cpu) == "None", "no error: it may have a use for it"
    assert row("spacy") == "None", "not named"


def test_what_is_said_of_names_that_overwrite_each_other() -> None:
    found = {"onnxruntime-gpu": [], "onnxruntime": ["fastembed", "b"]}
    said = together_message("cu126", found)
    assert said.startswith(
        "cu126: onnxruntime-gpu (required by the project) and onnxruntime (required by b, "
        "fastembed) would be installed over one another"
    )
    assert said.endswith("[tool.accelock.packages] onnxruntime = { substitute = false }.")
    assert together_message("cu126", found, others_too=True) == (
        f"{said} To give each target its own name also for what other packages require: "
        'onnxruntime = { substitute = "always" }.'
    )


@pytest.mark.parametrize(("name", "todo"), [
    ("jax", "Require jax in the project itself"),
    ("onnxruntime", "A poetry.lock can say it"),
])  # fmt: skip
def test_what_is_said_where_a_compiled_file_cannot_have_it(name: str, todo: str) -> None:
    rule = Substitution.of((), [name])
    place = parse_target("cu126", KNOWN), PLATFORMS["linux-x86_64"]
    row = rule.row_for_others(Requirement(name), *place)

    assert row is not None
    said = for_others_message("cu126, linux", name, ["b", "a"], row)
    assert said.startswith(f"cu126, linux: a and b require {name}, and this target gets {row}")
    assert todo in said


def test_the_names_that_targets_have_in_the_place_of_one() -> None:
    assert RULE.counterparts("cupy-cuda12x") >= {"cupy-cuda13x", "cupy-rocm-7-0"}
    assert "cupy-cuda12x" not in RULE.counterparts("cupy-cuda12x")
    assert RULE.counterparts("onnxruntime") == {"onnxruntime-gpu"}
    assert RULE.counterparts("numpy") == frozenset()


@pytest.mark.parametrize("project", load_substitutes().values(), ids=lambda each: each.name)
def test_other_names_of_a_project_exclude_each_other(project: object) -> None:
    from accelock.catalogue.relations import SubstitutedProject  # noqa: PLC0415

    assert isinstance(project, SubstitutedProject)
    others = project.names - ({project.name} if project.name == "faiss" else set())
    groups = [frozenset(group.names) for group in load_exclusive()]
    assert len(others) == 1 or any(others <= group for group in groups)
    for row in project.rows:
        assert row.platforms <= PLATFORMS.keys()
        assert any(row.is_for(parse_target(n, KNOWN), p) for n in KNOWN for p in PLATFORMS.values())
