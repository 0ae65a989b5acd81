"""The home folder: private, remembered, and for one run at a time."""

import json
import os
import re
import stat

import pytest

from launcher.errors import LauncherError
from launcher.home import PEOPLE, Home
from tests.launcher.helpers import start_owner


def test_it_is_private_and_its_secrets_stay_the_same(tmp_path):
    first, second = Home(tmp_path / "home"), Home(tmp_path / "home")
    assert first.secrets == second.secrets
    assert len(set(first.secrets.values())) == len(first.secrets)
    assert stat.S_IMODE(first.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((first.folder / "secrets.json").stat().st_mode) == 0o600


def test_passwords_can_be_typed(tmp_path):
    secrets = Home(tmp_path / "home").secrets
    assert all(re.fullmatch(r"([a-km-np-z2-9]{4}-){3}[a-km-np-z2-9]{4}", secrets[name]) for name in PEOPLE)


def test_a_secrets_file_of_an_older_version_is_completed(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "secrets.json").write_text(json.dumps({"secret_key": "kept"}))
    assert Home(tmp_path / "home").secrets["secret_key"] == "kept"
    assert Home(tmp_path / "home").secrets["admin"]


def test_a_place_that_cannot_be_a_home_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LauncherError, match="--home"):
        Home(tmp_path / "file" / "home")


def test_a_second_run_on_the_same_home_is_refused_at_once(tmp_path):
    script = (
        "from pathlib import Path; import time; from launcher.home import Home\n"
        "home = Home(Path(sys.argv[1])); home.lock(port=8765); print('held', flush=True); time.sleep(60)"
    )
    owner = start_owner(script, str(tmp_path / "home"))
    try:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(LauncherError, match=r"already runs on this home: http://127\.0\.0\.1:8765"):
            Home(tmp_path / "home").lock()
    finally:
        owner.kill()
        owner.communicate()
    survivor = Home(tmp_path / "home")
    assert survivor.running() is None
    survivor.lock()
    survivor.unlock()


def test_servers_of_a_killed_run_are_waited_for_and_then_named(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.home.WAIT_FOR_PREDECESSOR_S", 0.5)
    said: list[str] = []
    holder = Home(tmp_path / "home")
    holder.lock()
    (holder.folder / "running.json").write_text(json.dumps({"pid": 2**22 + 1, "port": 1}))
    try:
        with pytest.raises(LauncherError, match="uses this home"):
            Home(tmp_path / "home").lock(say=said.append)
    finally:
        holder.unlock()
    assert said == ["  waiting for the servers of the previous run to stop …"]


def test_it_tells_who_runs_here(tmp_path):
    home = Home(tmp_path / "home")
    home.lock(port=1234)
    home.announce(port=1234, environment={"DATABASE_URL": "postgres://"})
    assert home.running() == {"pid": os.getpid(), "port": 1234, "environment": {"DATABASE_URL": "postgres://"}}
    home.unlock()
    assert home.running() is None


def test_commands_beside_a_running_server_use_its_bucket(tmp_path, monkeypatch):
    monkeypatch.setenv("TILSCOPE_MEDIA_S3_BUCKET", "slides")
    monkeypatch.setenv("TILSCOPE_OTHER", "stays out")
    environment = Home(tmp_path / "home").environment({})
    assert environment["TILSCOPE_MEDIA_S3_BUCKET"] == "slides"
    assert "TILSCOPE_OTHER" not in environment


def test_settings_get_what_they_need(tmp_path):
    home = Home(tmp_path / "home")
    environment = home.environment({"DATABASE_URL": "a", "REDIS_URL": "b"})
    assert environment["TILSCOPE_MEDIA_ROOT"] == str(home.folder / "media")
    assert environment["TILSCOPE_SECRET_KEY"] == home.secrets["secret_key"]
    assert environment["TILSCOPE_PASSWORD_LAB"] == home.secrets["lab"]
    assert environment["DATABASE_URL"] == "a"
