from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from accelock.errors import AccelockError, OutputError
from accelock.locks.journal import recover, refuse_unfinished, refuse_unwritable, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CRASH_STATUS = 77
posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
NOBODY = 65534  # the user id that owns nothing, on Linux

# Runs write_all and ends the process, as a power cut would, before the given system call; for 0,
# before the first one after the journal is in place.
CRASH = f"""
import os, pathlib, sys
from accelock.locks.journal import write_all

directory = pathlib.Path(sys.argv[1])
steps = [int(sys.argv[2])]

def counted(function):
    def step(*arguments, **named):
        steps[0] -= 1
        if steps[0] == 0 or (steps[0] < 0 and list(directory.glob(".accelock-journal.*"))):
            os._exit({CRASH_STATUS})
        return function(*arguments, **named)
    return step

os.fsync = counted(os.fsync)
for name in ("open", "chmod", "replace", "unlink"):
    setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))
write_all({{directory / "a.txt": b"new a", directory / "sub" / "b.txt": b"new b",
           directory / "d.txt": None, directory / "c.txt": b"new c"}})
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return filled(tmp_path)


def filled(folder: Path) -> Path:
    (folder / "sub").mkdir()
    (folder / "a.txt").write_bytes(b"old a")
    (folder / "sub" / "b.txt").write_bytes(b"old b")
    (folder / "d.txt").write_bytes(b"old d")
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A filled directory that another user may come to: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as made:
        yield filled(Path(made))


@pytest.fixture
def ordinary_user(open_folder: Path) -> Iterator[Path]:
    """A filled directory, of a user who may not write everywhere."""
    with as_ordinary_user(open_folder):
        yield open_folder


@contextlib.contextmanager
def as_ordinary_user(folder: Path) -> Iterator[None]:
    """Be the owner of a folder, but not root: in CI, that is somebody else."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may write anywhere")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, -1)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


OLD = {"a.txt": b"old a", "d.txt": b"old d", "sub/b.txt": b"old b"}
NEW = {"a.txt": b"new a", "sub/b.txt": b"new b", "c.txt": b"new c"}


def new_files(directory: Path) -> dict[Path, bytes | None]:
    changed = {directory / name: data for name, data in NEW.items()}
    return {**changed, **{directory / name: None for name in OLD.keys() - NEW.keys()}}


def contents(directory: Path) -> dict[str, bytes]:
    """All files, hidden ones too."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def shown(directory: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(directory).items() if "/." not in f"/{name}"}


def pending(directory: Path) -> bool:
    """Tell whether there is a journal, and so a command that only reads is refused."""
    try:
        refuse_unfinished(directory)
    except AccelockError as error:
        assert "Run: accelock check (it finishes the writing)" in str(error)  # noqa: PT017
        return True
    return False


def crash(directory: Path, step: int) -> bool:
    """Tell whether the writer was killed before the given step, or ended before there was one."""
    done = subprocess.run([sys.executable, "-c", CRASH, str(directory), str(step)], check=False)
    assert done.returncode in {0, CRASH_STATUS}
    return done.returncode == CRASH_STATUS


def test_all_files_get_their_contents_and_nothing_is_left(directory: Path) -> None:
    write_all(new_files(directory))
    assert contents(directory) == NEW
    assert not pending(directory)
    assert recover(directory) == ()


def test_what_cannot_be_written_is_refused_before_any_work(directory: Path) -> None:
    refuse_unwritable([directory / "a.txt", directory / "new.txt"])
    with pytest.raises(OutputError, match="its folder is not there or write-protected"):
        refuse_unwritable([directory / "a.txt", directory / "nowhere" / "b.txt"])
    with pytest.raises(OutputError, match="this is a directory"):
        refuse_unwritable([directory])


def test_nothing_to_write(directory: Path) -> None:
    write_all({})
    assert contents(directory) == OLD


def test_an_unchanged_content_renews_the_time(directory: Path) -> None:
    os.utime(directory / "a.txt", (1, 1))
    write_all({directory / "a.txt": b"old a"})
    assert (directory / "a.txt").stat().st_mtime > 1


def test_a_writer_that_is_killed_at_any_step_leaves_all_or_nothing(tmp_path: Path) -> None:
    seen = set()
    directory = tmp_path
    for step in range(1, 100):
        directory = tmp_path / str(step)
        (directory / "sub").mkdir(parents=True)
        for name, data in OLD.items():
            (directory / name).write_bytes(data)
        if not crash(directory, step):
            break
        was_pending = pending(directory)
        before = shown(directory)
        (recovery,) = recover(directory) or (None,)
        seen.add((was_pending, recovery and recovery.outcome))
        assert shown(directory) == (NEW if was_pending else OLD)
        assert was_pending or before == OLD
        assert not pending(directory)
        assert contents(directory) == (NEW if was_pending else OLD)
    assert seen == {(False, None), (True, "completed")}
    assert contents(directory) == NEW


def test_the_next_writer_completes_what_a_crash_left(directory: Path) -> None:
    interrupted(directory)
    write_all({directory / "a.txt": b"newer a"})
    assert contents(directory) == {**NEW, "a.txt": b"newer a"}


def interrupted(directory: Path) -> Path:
    """Leave the journal of a run of which nothing is renamed yet."""
    assert crash(directory, 0)
    assert shown(directory) == OLD
    return next(directory.glob(".accelock-journal.*"))


def test_a_directory_may_be_moved_before_it_is_recovered(directory: Path, tmp_path: Path) -> None:
    interrupted(directory)
    moved = tmp_path.with_name("moved")
    directory.rename(moved)
    (recovery,) = recover(moved)
    assert str(recovery).startswith(f"an interrupted run was completed: {moved / 'a.txt'}")
    assert contents(moved) == NEW


def test_two_processes_may_recover_at_once(directory: Path) -> None:
    interrupted(directory)
    processes = [
        subprocess.Popen([sys.executable, "-c", textwrap.dedent(RECOVER), str(directory)])
        for _ in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0]
    assert contents(directory) == NEW


RECOVER = """
import sys, pathlib
from accelock.locks.journal import recover
recover(pathlib.Path(sys.argv[1]))
"""


class TestAnotherUser:
    """Two in one folder, of whom each may rename what the other may not read (umask 077)."""

    @posix
    @pytest.mark.parametrize("hidden", [".accelock-journal.*", ".a.txt.*", ".c.txt.*"])
    def test_what_cannot_be_read_is_left_to_its_owner(self, open_folder: Path, hidden: str) -> None:
        path = next(interrupted(open_folder).parent.glob(hidden))
        before = contents(open_folder)
        with as_ordinary_user(open_folder):
            path.chmod(0)
            said = rf"{path.name}: cannot be read \(Permission denied\).* no file was changed"
            for command in (recover, lambda folder: write_all({folder / "a.txt": b"mine"})):
                with pytest.raises(OutputError, match=said):
                    command(open_folder)
            assert pending(open_folder)
            path.chmod(0o600)

        assert contents(open_folder) == before
        (recovery,) = recover(open_folder)
        assert recovery.outcome == "completed"
        assert contents(open_folder) == NEW

    @pytest.mark.parametrize("nth", [1, 2, 3, 4])
    def test_the_owner_finishes_in_between(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, nth: int
    ) -> None:
        """While the journal, and then each of the three contents, is about to be read."""
        interrupted(directory)
        real, calls = Path.read_bytes, [0]

        def late(path: Path) -> bytes:
            calls[0] += 1
            if calls[0] == nth:
                subprocess.run([sys.executable, "-c", FINISH, str(directory)], check=True)
            return real(path)

        monkeypatch.setattr(Path, "read_bytes", late)
        assert recover(directory) == ()
        monkeypatch.undo()
        assert contents(directory) == {**NEW, "a.txt": b"newer a", "c.txt": b"newer c"}

    def test_a_content_that_is_gone_is_no_success(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = Path.replace

        def replace(path: Path, target: Path) -> Path:
            if target.name == "c.txt":
                path.unlink()
            return real(path, target)

        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(OutputError, match=r"c\.txt: cannot be written .* no file was changed"):
            write_all(new_files(directory))
        assert contents(directory) == OLD


FINISH = """
import sys, pathlib
from accelock.locks.journal import recover, write_all
directory = pathlib.Path(sys.argv[1])
assert recover(directory)
write_all({directory / "a.txt": b"newer a", directory / "c.txt": b"newer c"})
"""


class TestRollBack:
    def test_a_journal_of_which_a_content_is_lost(self, directory: Path) -> None:
        interrupted(directory)
        next(directory.glob(".c.txt.*")).unlink()
        (recovery,) = recover(directory)
        assert recovery.outcome == "rolled back"
        assert contents(directory) == OLD

    def test_a_content_that_is_not_whole(self, directory: Path) -> None:
        interrupted(directory)
        next(directory.glob(".c.txt.*")).write_bytes(b"new")
        (recovery,) = recover(directory)
        assert recovery.outcome == "rolled back"
        assert contents(directory) == OLD

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "files": []}', "\x00\x00"])
    def test_a_damaged_journal(self, directory: Path, text: str) -> None:
        interrupted(directory).write_text(text)
        (recovery,) = recover(directory)
        assert recovery.outcome == "rolled back"
        assert shown(directory) == OLD
        assert not pending(directory)
        assert [path for path in directory.iterdir() if path.name.startswith(".")] == []

    def test_some_files_are_new_and_the_rest_is_lost(self, directory: Path) -> None:
        interrupted(directory)
        (directory / "a.txt").write_bytes(b"new a")
        next(directory.glob(".c.txt.*")).unlink()
        with pytest.raises(OutputError, match=r"wrote \S+a\.txt, but .* is lost; run it again"):
            recover(directory)
        assert not pending(directory)
        assert contents(directory) == {**OLD, "a.txt": b"new a"}

    def test_what_went_comes_back(self, directory: Path) -> None:
        """All was done but the end, and then somebody changed what was written."""
        journal = interrupted(directory)
        before = journal.read_bytes()
        recover(directory)
        (directory / "d.txt").write_bytes(b"old d")
        token = journal.name.rpartition(".")[2]
        (directory / "d.txt").rename(directory / f".d.txt.{token}.accelock-new")
        journal.write_bytes(before)
        (directory / "c.txt").write_bytes(b"mine")
        with pytest.raises(OutputError, match=r"wrote \S+a\.txt, \S+b\.txt, but"):
            recover(directory)
        assert contents(directory) == {**NEW, "c.txt": b"mine", "d.txt": b"old d"}

    def test_a_forged_journal_takes_nothing_away(self, directory: Path) -> None:
        journal = {"format": 1, "files": [{"path": "sub/b.txt", "sha256": None}]}
        (directory / ".accelock-journal.0123456789abcdef").write_text(json.dumps(journal))
        recover(directory)
        assert contents(directory) == OLD

    def test_a_forged_journal_moves_nothing_of_its_choice(self, directory: Path) -> None:
        victim = directory / "sub" / "b.txt"
        (directory / "evil").write_bytes(b"evil")
        journal = {"format": 1, "files": [{"path": "sub/b.txt", "temp": "evil", "sha256": "0"}]}
        (directory / ".accelock-journal.0123456789abcdef").write_text(json.dumps(journal))
        recover(directory)
        assert victim.read_bytes() == b"old b"


class TestFaults:
    @pytest.mark.parametrize("method", ["open", "chmod", "replace"])
    @pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
    def test_a_system_error_at_any_step_changes_nothing(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch, method: str, nth: int
    ) -> None:
        fail_at(monkeypatch, method, nth)
        try:
            write_all(new_files(directory))
        except OutputError as error:
            assert "No space left on device); no file was changed" in str(error)  # noqa: PT017
            assert contents(directory) == OLD
        else:
            assert contents(directory) == NEW

    @posix
    def test_what_went_comes_back_where_another_cannot_go(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (directory / "d.txt").chmod(0o640)
        fail_at(monkeypatch, "replace", 3)  # the first is the journal's
        with pytest.raises(OutputError, match=r"a\.txt: cannot be written"):
            write_all({directory / "d.txt": None, directory / "a.txt": None})
        assert contents(directory) == OLD
        assert stat.S_IMODE((directory / "d.txt").stat().st_mode) == 0o640

    def test_the_last_rename_is_refused(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (directory / "sub" / "b.txt").chmod(0o640)
        fail_at(monkeypatch, "replace", 4)  # the journal's own, two files', then this one
        with pytest.raises(OutputError, match=r"c\.txt: cannot be written"):
            write_all(new_files(directory))
        assert contents(directory) == OLD
        if os.name == "posix":
            assert stat.S_IMODE((directory / "sub" / "b.txt").stat().st_mode) == 0o640

    def test_a_directory_in_the_way(self, directory: Path) -> None:
        with pytest.raises(OutputError, match="sub: this is a directory"):
            write_all({directory / "a.txt": b"new a", directory / "sub": b""})
        assert contents(directory) == OLD

    def test_a_directory_that_is_not_there(self, directory: Path) -> None:
        with pytest.raises(OutputError, match=r"x\.txt: cannot be written \(No such file"):
            write_all({directory / "a.txt": b"new a", directory / "none" / "x.txt": b""})
        assert contents(directory) == OLD

    def test_two_names_of_one_file(self, directory: Path) -> None:
        other = directory / "sub" / ".." / "a.txt"
        with pytest.raises(OutputError, match="two outputs are this one file"):
            write_all({directory / "a.txt": b"1", other: b"2"})

    @posix
    def test_a_write_protected_file_or_directory(self, ordinary_user: Path) -> None:
        (ordinary_user / "a.txt").chmod(0o444)
        with pytest.raises(OutputError, match="write-protected"):
            write_all(new_files(ordinary_user))
        (ordinary_user / "sub").chmod(0o555)
        protected = {ordinary_user / "sub" / "b.txt": b"new b"}
        with pytest.raises(OutputError, match=r"b\.txt: cannot be written"):
            write_all(protected)
        with pytest.raises(OutputError, match="write-protected"):
            refuse_unwritable(protected)
        (ordinary_user / "sub").chmod(0o755)
        assert contents(ordinary_user) == OLD

    @posix
    def test_a_loop_of_links(self, directory: Path) -> None:
        (directory / "loop").symlink_to("loop")
        with pytest.raises(OutputError, match="loop"):
            write_all({directory / "loop": b""})


def fail_at(monkeypatch: pytest.MonkeyPatch, method: str, nth: int) -> None:
    """Let the nth call of a method of Path fail as on a full disk."""
    real = getattr(Path, method)
    calls = [0]

    def failing(path: Path, *arguments: object, **named: object) -> object:
        calls[0] += 1
        if calls[0] == nth:
            raise OSError(28, "No space left on device")
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, method, failing)


@posix
class TestModesAndLinks:
    def test_an_old_file_keeps_its_mode_and_a_new_one_follows_the_umask(
        self, directory: Path
    ) -> None:
        (directory / "a.txt").chmod(0o600)
        old = os.umask(0o027)
        try:
            write_all(new_files(directory))
        finally:
            os.umask(old)
        assert stat.S_IMODE((directory / "a.txt").stat().st_mode) == 0o600
        assert stat.S_IMODE((directory / "c.txt").stat().st_mode) == 0o640

    def test_a_link_is_written_through(self, directory: Path) -> None:
        link = directory / "link.txt"
        link.symlink_to("sub/b.txt")
        dangling = directory / "dangling.txt"
        dangling.symlink_to("sub/made.txt")
        write_all({link: b"1", dangling: b"2"})
        assert link.is_symlink()
        assert (directory / "sub" / "b.txt").read_bytes() == b"1"
        assert (directory / "sub" / "made.txt").read_bytes() == b"2"

    def test_a_pipe_is_written_in_place(self, directory: Path) -> None:
        pipe = directory / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            write_all({pipe: b"through", directory / "a.txt": b"new a"})
            assert os.read(reader, 100) == b"through"
            write_all({pipe: b"again"})
            assert os.read(reader, 100) == b"again"
        finally:
            os.close(reader)
        assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_journal_may_stand_elsewhere(directory: Path) -> None:
    home = directory / "home"
    home.mkdir()
    write_all(new_files(directory), home)
    assert contents(directory) == NEW


@posix
def test_the_journal_stands_beside_the_link_that_was_named(directory: Path) -> None:
    (directory / "a.txt").rename(directory / "sub" / "d.txt")
    (directory / "a.txt").symlink_to("sub/d.txt")
    assert crash(directory, 0)
    assert pending(directory)
    recover(directory)
    assert (directory / "sub" / "d.txt").read_bytes() == b"new a"
    assert (directory / "a.txt").is_symlink()


def test_a_directory_that_cannot_be_read_has_no_journal(tmp_path: Path) -> None:
    assert recover(tmp_path / "none") == ()
    assert not pending(tmp_path / "none")


class TestLitter:
    """What a run left that had no journal yet goes with the next command, if the run is dead."""

    @pytest.mark.parametrize("command", [recover, refuse_unfinished])
    def test_of_a_run_at_work_it_stays(
        self, directory: Path, command: Callable[[Path], object]
    ) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", STOPS, str(directory)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            there = contents(directory)
            assert len(there) > len(OLD)
            command(directory)
            assert contents(directory) == there
            writer.kill()
            writer.wait()
            command(directory)
            assert contents(directory) == OLD

    def test_where_there_are_no_locks_the_age_counts(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert crash(directory, CONTENTS_ARE_THERE)
        there = contents(directory)
        monkeypatch.setattr("fcntl.flock", no_locks)
        recover(directory)
        assert contents(directory) == there
        for path in directory.glob(".*"):
            os.utime(path, (1, 1))
        recover(directory)
        assert contents(directory) == OLD
        write_all(new_files(directory))
        assert contents(directory) == NEW

    def test_a_draft_that_is_swept_before_it_is_held_is_written_again(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real, calls = Path.is_dir, [0]

        def sweeping(path: Path) -> bool:
            if path.name.startswith("..accelock-journal"):
                calls[0] += 1
                if calls[0] == 1:
                    path.unlink()
            return real(path)

        monkeypatch.setattr(Path, "is_dir", sweeping)
        write_all(new_files(directory))
        assert calls == [2]
        assert contents(directory) == NEW

    def test_a_draft_of_which_only_a_part_was_written(self, directory: Path) -> None:
        assert crash(directory, CONTENTS_ARE_THERE)
        (draft,) = directory.glob("..accelock-journal.*")
        draft.write_bytes(draft.read_bytes()[:20])
        recover(directory)
        assert shown(directory) == OLD
        assert not list(directory.glob(".*"))


CONTENTS_ARE_THERE = 8
STOPS = """
import pathlib, sys, time
from accelock.locks import journal

directory = pathlib.Path(sys.argv[1])

def stop(files):
    print("here", flush=True)
    time.sleep(60)

journal._write_in_place = stop
journal.write_all({directory / "a.txt": b"new a", directory / "sub" / "b.txt": b"new b"})
"""


def no_locks(*_: object) -> None:
    raise OSError(95, "Operation not supported")
