from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit

from accelock.errors import AccelockError
from accelock.locks import inputs, overlay
from accelock.locks.overlay import Difference, Overlay, OverlayError

if TYPE_CHECKING:
    from collections.abc import Callable

Entry = dict[str, Any]


def entry(name: str, version: str, **more: Any) -> Entry:
    files = [{"file": f"{name}-{version}.whl", "hash": "sha256:00"}]
    return {"name": name, "version": version, "optional": False, "files": files, **more}


LEADER = [
    entry("jinja2", "3.1.6"),
    entry("torch", "2.6.0", markers='sys_platform == "darwin"'),
    entry("torch", "2.6.0+cpu", markers='sys_platform != "darwin"'),
    entry("tqdm", "4.67.1"),
]
CU126 = [
    entry("jinja2", "3.1.6"),
    entry("nvidia-nccl-cu12", "2.21.5"),
    entry("torch", "2.6.0+cu126"),
    entry("tqdm", "4.67.1", markers='sys_platform == "linux"'),
]


def lock() -> dict[str, Any]:
    """Return the data of a whole lock with the leader and another target."""
    tables = overlay.write(
        LEADER,
        Overlay(
            targets=("cpu", "cu126"),
            platforms={"cpu": ("linux-x86_64", "macos-arm64"), "cu126": ("linux-x86_64",)},
            digest="ab" * 32,
            changes={"cu126": overlay.difference(LEADER, CU126)},
        ),
    )
    metadata = {"lock-version": "2.1", "accelock": tables["metadata"]}
    return deepcopy({"package": LEADER, "metadata": metadata, "accelock": tables["tables"]})


class TestDifference:
    def test_it_turns_the_leader_into_the_other(self) -> None:
        change = overlay.difference(LEADER, CU126)

        assert overlay.applied(LEADER, change) == CU126

    def test_it_drops_and_brings_whole_names(self) -> None:
        change = overlay.difference(LEADER, CU126)

        assert change.drop == ("torch", "tqdm")
        assert [each["name"] for each in change.package] == ["nvidia-nccl-cu12", "torch", "tqdm"]

    def test_equal_targets_have_none(self) -> None:
        assert overlay.difference(LEADER, deepcopy(LEADER)) == Difference((), ())

    def test_a_name_with_one_changed_entry_of_two_comes_whole(self) -> None:
        other = [dict(each) for each in LEADER]
        other[2]["version"] = "2.6.0+cu126"

        change = overlay.difference(LEADER, other)

        assert change.drop == ("torch",)
        assert [each["version"] for each in change.package] == ["2.6.0", "2.6.0+cu126"]
        assert overlay.applied(LEADER, change) == other

    def test_the_order_of_two_entries_of_a_name_is_kept(self) -> None:
        other = [LEADER[0], LEADER[2], LEADER[1], LEADER[3]]

        assert overlay.applied(LEADER, overlay.difference(LEADER, other)) == other

    def test_another_hash_is_a_difference(self) -> None:
        other = deepcopy(LEADER)
        other[0]["files"][0]["hash"] = "sha256:11"

        assert overlay.difference(LEADER, other).drop == ("jinja2",)

    @pytest.mark.parametrize("empty", [(LEADER, []), ([], LEADER), ([], [])])
    def test_nothing_is_a_lock_too(self, empty: tuple[list[Entry], list[Entry]]) -> None:
        leader, other = empty

        assert overlay.applied(leader, overlay.difference(leader, other)) == other

    def test_the_text_of_toml_makes_none(self) -> None:
        document = tomlkit.parse(tomlkit.dumps({"package": LEADER}).replace('"3.1.6"', "'3.1.6'"))

        assert overlay.difference(LEADER, document["package"]) == Difference((), ())


class TestWritingAndReading:
    def test_what_is_written_is_read_back(self) -> None:
        found = overlay.read(lock())

        assert found is not None
        assert found.targets == ("cpu", "cu126")
        assert found.platforms["cpu"] == ("linux-x86_64", "macos-arm64")
        assert found.digest == "ab" * 32
        assert found.view(LEADER, "cu126") == CU126
        assert found.view(LEADER, "cpu") == LEADER

    def test_through_a_file_too(self) -> None:
        found = overlay.read(tomlkit.parse(tomlkit.dumps(lock())))

        assert found is not None
        assert overlay.applied(LEADER, found.changes["cu126"]) == CU126

    def test_a_plain_lock_has_none(self) -> None:
        assert overlay.read({"package": LEADER, "metadata": {"lock-version": "2.1"}}) is None

    def test_an_empty_one_has_none(self) -> None:
        assert overlay.read({}) is None

    def test_one_target_needs_no_tables(self) -> None:
        alone = Overlay(("cpu",), {"cpu": ("linux-x86_64",)}, "ab", {})
        tables = overlay.write([], alone)

        assert tables["tables"] == {}
        assert overlay.read({"metadata": {"accelock": tables["metadata"]}}) == alone


def change(edit: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    data = lock()
    edit(data)
    return data


DAMAGE = {
    "[metadata.accelock]": lambda lock: lock["metadata"].pop("accelock"),
    "[accelock.cu126] is missing": lambda lock: lock["accelock"].pop("cu126"),
    "[accelock.cu126] is missing ": lambda lock: lock.pop("accelock"),
    "[accelock.cu118] is of no target": lambda lock: lock["accelock"].update(cu118={"drop": []}),
    "[accelock.cu126] has no `drop`": lambda lock: lock["accelock"]["cu126"].pop("drop"),
    "no `package` list": lambda lock: lock["accelock"]["cu126"].update(package="torch"),
    "[[accelock.cu126.package]] number 2": (
        lambda lock: lock["accelock"]["cu126"]["package"][1].pop("version")
    ),
    "list of targets": lambda lock: lock["metadata"]["accelock"].update(targets="cpu"),
    "list of targets ": lambda lock: lock["metadata"]["accelock"].pop("targets"),
    "[accelock] is not a table": lambda lock: lock.update(accelock=["cu126"]),
    "[metadata.accelock] is not a table": lambda lock: lock["metadata"].update(accelock=1),
    "[metadata.accelock.platforms]": lambda lock: lock["metadata"]["accelock"].update(
        platforms=["linux-x86_64"]
    ),
    "[metadata.accelock.platforms]  ": lambda lock: lock["metadata"]["accelock"][
        "platforms"
    ].update(cu126=3),
    "[metadata] is not a table": lambda lock: lock.update(metadata=0),
    "[[package]] is not a list": lambda lock: lock.update(package=3),
    "[[package]] is not a list ": lambda lock: lock["package"].append({"version": "1"}),
    "[metadata.accelock.platforms] ": lambda lock: lock["metadata"]["accelock"]["platforms"].pop(
        "cu126"
    ),
    "[accelock.cu126] was edited": lambda lock: lock["accelock"]["cu126"]["drop"].remove("tqdm"),
    "[accelock.cu126] was edited ": (
        lambda lock: lock["accelock"]["cu126"]["package"][1].update(version="2.7.1+cu126")
    ),
}


class TestDamage:
    @pytest.mark.parametrize("says", DAMAGE)
    def test_it_is_refused_and_the_table_named(self, says: str) -> None:
        with pytest.raises(OverlayError) as caught:
            overlay.read(change(DAMAGE[says]), "app/poetry.lock")

        message = str(caught.value)
        assert says.strip() in message
        assert message.startswith("app/poetry.lock: ")
        assert "poetry lock" in message

    def test_a_leader_that_was_edited_under_the_overlay_is_refused(self) -> None:
        """A merge of two branches that takes [[package]] of one and the overlay of the other."""
        data = change(lambda lock: lock["package"][0].update(version="3.1.5"))

        with pytest.raises(OverlayError, match=r"\[\[package\]\]"):
            overlay.read(data)

    @pytest.mark.parametrize("number", [2, 99, "1", None])
    def test_another_format_is_refused(self, number: object) -> None:
        data = change(lambda lock: lock["metadata"]["accelock"].update(format=number))

        with pytest.raises(AccelockError, match=r"reads format 1\. Upgrade accelock"):
            overlay.read(data)

    def test_a_newer_format_is_not_looked_into(self) -> None:
        data = change(lambda lock: lock["metadata"]["accelock"].update(format=2))
        data["accelock"] = "something new"

        with pytest.raises(OverlayError, match="has format 2"):
            overlay.read(data)


def test_settings_are_compared_without_credentials() -> None:
    digests = {
        inputs.settings_digest({"sources": {"pytorch": f"https://{login}m.test/whl/{{target}}"}})
        for login in ("", "me:pw1@", "me:pw2@")
    }
    assert len(digests) == 1
