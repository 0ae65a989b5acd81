"""``./run up``: from an empty machine to a server that answers, and back down on Ctrl-C."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from launcher.embedded import named_servers
from launcher.errors import LauncherError
from launcher.home import PEOPLE, Home
from launcher.install import install
from launcher.paths import DEFAULT_HOME, ROOT, RUNS, venv_program
from launcher.process import GuardedProcess
from launcher.processes import server_processes
from launcher.steps import Ticker, run_foreground, run_step, say
from launcher.supervisor import Supervisor

READY_TIMEOUT_S = 180
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
NAMES = {
    "database": "the database",
    "broker": "the broker",
    "media": "the media folder",
    "bucket": "the bucket of the media store",
    "slides": "the slides worker",
    "detection": "the detection worker",
    "training": "the training worker",
    "beat": "the scheduler (beat)",
}


def up(*, home_folder: Path, port: int, sample: bool) -> int:
    """Install, start everything, and stay until Ctrl-C or SIGTERM.

    Args:
        home_folder: where database, media, logs and passwords lie.
        port: the web server's port on 127.0.0.1.
        sample: whether to load the drawn sample (once).

    Returns:
        Exit status 0 after an orderly stop.
    """
    started = time.monotonic()
    check_port(port)
    install()
    home = Home(home_folder)
    with stop_signals(), held(home, port=port), servers(home, port=port) as (env, watched):
        prepare_database(env)
        own = {name: value for name, value in env.items() if not name.startswith("TILSCOPE_PASSWORD_")}
        supervisor = Supervisor([*watched, *server_processes(port=port, env=own, home=home.folder)], say=say)
        try:
            supervisor.start()
            wait_until_ready(port, supervisor)
            if sample:
                load_sample(env, supervisor)
            print(welcome(home, port=port, seconds=time.monotonic() - started), flush=True)
            stay(supervisor)
        finally:
            with deaf_to_signals():
                say("\nStopping …")
                supervisor.stop()
    say("Stopped. Nothing is left running; ./run up finds everything as it was.")
    return 0


def check_port(port: int) -> None:
    """Refuse a taken port before anything is installed or started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise LauncherError(
                f"Port {port} is reserved for the system.\nNext step: choose one from 1024 on: ./run up --port 8000"
            ) from error
        except (OSError, OverflowError) as error:
            raise LauncherError(
                f"Port {port} is taken by another program.\n"
                f"Next step: stop that program, or choose another port: ./run up --port {port % 65535 + 1}"
            ) from error


@contextmanager
def stop_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end us as Ctrl-C does, in order; SIGINT too where a script's ``&`` had it ignored."""

    def as_interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = {number: signal.signal(number, as_interrupt) for number in STOP_SIGNALS}
    try:
        yield
    except KeyboardInterrupt:
        say()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def deaf_to_signals() -> Iterator[None]:
    """Let nothing interrupt the tidying up; it ends by itself within seconds."""
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def held(home: Home, *, port: int | None = None) -> Iterator[None]:
    """Hold the home's lock."""
    home.lock(port=port, say=say)
    try:
        yield
    finally:
        home.unlock()


@contextmanager
def servers(home: Home, *, port: int | None = None) -> Iterator[tuple[dict[str, str], list[GuardedProcess]]]:
    """Bring up database and broker of a locked home.

    Yields:
        The whole environment for the server's processes, and the embedded servers to watch (none where
        DATABASE_URL and REDIS_URL name others).
    """
    if named := named_servers():
        yield server_environment(home, named), []
        return
    ticker = Ticker("Starting PostgreSQL and Valkey")
    pair = home.services()
    try:
        pair.start()
        ticker.end()
        own = home.environment(pair.environment())
        home.announce(port=port, environment=own)
        yield server_environment(home, pair.environment()), pair.processes
    finally:
        with deaf_to_signals():
            pair.stop()


def server_environment(home: Home, addresses: dict[str, str]) -> dict[str, str]:
    """Our environment plus what the settings need; what the person set for TILscope wins, but for the secrets."""
    ours = {
        "PYTHONUNBUFFERED": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TILSCOPE_CODE_VERSION": code_version(),
    }
    path = f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**ours, **os.environ, **home.environment(addresses), "PATH": path}


def code_version() -> str:
    """The commit that runs, or the bare version where git does not tell."""
    with contextlib.suppress(OSError):
        answer = subprocess.run(
            ["git", "-C", str(ROOT), "describe", "--always", "--dirty"], capture_output=True, text=True
        )
        if answer.returncode == 0:
            return f"0.1.0+{answer.stdout.strip()}"
    return "0.1.0"


def prepare_database(env: dict[str, str]) -> None:
    """Migrate, and make sure of the three first people; that command runs the start-up checks, as all do."""
    manage = [venv_program("python"), "manage.py"]
    run_step("Bringing the database up to date", [*manage, "migrate", "--no-input"], log=RUNS / "migrate.log", env=env,
             cwd=ROOT)  # fmt: skip
    run_step("Checking settings, routes and the first accounts", [*manage, "ensure_people", "--json"],
             log=RUNS / "people.log", env=env, cwd=ROOT)  # fmt: skip


def wait_until_ready(port: int, supervisor: Supervisor) -> None:
    """Wait until every part says that it is up.

    Raises:
        LauncherError: after the time-out, or when a process ends again and again, with its log.
    """
    ticker, until = Ticker("Starting web, workers and beat"), time.monotonic() + READY_TIMEOUT_S
    while True:
        missing = not_ready(port)
        if not missing:
            ticker.end()
            return
        supervisor.tick()
        ticker.tick(f"waiting for {', '.join(missing)}")
        broken = supervisor.failing()
        if broken or time.monotonic() > until:
            ticker.end(ok=False)
            raise LauncherError(_not_ready_words(missing, broken))
        time.sleep(0.3)


def _not_ready_words(missing: list[str], broken: list[GuardedProcess]) -> str:
    if not broken:
        return (
            f"Not ready after {READY_TIMEOUT_S} s: {', '.join(missing)}.\nNext step: read the logs in the home folder."
        )
    tail = "\n".join(f"    {line}" for line in broken[0].log_tail(20).splitlines())
    return f"'{broken[0].name}' ends as soon as it starts. The end of {broken[0].log}:\n{tail}"


def not_ready(port: int) -> list[str]:
    """Name, in words, the parts that are not up; empty when everything is."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health/ready", timeout=5):
            return []
    except urllib.error.HTTPError as error:
        try:
            checks = json.load(error)["checks"]
        except (ValueError, KeyError, TypeError):
            return [f"the web server (it answers {error.code})"]
        return [NAMES.get(name, name) for name, is_up in _flat(checks) if not is_up]
    except OSError:
        return ["the web server"]


def _flat(checks: dict[str, object]) -> Iterator[tuple[str, bool]]:
    for name, value in checks.items():
        if isinstance(value, dict):
            yield from _flat(value)
        else:
            yield name, bool(value)


def load_sample(env: dict[str, str], supervisor: Supervisor) -> None:
    """Load the drawn sample; it says itself what it does, and does nothing the second time."""
    command = [venv_program("python"), "manage.py", "load_sample"]
    status = run_foreground(command, env=env, cwd=ROOT, meanwhile=supervisor.tick)
    if status != 0:
        say(f"! The sample could not be loaded (status {status}); the server itself is up.")
        say("  Next step: ./run manage load_sample, which goes on where it stopped.")


def welcome(home: Home, *, port: int, seconds: float) -> str:
    """The one friendly block at the end."""
    people = [f"    {name:<12} {home.secrets[name]}" for name in PEOPLE]
    option = "" if home.folder == DEFAULT_HOME else f" --home {home.folder}"
    data = home.data
    lines = [
        "",
        "─" * 72,
        f"  TILscope is up after {seconds:.0f} s:   http://127.0.0.1:{port}",
        "",
        "  Sign in as (user, first password):",
        *people,
        "",
        f"  Data and passwords   {home.folder}",
        *([f"  Database             {data}"] if data and not data.is_relative_to(home.folder) else []),
        f"  Logs                 {home.logs}",
        f"  A command            ./run manage{option} help",
        "  Stop                 Ctrl-C",
        "─" * 72,
    ]
    return "\n".join(lines)


def stay(supervisor: Supervisor) -> None:
    """Watch the processes until a signal ends us."""
    while True:
        supervisor.tick()
        time.sleep(0.5)
