"""What ``./run`` understands, and how it fails."""

import json
import runpy
import subprocess
import sys
from contextlib import contextmanager
from functools import partial

import pytest

from launcher import checks, cli, steps, up, verbs
from launcher.errors import LauncherError
from launcher.home import Home
from launcher.paths import DEFAULT_HOME
from tests.launcher.helpers import ROOT, alive, eventually, start_owner


@pytest.fixture
def called(monkeypatch):
    calls = []

    def remember(name):
        def call(*arguments, **options):
            calls.append((name, arguments, options))
            return 0

        return call

    monkeypatch.setattr(up, "up", remember("up"))
    monkeypatch.setattr(checks, "lint", remember("lint"))
    for name in ("test", "bench", "manage", "lock"):
        monkeypatch.setattr(verbs, name, remember(name))
    return calls


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("up", ("up", (), {"home_folder": DEFAULT_HOME, "port": 8000, "sample": True})),
        ("up --port 9 --no-sample", ("up", (), {"home_folder": DEFAULT_HOME, "port": 9, "sample": False})),
        ("test", ("test", (), {"slow": False, "faults": False, "arguments": []})),
        ("test --slow -k tiles -x", ("test", (), {"slow": True, "faults": False, "arguments": ["-k", "tiles", "-x"]})),
        ("test --faults", ("test", (), {"slow": False, "faults": True, "arguments": []})),
        ("lint --fix", ("lint", (), {"fix": True})),
        ("bench tiles --count 3", ("bench", ("tiles", ["--count", "3"]), {})),
        ("manage train --help", ("manage", (DEFAULT_HOME, ["train", "--help"]), {})),
        ("lock", ("lock", (), {})),
    ],
)
def test_each_verb_reaches_its_function(called, line, call):
    assert cli.main(line.split()) == 0
    assert called == [call]


def test_a_management_command_takes_another_home_first(called, tmp_path):
    cli.main(["manage", "--home", str(tmp_path), "check", "--home", "theirs"])
    assert called == [("manage", (tmp_path, ["check", "--home", "theirs"]), {})]


@pytest.mark.parametrize("line", ["up --what", "nonsense", "up --port x"])
def test_what_it_does_not_know_it_refuses(called, line):
    with pytest.raises(SystemExit) as error:
        cli.main(line.split())
    assert error.value.code == 2
    assert called == []


@pytest.mark.parametrize("line", [[], ["help"]])
def test_help_names_every_verb(capsys, line):
    assert cli.main(line) == 0
    shown = capsys.readouterr().out
    assert all(f"./run {verb}" in shown for verb in ("up", "test", "lint", "bench", "manage", "lock", "help"))


def test_an_error_for_people_is_words_and_status_1(monkeypatch, capsys):
    def fail(**options):
        raise LauncherError("Port 1 is taken.\nNext step: another one.")

    monkeypatch.setattr(up, "up", fail)
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err == "\n✗ Port 1 is taken.\nNext step: another one.\n"


def test_ctrl_c_is_no_traceback(monkeypatch, capsys):
    def interrupt(**options):
        raise KeyboardInterrupt

    monkeypatch.setattr(checks, "lint", interrupt)
    assert cli.main(["lint"]) == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_an_old_python_gets_words_from_the_script_itself(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 7, 1))
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(SystemExit) as error:
        runpy.run_path(str(ROOT / "run"), run_name="__main__")
    assert str(error.value).startswith("TILscope needs Python 3.11 or newer; this is Python 3.7.\nNext step:")


def test_an_old_python_hands_over_to_a_newer_one(monkeypatch):
    class Replaced(Exception):
        """The process would be another one now."""

    def replace(program, arguments):
        raise Replaced(program, arguments[0])

    monkeypatch.setattr(sys, "version_info", (3, 7, 1))
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/python3.13" if name == "python3.13" else None)
    monkeypatch.setattr("os.execv", replace)
    with pytest.raises(Replaced, match=r"/usr/bin/python3.13"):
        runpy.run_path(str(ROOT / "run"), run_name="__main__")


def test_the_launcher_runs_without_any_installed_package():
    modules = "cli, up, checks, verbs, install, embedded, guard"
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from launcher import {modules}; print('fine')"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True)
    assert result.stdout == "fine\n", result.stderr


def test_markers(monkeypatch):
    monkeypatch.setattr(verbs, "has_nvidia", lambda: False)
    assert verbs.marker(slow=False, faults=False) == "not slow and not gpu"
    assert verbs.marker(slow=True, faults=False) == "not gpu"
    assert verbs.marker(slow=False, faults=True) == "faults and not gpu"
    monkeypatch.setattr(verbs, "has_nvidia", lambda: True)
    assert verbs.marker(slow=False, faults=False) == "not slow"
    assert verbs.marker(slow=False, faults=True) == "faults"


@pytest.mark.parametrize(("frontend", "python", "status"), [(0, 0, 0), (1, 0, 1), (0, 5, 5), (1, 5, 5)])
def test_the_whole_suite_fails_where_a_part_fails(monkeypatch, frontend, python, status):
    ran = []

    def run(command, **options):
        ran.append(command)
        return frontend if command[0] == "npm" else python

    monkeypatch.setattr(verbs, "install", lambda **options: None)
    monkeypatch.setattr(verbs, "frontend_environment", dict)
    monkeypatch.setattr(verbs, "run_foreground", run)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert verbs.test(slow=False, faults=False, arguments=[]) == status
    assert [command[0].rpartition("/")[2] for command in ran] == ["npm", "python"]
    assert {"--cov", "--numprocesses"} <= set(ran[1])
    ran.clear()
    assert verbs.test(slow=False, faults=False, arguments=["-k", "tiles"]) == python
    assert ran[0][-2:] == ["-k", "tiles"]
    assert not {"--cov", "--numprocesses"} & set(ran[0])


def test_processes_do_not_share_servers_that_somebody_named(monkeypatch):
    monkeypatch.setattr(verbs, "cores", lambda: 16)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert verbs.side_by_side() == ["--numprocesses", "4", "--dist", "loadfile"]
    monkeypatch.setenv("DATABASE_URL", "postgres://somebody")
    monkeypatch.setenv("REDIS_URL", "redis://somebody")
    assert verbs.side_by_side() == []


def test_a_management_command_uses_the_servers_that_run(tmp_path, monkeypatch):
    seen = []

    def run(command, *, env):
        seen.append((command, env))
        return 3

    monkeypatch.setattr(verbs, "install", lambda **options: None)
    monkeypatch.setattr(verbs, "run_foreground", run)
    home = Home(tmp_path / "home")
    home.lock(port=1)
    home.announce(port=1, environment={"DATABASE_URL": "theirs"})
    try:
        assert verbs.manage(tmp_path / "home", ["check"]) == 3
    finally:
        home.unlock()
    [(command, env)] = seen
    assert command[1:] == [str(ROOT / "manage.py"), "check"]
    assert env["DATABASE_URL"] == "theirs"


def test_a_management_command_brings_its_own_up_where_none_run(tmp_path, monkeypatch):
    seen = []

    def run(command, *, env):
        seen.append(env)
        return 0

    monkeypatch.setattr(verbs, "install", lambda **options: None)
    monkeypatch.setattr(verbs, "run_foreground", run)
    monkeypatch.setenv("DATABASE_URL", "named")
    monkeypatch.setenv("REDIS_URL", "named too")
    assert verbs.manage(tmp_path / "home", ["check"]) == 0
    assert seen[0]["DATABASE_URL"] == "named"
    assert Home(tmp_path / "home").running() is None


@pytest.mark.parametrize("own", [True, False])
def test_a_new_home_gets_its_tables_before_the_first_command(tmp_path, monkeypatch, own):
    @contextmanager
    def started(home, **options):
        (home.folder / "data.json").write_text(json.dumps({"data": str(tmp_path)}))
        yield {}, ["PostgreSQL"] if own else []

    def run(command, *, env):
        done.append(command[-1])
        return 0

    done: list[str] = []
    monkeypatch.setattr(verbs, "install", lambda **options: None)
    monkeypatch.setattr(verbs, "servers", started)
    monkeypatch.setattr(verbs, "prepare_database", lambda env: done.append("tables"))
    monkeypatch.setattr(verbs, "run_foreground", run)
    for _ in range(2):
        assert verbs.manage(tmp_path / "home", ["check"]) == 0
    assert done == [*(["tables"] if own else []), "check", "check"]


def test_an_unknown_measurement_is_named():
    with pytest.raises(LauncherError, match="no measurement 'nonsense'"):
        verbs.bench("nonsense", [])


def test_checks_all_run_and_the_failed_ones_are_shown(monkeypatch, capsys):
    monkeypatch.setattr(checks, "install", lambda **options: None)
    monkeypatch.setattr(checks, "install_frontend_packages", lambda: None)
    planned = (("good", ""), ("bad", "line 3 is wrong"), ("last", ""))
    made = [checks.Check(name, partial(str, wrong)) for name, wrong in planned]
    monkeypatch.setattr(checks, "checks", lambda: made)
    assert checks.lint(fix=False) == 1
    shown = capsys.readouterr().err
    assert "✓ good" in shown
    assert "✗ bad" in shown
    assert "✓ last" in shown
    assert shown.endswith("line 3 is wrong\n\n2 checks passed, 1 failed\n")
    monkeypatch.setattr(checks, "checks", lambda: made[:1])
    assert checks.lint(fix=False) == 0


def test_a_check_is_what_its_command_said():
    assert checks.output([sys.executable, "-c", "print('fine')"]) == ""
    assert checks.output([sys.executable, "-c", "print('wrong'); raise SystemExit(1)"]) == "wrong"
    assert checks.output(["false"]) == "status 1"


def test_generated_files_are_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    kept, fresh = tmp_path / "kept.yaml", tmp_path / "fresh.yaml"
    fresh.write_text("a: 1\n")
    assert "does not exist" in checks._difference(kept, fresh)
    kept.write_text("a: 1\n")
    assert checks._difference(kept, fresh) == ""
    fresh.write_text("a: 2\n")
    assert "+a: 2" in checks._difference(kept, fresh)


def test_a_foreground_command_gives_its_status_and_is_looked_after():
    looked = []
    command = [sys.executable, "-c", "import time; time.sleep(1.2); raise SystemExit(4)"]
    assert steps.run_foreground(command, env={}, meanwhile=lambda: looked.append(1)) == 4
    assert looked
    assert steps.run_foreground([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], env={}) == 137


@pytest.mark.faults
def test_a_foreground_command_dies_with_a_killed_owner(tmp_path):
    script = (
        "import os; from launcher.steps import run_foreground\n"
        "run_foreground([sys.executable, '-c', 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'],\n"
        "               env=dict(os.environ))"
    )
    owner = start_owner(script)
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.kill()
    owner.communicate()
    assert eventually(lambda: not alive(child))
