"""``./run up`` from its first check to its last line, with small processes in the place of the big ones."""

import http.server
import json
import os
import signal
import socket
import sys
import threading

import pytest

from launcher import processes, up
from launcher.errors import LauncherError
from launcher.home import Home
from launcher.process import GuardedProcess
from launcher.supervisor import Supervisor
from tests.launcher.helpers import alive, eventually, family

READY = {"status": "ready", "checks": {"database": True}}
SERVER = """
import http.server, json, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def answering():
    """Start a web server that answers the readiness question as told."""
    started = []

    def start(status, content):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(content.encode())

            def log_message(self, format, *arguments):
                """Say nothing."""

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server.server_port

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_a_taken_port_is_named_with_the_next_step():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LauncherError, match=rf"Port {port} is taken(.|\n)*--port {port % 65535 + 1}"):
            up.check_port(port)


def test_a_free_port_passes():
    up.check_port(free_port())


def test_a_port_that_is_none_is_refused():
    with pytest.raises(LauncherError, match="Port 70000"):
        up.check_port(70000)


def test_what_is_not_ready_is_said_in_words(answering):
    workers = {"slides": True, "training": False}
    checks = {"database": True, "broker": True, "media": True, "beat": False, "workers": workers}
    assert up.not_ready(answering(503, json.dumps({"checks": checks}))) == [
        "the scheduler (beat)",
        "the training worker",
    ]
    assert up.not_ready(answering(500, "oh")) == ["the web server (it answers 500)"]
    assert up.not_ready(free_port()) == ["the web server"]
    assert up.not_ready(answering(200, json.dumps(READY))) == []


def test_a_process_that_ends_at_once_stops_the_wait_and_shows_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.supervisor.FIRST_PAUSE_S", 0.01)
    broken = GuardedProcess(
        name="web", command=[sys.executable, "-c", "raise SystemExit('no settings')"], log=tmp_path / "web.log"
    )
    keeper = Supervisor([broken], say=lambda text: None)
    keeper.start()
    try:
        with pytest.raises(LauncherError, match=r"'web' ends as soon as it starts(.|\n)*no settings"):
            up.wait_until_ready(free_port(), keeper)
    finally:
        keeper.stop()


def test_waiting_has_an_end(monkeypatch):
    monkeypatch.setattr(up, "READY_TIMEOUT_S", 0)
    with pytest.raises(LauncherError, match="Not ready after 0 s: the web server"):
        up.wait_until_ready(free_port(), Supervisor([]))


@pytest.fixture
def small_server(tmp_path, monkeypatch):
    """Everything of ``up`` but the installation, Django and its processes."""
    commands = []

    def one_process(*, port, env, home):
        return [
            GuardedProcess(name="web", command=[sys.executable, "-c", SERVER, str(port)], log=home / "logs" / "web.log")
        ]

    def answer(command, **options):
        commands.append(command[1:])
        return 0

    monkeypatch.setattr(up, "install", lambda: None)
    monkeypatch.setattr(up, "server_processes", one_process)
    monkeypatch.setattr(up, "run_step", lambda title, command, **options: commands.append(command[1:]))
    monkeypatch.setattr(up, "run_foreground", answer)
    monkeypatch.setenv("DATABASE_URL", "postgres://named")
    monkeypatch.setenv("REDIS_URL", "redis://named")
    return commands


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_comes_up_says_so_and_goes_down_in_order(tmp_path, small_server, monkeypatch, capsys, number):
    everyone: list[int] = []

    def interrupted(supervisor):
        everyone.extend(pid for watched in supervisor.watched for pid in family(watched.process.guard.pid))
        os.kill(os.getpid(), number)
        signal.pause()

    monkeypatch.setattr(up, "stay", interrupted)
    port = free_port()
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    assert up.up(home_folder=tmp_path / "home", port=port, sample=True) == 0
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
    shown, secrets = capsys.readouterr(), json.loads((tmp_path / "home" / "secrets.json").read_text())
    assert f"http://127.0.0.1:{port}" in shown.out
    assert all(secrets[name] in shown.out for name in ("pathologist", "lab", "admin"))
    assert "Nothing is left running" in shown.err
    assert everyone
    assert not any(alive(pid) for pid in everyone)
    assert [command[1] for command in small_server] == ["migrate", "ensure_people", "load_sample"]
    assert Home(tmp_path / "home").running() is None


def test_an_interrupt_counts_where_a_script_had_it_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    went_on = False
    try:
        with up.stop_signals():
            os.kill(os.getpid(), signal.SIGINT)
            went_on = True
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert not went_on


def test_without_the_sample_none_is_loaded(tmp_path, small_server, monkeypatch):
    def at_once(supervisor):
        raise KeyboardInterrupt

    monkeypatch.setattr(up, "stay", at_once)
    assert up.up(home_folder=tmp_path / "home", port=free_port(), sample=False) == 0
    assert [command[1] for command in small_server] == ["migrate", "ensure_people"]


def test_a_sample_that_fails_does_not_bring_the_server_down(tmp_path, small_server, monkeypatch, capsys):
    monkeypatch.setattr(up, "run_foreground", lambda command, **options: 1)
    up.load_sample({}, Supervisor([]))
    assert "./run manage load_sample" in capsys.readouterr().err


def test_a_watched_process_is_brought_back(tmp_path, monkeypatch):
    monkeypatch.setattr("launcher.supervisor.FIRST_PAUSE_S", 0.01)
    command = [sys.executable, "-c", "print('up', flush=True); import time; time.sleep(60)"]
    one = GuardedProcess(name="one", command=command, log=tmp_path / "one.log", grace_s=1)
    keeper = Supervisor([one], say=lambda text: None)
    keeper.start()
    assert eventually(lambda: one.log_tail() == "up")
    assert one.guard is not None
    os.kill(family(one.guard.pid)[1], signal.SIGKILL)
    look = keeper.tick

    def look_until_it_is_back():
        look()
        if one.log_tail() == "up\nup":
            raise KeyboardInterrupt

    monkeypatch.setattr(keeper, "tick", look_until_it_is_back)
    with pytest.raises(KeyboardInterrupt):
        up.stay(keeper)
    keeper.stop()


def test_the_processes_cover_every_queue_and_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 8)
    monkeypatch.setattr(processes, "has_nvidia", lambda: False)
    named = {one.name: one for one in processes.server_processes(port=8000, env={}, home=tmp_path)}
    assert list(named) == ["web", "slides", "detection", "training", "beat"]
    assert "slides,bells" in named["slides"].command
    detection = named["detection"]
    assert detection.command[list(detection.command).index("--concurrency") + 1] == "4"
    assert detection.env == {"OMP_NUM_THREADS": "2"}
    monkeypatch.setattr(processes, "cores", lambda: 2)
    assert processes.detection_processes() == 2
    monkeypatch.setattr(processes, "has_nvidia", lambda: True)
    assert processes.detection_processes() == 1
    monkeypatch.setenv("TILSCOPE_DETECTION_PROCESSES", "7")
    assert processes.detection_processes() == 7


@pytest.mark.parametrize(
    ("visible", "found", "trainings"),
    [(None, 0, 1), (None, 2, 2), ("0", 2, 1), ("0,1,3", 4, 3), ("", 2, 1), ("-1", 2, 1)],
)
def test_there_is_one_training_process_per_card(tmp_path, monkeypatch, visible, found, trainings):
    monkeypatch.setattr(processes, "CARDS", tmp_path / "gpus")
    for card in range(found):
        (tmp_path / "gpus" / f"0000:{card:02d}:00.0").mkdir(parents=True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    named = {one.name: one.command for one in processes.server_processes(port=8000, env={}, home=tmp_path)}
    training = list(named["training"])
    assert training[training.index("--concurrency") + 1] == str(trainings)
    monkeypatch.setenv("TILSCOPE_TRAINING_PROCESSES", "5")
    assert processes.training_processes() == 5


def test_the_environment_keeps_secrets_over_what_the_shell_says(tmp_path, monkeypatch):
    monkeypatch.setenv("TILSCOPE_SECRET_KEY", "from the shell")
    monkeypatch.setenv("TILSCOPE_LEASE_S", "5")
    home = Home(tmp_path / "home")
    environment = up.server_environment(home, {"DATABASE_URL": "a"})
    assert environment["TILSCOPE_SECRET_KEY"] == home.secrets["secret_key"]
    assert environment["TILSCOPE_LEASE_S"] == "5"
    assert environment["TILSCOPE_CODE_VERSION"].startswith("0.1.0")
