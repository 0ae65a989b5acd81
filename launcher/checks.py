"""``./run lint``: every check, all of them run, each named, the output of the failed ones at the end."""

import difflib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from launcher.install import frontend_environment, install, install_frontend_packages
from launcher.paths import FRONTEND, ROOT, RUNS, venv_program
from launcher.steps import say

OPENAPI = ROOT / "docs" / "openapi.yaml"
COMPOSE_SECRETS = ("TILSCOPE_SECRET_KEY", "TILSCOPE_DATABASE_PASSWORD", "POSTGRES_PASSWORD", "VALKEY_PASSWORD")
API_TYPES = FRONTEND / "src" / "api" / "schema.ts"


@dataclass(frozen=True)
class Check:
    """One check: its name and what to call; a text is what is wrong, empty is well."""

    name: str
    run: Callable[[], str]


def lint(*, fix: bool) -> int:
    """Run all checks.

    Args:
        fix: let the formatters and generators write first.

    Returns:
        0 when all pass, else 1.
    """
    install(dev=True, frontend=False)
    install_frontend_packages()
    if fix:
        _fix()
    failed: dict[str, str] = {}
    for check in checks():
        started = time.monotonic()
        wrong = check.run()
        say(f"{'✗' if wrong else '✓'} {check.name} ({time.monotonic() - started:.1f} s)")
        if wrong:
            failed[check.name] = wrong
    for name, wrong in failed.items():
        say(f"\n── {name} " + "─" * max(0, 60 - len(name)) + f"\n{wrong.rstrip()}")
    say(f"\n{len(checks()) - len(failed)} checks passed, {len(failed)} failed")
    return 1 if failed else 0


def checks() -> list[Check]:
    """The list, quick ones first."""
    python, env = venv_program("python"), django_environment()
    deploy = {**env, "TILSCOPE_HTTPS": "1"}
    return [
        Check("ruff check", lambda: output([venv_program("ruff"), "check", "."])),
        Check("ruff format", lambda: output([venv_program("ruff"), "format", "--check", "."])),
        Check("import contracts", lambda: output([venv_program("lint-imports")])),
        Check("settings and routes", lambda: output([python, "manage.py", "check"], env=env)),
        Check(
            "settings for production",
            lambda: output([python, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], env=deploy),
        ),
        Check(
            "no missing migration",
            lambda: output([python, "-W", "ignore", "manage.py", "makemigrations", "--check", "--dry-run"], env=env),
        ),
        Check("docs/openapi.yaml is current", openapi_differs),
        Check("frontend's API types are current", api_types_differ),
        *([Check("compose file", compose_is_wrong)] if has_compose() else []),
        Check("mypy", lambda: output([venv_program("mypy"), "."], env=env)),
        Check("eslint and prettier", lambda: npm("lint")),
        Check("tsc", lambda: npm("typecheck")),
    ]


def django_environment() -> dict[str, str]:
    """Settings that load and reach nothing."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "TILSCOPE_SECRET_KEY": "a key for checks only: 5e0b0f6c8f1e4f0d9a7b3c2d1e0f9a8b7c6d",
        "DATABASE_URL": "postgres://checks@/checks?host=/nowhere",
        "REDIS_URL": "unix:///nowhere/valkey.sock?db=0",
    }


def output(command: list[str], *, env: dict[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run a command; empty when it succeeds, else what it said."""
    result = subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode == 0:
        return ""
    return (result.stdout + result.stderr).strip() or f"status {result.returncode}"


def npm(script: str) -> str:
    """Run a script of the frontend's package.json."""
    return output(["npm", "run", "--silent", script], env=frontend_environment(), cwd=FRONTEND)


def write_openapi(target: Path) -> str:
    """Generate the OpenAPI file; empty when well, else what is wrong with the API's description."""
    command = [
        venv_program("python"),
        "manage.py",
        "spectacular",
        "--validate",
        "--fail-on-warn",
        "--file",
        str(target),
    ]
    return output(command, env=django_environment())


def openapi_differs() -> str:
    """Compare the checked-in API description with the code."""
    fresh = RUNS / "openapi.yaml"
    return write_openapi(fresh) or _difference(OPENAPI, fresh)


def write_api_types(target: Path) -> str:
    """Generate the frontend's types from the checked-in API description."""
    command = ["npx", "--no-install", "openapi-typescript", str(OPENAPI), "-o", str(target)]
    return output(command, env=frontend_environment(), cwd=FRONTEND)


def api_types_differ() -> str:
    """Compare the checked-in types with the API description."""
    fresh = RUNS / "schema.ts"
    return write_api_types(fresh) or _difference(API_TYPES, fresh)


def _difference(kept: Path, fresh: Path) -> str:
    if not kept.exists():
        return f"{kept.relative_to(ROOT)} does not exist. Next step: ./run lint --fix"
    lines = list(
        difflib.unified_diff(
            kept.read_text().splitlines(), fresh.read_text().splitlines(), "checked in", "generated", lineterm="", n=1
        )
    )
    if not lines:
        return ""
    return "\n".join(["Not current. Next step: ./run lint --fix, then commit.", *lines[:60]])


def has_compose() -> bool:
    """Tell whether Docker's client can read compose files here; tests/launcher judges the file everywhere."""
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0


def compose_is_wrong() -> str:
    """Let Docker's own client judge the compose file."""
    filled = {name: "checks-only" for name in COMPOSE_SECRETS}
    command = ["docker", "compose", "--env-file", ".env.example", "--profile", "*", "config", "--quiet"]
    return output(command, env={**os.environ, **filled})


def _fix() -> None:
    for command in (["ruff", "check", "--fix", "."], ["ruff", "format", "."]):
        output([venv_program(command[0]), *command[1:]])
    write_openapi(OPENAPI)
    write_api_types(API_TYPES)
    npm("format")
