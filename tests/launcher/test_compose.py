"""The production shape: every command's entry point exists, every queue has a worker, the proxy does what it says."""

import http.server
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands

from config.web import THREADS
from launcher.processes import web_command
from tests.launcher.helpers import ROOT, eventually

TEXT = (ROOT / "docker-compose.yml").read_text()
SERVICES = yaml.safe_load(TEXT)["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service["image"] == "tilscope-server"]


def words(name):
    """The command of one of our services; web's own is the image's."""
    command = SERVICES[name].get("command")
    if command is None:
        joined = re.sub(r"\\\n\s*", "", DOCKERFILE)
        [command] = re.findall(r"^CMD \[(.+)\]$", joined, re.MULTILINE)
        return [word.strip().strip('"') for word in command.split(",")]
    return shlex.split(command)


def environment(name):
    return set(re.findall(r"\$\{(\w+)", str(SERVICES[name])))


@pytest.mark.parametrize("command", [words("web"), web_command(0)], ids=["image", "run up"])
def test_the_web_server_has_a_connection_ready_for_each_thread(command):
    assert f"--blocking-threads={THREADS}" in command


def test_the_whole_shape_is_there():
    assert set(SERVICES) == {
        *("nginx", "web", "beat", "migrate", "postgres", "valkey", "worker-slides"),
        *("worker-detection", "worker-training", "worker-detection-gpu", "worker-training-gpu"),
    }


@pytest.mark.parametrize("name", OURS)
def test_every_command_has_its_entry_point(name):
    program, *arguments = words(name)
    if program == "python":
        assert arguments[0] == "manage.py"
        assert arguments[1] in get_commands()
    elif program == "granian":
        module, _, factory = arguments[0].partition(":")
        assert callable(getattr(import_module(module), factory))
    else:
        assert program == "celery"
        assert arguments[:2] == ["-A", "config"]
        assert find_spec("config.celery") is not None
    assert shutil.which(program, path=str(ROOT / ".venv" / "bin")), program


@pytest.mark.parametrize("name", [name for name in OURS if name != "migrate"])
def test_every_command_line_is_understood(name):
    """The programs themselves read the options: a wrong one ends them before anything starts."""
    program, *arguments = words(name)
    result = subprocess.run(
        [ROOT / ".venv" / "bin" / program, *arguments, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("profile", ["cpu", "gpu"])
def test_every_queue_has_a_worker(profile):
    routed = {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} | {settings.CELERY_TASK_DEFAULT_QUEUE}
    active = [name for name in OURS if profile in SERVICES[name].get("profiles", [profile])]
    listened = {
        queue for name in active if "-Q" in words(name) for queue in words(name)[words(name).index("-Q") + 1].split(",")
    }
    assert listened == routed


def test_the_gpu_profile_asks_for_a_card():
    for name in ("worker-detection-gpu", "worker-training-gpu"):
        [device] = SERVICES[name]["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia"
        assert device["capabilities"] == ["gpu"]


def test_there_is_one_training_process_per_card_that_was_asked_for():
    [device] = SERVICES["worker-training-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    asked = words("worker-training-gpu")
    assert device["count"] == asked[asked.index("--concurrency") + 1] == "${TILSCOPE_GPUS:-1}"


def test_nothing_starts_before_the_tables_are_there():
    for name in OURS:
        if name != "migrate":
            assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert SERVICES["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


def test_everything_that_answers_has_a_health_check():
    assert [name for name in SERVICES if "healthcheck" not in SERVICES[name]] == ["migrate", "beat"]


def test_every_variable_and_volume_is_declared():
    example = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", TEXT))
    assert asked | {"COMPOSE_PROFILES"} == example
    volumes = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    named = {volume for volume in volumes if not volume.startswith(".")}
    assert named == set(yaml.safe_load(TEXT)["volumes"])
    assert all((ROOT / volume).exists() for volume in volumes - named)


def test_no_secret_has_a_default():
    for name in ("TILSCOPE_SECRET_KEY", "TILSCOPE_DATABASE_PASSWORD", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"):
        assert re.findall(rf"\$\{{{name}(.*?)\}}", TEXT)
        assert all(rest.startswith(":?") for rest in re.findall(rf"\$\{{{name}(.*?)\}}", TEXT))


def test_the_images_copy_what_exists_and_run_without_root():
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    assert sources
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    assert len(stages) == 3
    assert all("\nUSER " in stage for stage in stages[1:])
    copied = set(re.findall(r"^COPY (\w+) \w+$", DOCKERFILE, re.MULTILINE))
    packages = {folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()}
    assert copied == packages - {"launcher", "tests", "bench"}


class _Web(http.server.BaseHTTPRequestHandler):
    """A web server that says what reached it."""

    def _answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} {len(body)} {self.headers['X-Forwarded-Proto']} {self.headers['Host']}".encode())

    do_GET = do_PATCH = do_POST = _answer

    def log_message(self, format, *arguments):
        """Say nothing."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def proxy():
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("no nginx on this machine")
    folder, port = Path(tempfile.mkdtemp(prefix="tilscope-proxy-", dir="/tmp")), free_port()
    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    (folder / "frontend" / "assets").mkdir(parents=True)
    (folder / "frontend" / "assets" / "page-1a2b.js").write_text("1")
    text = (ROOT / "deploy" / "nginx.conf").read_text().replace("/tmp/", f"{folder}/")
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/srv/frontend", str(folder / "frontend"))
    text = text.replace("http://web:8000", f"http://127.0.0.1:{web.server_port}")
    (folder / "nginx.conf").write_text(text)
    shutil.copy("/etc/nginx/mime.types", folder)
    folder_is_open(folder)
    command = [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", "stderr"]
    check = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    process = subprocess.Popen([*command, "-g", "daemon off; master_process off;"], stdout=subprocess.DEVNULL)
    try:
        assert eventually(lambda: answers(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        web.shutdown()
        shutil.rmtree(folder)


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def folder_is_open(folder: Path) -> None:
    for part in (folder, *folder.rglob("*")):
        part.chmod(0o755)


def ask(url, **options):
    with urllib.request.urlopen(urllib.request.Request(url, **options), timeout=20) as answer:
        return answer.read().decode(), answer.headers


def test_the_proxy_hands_pages_and_api_through(proxy):
    body, _ = ask(f"{proxy}/api/auth/me")
    assert body == f"/api/auth/me 0 http {proxy.removeprefix('http://')}"
    body, _ = ask(f"{proxy}/studies/3", headers={"X-Forwarded-Proto": "https"})
    assert " https " in body


def test_the_proxy_serves_the_frontends_files_itself_and_for_good(proxy):
    body, headers = ask(f"{proxy}/assets/page-1a2b.js")
    assert body == "1"
    assert "immutable" in headers["Cache-Control"]
    assert "javascript" in headers["Content-Type"]
    with pytest.raises(urllib.error.HTTPError, match="404"):
        ask(f"{proxy}/assets/gone.js")


def test_uploads_may_be_large_and_nothing_else(proxy):
    part = bytes(17 * 1024 * 1024)
    body, _ = ask(f"{proxy}/api/uploads/some-id", data=part, method="PATCH")
    assert f" {len(part)} " in body
    body, _ = ask(f"{proxy}/api/studies/3/models/import", data=part, method="POST")
    assert f" {len(part)} " in body
    with pytest.raises(urllib.error.HTTPError, match="413"):
        ask(f"{proxy}/api/studies", data=part, method="POST")
