"""The other verbs: test, bench, manage, lock."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from launcher.embedded import EmbeddedServices, named_servers
from launcher.errors import LauncherError
from launcher.home import Home
from launcher.install import frontend_environment, has_nvidia, install
from launcher.paths import FRONTEND, ROOT, RUNS, venv_program
from launcher.processes import cores
from launcher.steps import Ticker, run_foreground, run_step
from launcher.up import held, prepare_database, server_environment, servers, stop_signals

# One file serves CPU and CUDA, and pip of any machine: what only CUDA builds pull in stays out.
LEFT_OUT = ("triton", "cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "nvidia-cublas", "nvidia-cuda-cupti",
            "nvidia-cuda-nvrtc", "nvidia-cuda-runtime", "nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-cufile",
            "nvidia-curand", "nvidia-cusolver", "nvidia-cusparse", "nvidia-cusparselt-cu13", "nvidia-nccl-cu13",
            "nvidia-nvjitlink", "nvidia-nvshmem-cu13", "nvidia-nvtx")  # fmt: skip
MOST_TEST_PROCESSES = 4
LOCK_HEADERS = {
    "requirements": "Compiled from requirements.in; nvidia-*, cuda-* and triton are left out so that one file serves "
    "CPU and CUDA.",
    "requirements-dev": "Compiled from requirements-dev.in by `./run lock`.",
}


def test(*, slow: bool, faults: bool, arguments: Sequence[str]) -> int:
    """Run the frontend's tests, then pytest, whose summary comes last.

    Args:
        slow: also the tests that take minutes.
        faults: only the tests that kill processes, all of them.
        arguments: passed on to pytest; with any, only pytest runs and the coverage floor is not asked for.

    Returns:
        0 when all pass.
    """
    install(dev=True)
    environment = {**os.environ, "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    whole = not arguments and not faults
    frontend = run_foreground(["npm", "test"], env=frontend_environment(), cwd=FRONTEND) if whole else 0
    command = [venv_program("python"), "-m", "pytest", "-m", marker(slow=slow, faults=faults)]
    if whole:
        command += [*side_by_side(), "--cov", "--cov-report=term:skip-covered"]
    return run_foreground([*command, *arguments], env=environment, cwd=ROOT) or frontend


def side_by_side() -> list[str]:
    """Several files of tests at once, but not on servers that somebody named: the processes would share them."""
    if named_servers():
        return []
    return ["--numprocesses", str(min(MOST_TEST_PROCESSES, cores())), "--dist", "loadfile"]


def marker(*, slow: bool, faults: bool) -> str:
    """The tests this machine and these flags select."""
    left_out = [] if has_nvidia() else ["not gpu"]
    if faults:
        return " and ".join(["faults", *left_out])
    return " and ".join([*([] if slow else ["not slow"]), *left_out]) or "not none"


def manage(home_folder: Path, arguments: Sequence[str]) -> int:
    """Run a management command with the servers up: those of a running ``./run up`` on this home, else our own.

    A home that is new gets its tables and first people; servers that somebody named are left as they are.
    """
    install(frontend=False)
    home = Home(home_folder)
    command = [venv_program("python"), str(ROOT / "manage.py"), *arguments]
    running = home.running()
    environment = (running or {}).get("environment")
    if running and running.get("port") and isinstance(environment, dict) and environment:
        return run_foreground(command, env={**server_environment(home, {}), **environment})
    is_new = home.data is None
    with stop_signals(), held(home), servers(home) as (env, own):
        if own and is_new:
            prepare_database(env)
        return run_foreground(command, env=env)
    return 130  # a signal ended it


def bench(name: str, arguments: Sequence[str]) -> int:
    """Run ``bench/NAME.py`` with a migrated, empty, temporary pair of servers."""
    if not (ROOT / "bench" / f"{name}.py").exists():
        known = ", ".join(sorted(file.stem for file in (ROOT / "bench").glob("[!_]*.py"))) or "none yet"
        raise LauncherError(f"There is no measurement '{name}'. Next step: choose one of: {known}.")
    install(dev=True, frontend=False)
    media = tempfile.mkdtemp(prefix="tilscope-bench-")
    pair = EmbeddedServices.for_tests(durable=True)
    with stop_signals():
        try:
            ticker = Ticker("Starting PostgreSQL and Valkey")
            pair.start()
            ticker.end()
            env = {**os.environ, **pair.environment(), "TILSCOPE_MEDIA_ROOT": media, "TILSCOPE_SECRET_KEY": media,
                   "DJANGO_SETTINGS_MODULE": "config.settings"}  # fmt: skip
            python = venv_program("python")
            run_step("Bringing the database up to date", [python, "manage.py", "migrate", "--no-input"],
                     log=RUNS / "migrate.log", env=env, cwd=ROOT)  # fmt: skip
            return run_foreground([python, "-m", f"bench.{name}", *arguments], env=env, cwd=ROOT)
        finally:
            pair.stop()
            shutil.rmtree(media, ignore_errors=True)
    return 130  # a signal ended it


def lock() -> int:
    """Compile the exact pins from the short .in files."""
    install(dev=True, frontend=False)
    for name, header in LOCK_HEADERS.items():
        target, fresh = ROOT / f"{name}.txt", RUNS / f"{name}.txt"
        command = [venv_program("uv"), "pip", "compile", f"{name}.in", "--universal", "--python-version", "3.11",
                   "--no-header", "--no-annotate", "--output-file", str(fresh)]  # fmt: skip
        for package in LEFT_OUT:
            command += ["--no-emit-package", package]
        shutil.copyfile(target, fresh)  # pins that still fit are kept
        run_step(f"Compiling {target.name}", command, log=RUNS / "lock.log", cwd=ROOT)
        target.write_text(f"# {header}\n{fresh.read_text()}")
    return 0
