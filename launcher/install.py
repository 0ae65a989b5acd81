"""Makes the environment: .venv, the pinned packages, Node, the built frontend; only what is not there yet."""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.errors import LauncherError
from launcher.paths import FRONTEND, ROOT, RUNS, VENV, venv_program
from launcher.steps import run_step, say

GIB = 1024**3
CUDA_INSTALL_GIB, CPU_INSTALL_GIB = 8, 3
FRONTEND_SOURCES = ("src", "public", "index.html", "*.ts", "*.js", "*.json", "*.cjs", "*.mjs")
NO_NETWORK = "The network or the package index cannot be reached. Next step: check the connection or proxy, then again."
DISK_FULL = "The disk is full. Next step: free some space (about 8 GB for the first install), then again."
EXPLAIN_PIP = {
    "No space left": DISK_FULL,
    "Errno 28": DISK_FULL,
    "NewConnectionError": NO_NETWORK,
    "NameResolutionError": NO_NETWORK,
    "ConnectTimeoutError": NO_NETWORK,
    "Network is unreachable": NO_NETWORK,
    "ProxyError": NO_NETWORK,
    "No matching distribution": "A pinned package does not exist for this Python or machine. "
    "Next step: use Python 3.11 to 3.13 on Linux (x86_64, aarch64) or macOS; or check the network.",
    "Permission denied": "This folder is not yours to write. Next step: clone the repository as this user.",
}
EXPLAIN_NPM = {
    "ENOSPC": DISK_FULL,
    "ENOTFOUND": NO_NETWORK,
    "EAI_AGAIN": NO_NETWORK,
    "ECONNREFUSED": NO_NETWORK,
    "ETIMEDOUT": NO_NETWORK,
}


def install(*, dev: bool = False, frontend: bool = True) -> None:
    """Install what is missing.

    Args:
        dev: also what tests and checks need.
        frontend: also the frontend's packages, and build it.
    """
    check_python()
    with _one_at_a_time():
        make_venv()
        install_packages(dev=dev)
        if frontend:
            build_frontend()


def check_python() -> None:
    """Refuse an old Python, or one without what an environment needs."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the next step in words instead of a traceback
        raise LauncherError(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise LauncherError(
            "This Python comes without its 'venv' module.\n"
            "Next step (Debian, Ubuntu): apt install python3-venv, then start ./run again."
        )


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Hold other ./run commands in this folder back while one installs."""
    try:
        RUNS.mkdir(exist_ok=True)
        descriptor = os.open(RUNS / "install.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LauncherError(
            f"{ROOT} cannot be written: {error.strerror}.\nNext step: clone the repository as this user."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("  another ./run is installing here, waiting for it …")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def make_venv() -> None:
    """Make .venv if there is none that works."""
    python = Path(venv_program("python"))
    if python.exists() and subprocess.run([str(python), "-c", "import pip"], capture_output=True).returncode == 0:
        return
    check_disk()
    run_step(
        "Making the Python environment (.venv)",
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        log=RUNS / "venv.log",
        explain={**EXPLAIN_PIP, "ensurepip is not": "Next step (Debian, Ubuntu): apt install python3-venv."},
    )


def check_disk() -> None:
    """Refuse a first install that cannot fit."""
    needed = CPU_INSTALL_GIB if wants_cpu_wheels() else CUDA_INSTALL_GIB
    free = shutil.disk_usage(ROOT).free / GIB
    if free < needed:
        raise LauncherError(
            f"The first install needs about {needed} GB of disk; {ROOT} has {free:.1f} GB free.\n"
            "Next step: free some space, or clone the repository to a larger disk."
        )


def has_nvidia() -> bool:
    """Tell whether this machine has an NVIDIA driver."""
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def wants_cpu_wheels() -> bool:
    """CPU builds of PyTorch are taken where an index of them is named and no NVIDIA card is there."""
    return bool(os.environ.get("TILSCOPE_TORCH_INDEX")) and not has_nvidia()


def install_packages(*, dev: bool) -> None:
    """Install the pinned packages whose files changed since the last time."""
    files = [ROOT / "requirements.txt", *([ROOT / "requirements-dev.txt"] if dev else [])]
    _pip_install(files, "Installing the Python packages (the first time: some minutes, a few GB)")


def _pip_install(files: list[Path], title: str) -> None:
    stamps = Stamps(VENV / ".tilscope-stamps.json")
    fresh = {file.name: hash_files([file]) for file in files}
    if all(stamps.get(name) == value for name, value in fresh.items()):
        return
    command = [venv_program("python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check",
               "--retries", "3", "--timeout", "30"]  # fmt: skip
    if wants_cpu_wheels():
        command += ["--extra-index-url", os.environ["TILSCOPE_TORCH_INDEX"]]
    for file in files:
        command += ["-r", str(file)]
    run_step(title, command, log=RUNS / "pip.log", cwd=ROOT, explain=EXPLAIN_PIP)
    stamps.set(fresh)


class Stamps:
    """A small JSON file that remembers what was installed or built from what."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _all(self) -> dict[str, str]:
        try:
            known: dict[str, str] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return known

    def get(self, name: str) -> str | None:
        """The remembered hash, None if never done."""
        return self._all().get(name)

    def set(self, entries: dict[str, str]) -> None:
        """Remember hashes."""
        temporary = self.path.with_suffix(".new")
        temporary.write_text(json.dumps({**self._all(), **entries}, indent=1))
        temporary.rename(self.path)


def hash_files(files: list[Path]) -> str:
    """SHA-256 over names and contents, in the order of the names."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name).encode() + b"\0")
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def node_path() -> str:
    """PATH for npm and node: the machine's where it is new enough, else the wheel's inside .venv."""
    path = os.environ.get("PATH", os.defpath)
    if shutil.which("npm") and node_is_new_enough(shutil.which("node")):
        return path
    if not node_is_new_enough(venv_program("node")):
        _pip_install([ROOT / "requirements-node.txt"], "Installing Node from its wheel")
    return f"{VENV / 'bin'}{os.pathsep}{path}"


def node_is_new_enough(program: str | None) -> bool:
    """Tell whether a node is at least 20.19 (22.12 in the 22 line): what the frontend's build needs."""
    if not program or not Path(program).exists():
        return False
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30).stdout
        major, minor = (int(part) for part in answer.strip().lstrip("v").split(".")[:2])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def frontend_environment() -> dict[str, str]:
    """Environment for npm: quiet, no calls home."""
    return {**os.environ, "PATH": node_path(), "npm_config_audit": "false", "npm_config_fund": "false",
            "npm_config_update_notifier": "false"}  # fmt: skip


def build_frontend() -> None:
    """Install the frontend's packages and build it, each only if its sources changed."""
    if not (FRONTEND / "package.json").exists():
        raise LauncherError(f"{FRONTEND} holds no frontend. Next step: check that the clone is whole.")
    install_frontend_packages()
    stamps = Stamps(FRONTEND / "node_modules" / ".tilscope-stamps.json")
    built_from = hash_files(frontend_sources())
    if stamps.get("build") == built_from and (FRONTEND / "dist" / "index.html").exists():
        return
    run_step(
        "Building the frontend",
        ["npm", "run", "build"],
        log=RUNS / "frontend-build.log",
        cwd=FRONTEND,
        env=frontend_environment(),
        explain=EXPLAIN_NPM,
    )
    stamps.set({"build": built_from})


def install_frontend_packages() -> None:
    """Run ``npm ci`` if the lock file changed."""
    lock = hash_files([FRONTEND / "package.json", FRONTEND / "package-lock.json"])
    stamps = Stamps(FRONTEND / "node_modules" / ".tilscope-stamps.json")
    if stamps.get("packages") == lock:
        return
    run_step(
        "Installing the frontend's packages",
        ["npm", "ci", "--no-progress"],
        log=RUNS / "npm-ci.log",
        cwd=FRONTEND,
        env=frontend_environment(),
        explain=EXPLAIN_NPM,
    )
    stamps.set({"packages": lock})


def frontend_sources() -> list[Path]:
    """Every file that the build reads."""
    found: set[Path] = set()
    for pattern in FRONTEND_SOURCES:
        for path in FRONTEND.glob(pattern):
            found |= {path} if path.is_file() else {file for file in path.rglob("*") if file.is_file()}
    return sorted(found)
