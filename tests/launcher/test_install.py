"""Installing: only what changed, with what is wrong said in words."""

import os
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from launcher import install, paths, steps
from launcher.errors import LauncherError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A small repository of its own, and the list of commands that would have run."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "frontend" / "src").mkdir(parents=True)
    (tmp_path / "frontend" / "node_modules").mkdir()
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-node.txt"):
        (tmp_path / name).write_text("one==1\n")
    for name in ("package.json", "package-lock.json", "src/main.tsx", "index.html"):
        (tmp_path / "frontend" / name).write_text(name)
    for name, value in {"ROOT": tmp_path, "VENV": tmp_path / ".venv", "FRONTEND": tmp_path / "frontend",
                        "RUNS": tmp_path / ".runs"}.items():  # fmt: skip
        monkeypatch.setattr(install, name, value)
    monkeypatch.setattr(install, "venv_program", lambda name: str(tmp_path / ".venv" / "bin" / name))
    monkeypatch.setattr(install, "node_path", lambda: os.environ["PATH"])
    monkeypatch.setattr(install, "has_nvidia", lambda: False)
    return tmp_path


@pytest.fixture
def ran(monkeypatch, repository):
    commands = []

    def run(title, command, **options):
        commands.append(command)
        if command[:3] == ["npm", "run", "build"]:
            (repository / "frontend" / "dist").mkdir(exist_ok=True)
            (repository / "frontend" / "dist" / "index.html").write_text("")

    monkeypatch.setattr(install, "run_step", run)
    return commands


def test_packages_are_installed_once_per_change_of_their_file(repository, ran):
    install.install_packages(dev=False)
    install.install_packages(dev=False)
    assert len(ran) == 1
    (repository / "requirements.txt").write_text("one==2\n")
    install.install_packages(dev=False)
    assert len(ran) == 2
    assert ran[1][-2:] == ["-r", str(repository / "requirements.txt")]


def test_what_tests_need_is_added_later_and_then_kept(repository, ran):
    install.install_packages(dev=False)
    install.install_packages(dev=True)
    assert ran[1][-1] == str(repository / "requirements-dev.txt")
    install.install_packages(dev=True)
    install.install_packages(dev=False)
    assert len(ran) == 2


def test_a_failed_install_is_tried_again(repository, monkeypatch, ran):
    def fail(*arguments, **options):
        raise LauncherError("no")

    monkeypatch.setattr(install, "run_step", fail)
    with pytest.raises(LauncherError):
        install.install_packages(dev=False)
    monkeypatch.setattr(install, "run_step", lambda title, command, **options: ran.append(command))
    install.install_packages(dev=False)
    assert len(ran) == 1


def test_processor_builds_are_taken_where_an_index_is_named_and_no_card_is_there(repository, ran, monkeypatch):
    monkeypatch.setenv("TILSCOPE_TORCH_INDEX", "https://index.example/cpu")
    install.install_packages(dev=False)
    assert "https://index.example/cpu" in ran[0]
    monkeypatch.setattr(install, "has_nvidia", lambda: True)
    (repository / "requirements.txt").write_text("one==2\n")
    install.install_packages(dev=False)
    assert "https://index.example/cpu" not in ran[1]


def test_the_frontend_is_built_when_a_source_changed(repository, ran):
    install.build_frontend()
    assert [command[:2] for command in ran] == [["npm", "ci"], ["npm", "run"]]
    install.build_frontend()
    assert len(ran) == 2
    (repository / "frontend" / "src" / "main.tsx").write_text("changed")
    install.build_frontend()
    assert ran[2:] == [["npm", "run", "build"]]
    (repository / "frontend" / "dist" / "index.html").unlink()
    install.build_frontend()
    assert ran[3:] == [["npm", "run", "build"]]
    (repository / "frontend" / "package-lock.json").write_text("changed")
    install.build_frontend()
    assert [command[:2] for command in ran[4:]] == [["npm", "ci"], ["npm", "run"]]


def test_a_clone_without_its_frontend_is_named(repository, ran):
    (repository / "frontend" / "package.json").unlink()
    with pytest.raises(LauncherError, match="clone is whole"):
        install.build_frontend()


def test_a_full_disk_is_named_before_anything_is_downloaded(repository, ran, monkeypatch):
    monkeypatch.setattr("launcher.install.shutil.disk_usage", lambda path: Usage(10**12, 10**12, 2 * install.GIB))
    with pytest.raises(LauncherError, match=r"about 8 GB of disk.*2\.0 GB free"):
        install.make_venv()
    assert ran == []


def test_an_environment_that_works_is_kept_and_a_broken_one_made_anew(repository, ran):
    python = repository / ".venv" / "bin" / "python"
    python.symlink_to(sys.executable)
    install.make_venv()
    assert ran == []
    python.unlink()
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    install.make_venv()
    assert ran[0][1:3] == ["-m", "venv"]


def test_a_python_without_venv_is_named(monkeypatch):
    monkeypatch.setattr("launcher.install.importlib.util.find_spec", lambda name: None)
    with pytest.raises(LauncherError, match="apt install python3-venv"):
        install.check_python()


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr("launcher.install.sys.version_info", (3, 9))
    with pytest.raises(LauncherError, match="or newer is needed"):
        install.check_python()


def test_a_folder_of_somebody_else_is_named(repository, monkeypatch):
    monkeypatch.setattr(install, "RUNS", Path("/proc/nowhere"))
    with pytest.raises(LauncherError, match="clone the repository as this user"):
        install.install()


@pytest.mark.parametrize(
    ("version", "enough"),
    [("v18.20.1", False), ("v20.18.3", False), ("v20.19.0", True), ("v21.7.0", False), ("v22.11.0", False),
     ("v22.12.0", True), ("v24.19.0", True), ("nonsense", False)],
)  # fmt: skip
def test_which_node_is_new_enough(tmp_path, version, enough):
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    assert install.node_is_new_enough(str(node)) is enough


def test_no_node_is_not_enough(tmp_path):
    assert not install.node_is_new_enough(None)
    assert not install.node_is_new_enough(str(tmp_path / "node"))


def test_a_machine_without_node_gets_it_from_the_wheel(repository, ran, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr("launcher.install.shutil.which", lambda name: None)
    asked = []
    monkeypatch.setattr(install, "node_is_new_enough", lambda program: False)
    monkeypatch.setattr(install, "_pip_install", lambda files, title: asked.append(files))
    path = install.node_path()
    assert asked == [[paths.ROOT / "requirements-node.txt"]]
    assert path.split(os.pathsep)[0] == str(paths.VENV / "bin")


@pytest.mark.parametrize(
    ("words", "meaning"),
    [("ERROR: NameResolutionError(...)", "check the connection"),
     ("[Errno 28] No space left on device", "disk is full"),
     ("No matching distribution found for torch", "use Python 3.11")],
)  # fmt: skip
def test_a_failed_step_says_what_it_means_and_shows_the_end_of_its_log(tmp_path, words, meaning):
    command = [sys.executable, "-c", f"print('first line'); print({words!r}); raise SystemExit(1)"]
    with pytest.raises(LauncherError) as error:
        steps.run_step("Installing", command, log=tmp_path / "pip.log", explain=install.EXPLAIN_PIP)
    assert meaning in str(error.value)
    assert words in str(error.value)
    assert str(tmp_path / "pip.log") in str(error.value)


def test_a_long_step_ticks_in_plain_lines_where_there_is_no_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(steps, "LINE_EVERY_S", 0.2)
    steps.run_step("Waiting", [sys.executable, "-c", "import time; time.sleep(0.8)"], log=tmp_path / "log")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  Waiting …"
    assert len(lines) >= 3
    assert lines[-1].startswith("✓ Waiting (")


def test_a_long_step_ticks_in_place_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ticker = steps.Ticker("Waiting")
    ticker.tick("for a bus")
    ticker.end(ok=False)
    assert capsys.readouterr().err == "\r\x1b[K  Waiting … 0 s for a bus\r\x1b[K✗ Waiting (0.0 s)\n"
