from __future__ import annotations

from accelock.conda.formats.lock import EXPLICIT
from accelock.conda.formats.model import read_stamp
from tests.conda.records import CUDA, LINUX, render, solved, vega


def test_a_list_in_the_order_of_linking() -> None:
    records = vega("linux-64")
    text = render(EXPLICIT, solved({"linux-x86_64": records}), LINUX)
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    md5 = {record.name: f"{record.url}#{record.md5}" for record in records}
    order = ("nodejs", "tzdata", "python", "pip", "vega-cli", "vega-lite-cli")
    assert lines == ["@EXPLICIT", *(md5[name] for name in order)]
    assert "#    conda create -p ./env --file conda-cpu-linux-64.txt\n" in text
    assert "# platform: linux-64\n" in text


def test_the_stamp_is_of_one_platform() -> None:
    both = {"linux-x86_64": vega("linux-64"), "windows-x86_64": vega("win-64")}
    text = render(EXPLICIT, solved(both, of=CUDA, group="dev"), LINUX)
    stamp = read_stamp(text)
    assert stamp is not None
    assert (stamp.kind, stamp.target, stamp.group) == ("explicit", "cu126", "dev")
    assert list(stamp.parts) == ["linux-64"]
    assert stamp.describes(text)
    assert "accelock conda lock --format explicit" in text
