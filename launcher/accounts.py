"""The ordinary account that the servers run under, and folders that belong to it."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from launcher.errors import LauncherError

CANDIDATES = ("postgres", "nobody")


def service_account() -> str:
    """Name the account for the servers: empty for our own, an existing ordinary one when we are root.

    PostgreSQL refuses to run as root. No account is created.
    """
    if os.geteuid() != 0:
        return ""
    for name in CANDIDATES:
        try:
            if pwd.getpwnam(name).pw_uid != 0:
                return name
        except KeyError:
            continue
    raise LauncherError(
        "As root the database needs an ordinary account, and neither 'postgres' nor 'nobody' exists here.\n"
        "Next step: run as an ordinary user, or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def make_private(folder: Path, account: str) -> Path:
    """Make ``folder`` (parents must exist) with mode 0700, owned by ``account``; refuse one that is somebody else's."""
    folder.mkdir(mode=0o700, exist_ok=True)
    owner = pwd.getpwnam(account).pw_uid if account else os.geteuid()
    if folder.is_symlink() or folder.stat().st_uid not in (owner, os.geteuid()):
        raise LauncherError(f"The folder {folder} belongs to somebody else. Next step: remove it or rename it.")
    give(folder, account)
    folder.chmod(0o700)
    return folder


def give(path: Path, account: str) -> None:
    """Hand one file or folder to ``account``; nothing happens for our own account."""
    if account:
        entry = pwd.getpwnam(account)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def write_private(path: Path, text: str, account: str) -> None:
    """Write a file that only ``account`` (and root) can read."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    give(path, account)


def can_run(program: Path, account: str) -> bool:
    """Try whether ``account`` can run ``program --version``, which needs every parent folder to be open to it."""
    try:
        if account:
            entry = pwd.getpwnam(account)
            result = subprocess.run(
                [str(program), "--version"],
                user=entry.pw_uid,
                group=entry.pw_gid,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                timeout=30,
            )
        else:
            result = subprocess.run([str(program), "--version"], cwd="/", capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0


def copy_tree_open(source: Path, target: Path) -> None:
    """Copy a folder so that everybody can read it; it appears at once and whole."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copytree(source, temporary, symlinks=True)
    for path in [temporary, *temporary.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or os.access(path, os.X_OK)
            path.chmod(0o755 if executable else 0o644)
    try:
        temporary.rename(target)
    except OSError:  # another start was faster
        shutil.rmtree(temporary, ignore_errors=True)
