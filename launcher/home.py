"""One installation's home: database, media, logs and passwords, used by one ``./run`` at a time."""

import fcntl
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from launcher.accounts import make_private, service_account
from launcher.binaries import SYSTEM_FOLDER
from launcher.embedded import EmbeddedServices, Passwords, Place
from launcher.errors import LauncherError

SECRET_NAMES = ("secret_key", "postgres", "app", "valkey", "pathologist", "lab", "admin")
PEOPLE = ("pathologist", "lab", "admin")
WAIT_FOR_PREDECESSOR_S = 30


class Home:
    """A private folder (0700) with everything that outlives a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            for name in ("logs", "media"):
                (self.folder / name).mkdir(exist_ok=True)
        except OSError as error:
            raise LauncherError(
                f"The home folder {self.folder} cannot be used: {error.strerror}.\n"
                "Next step: name another one with --home DIR."
            ) from error
        self.logs, self.media = self.folder / "logs", self.folder / "media"
        self._lock: int | None = None
        self.secrets = self._load_secrets()

    def _load_secrets(self) -> dict[str, str]:
        path = self.folder / "secrets.json"
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        missing = [name for name in SECRET_NAMES if name not in known]
        for name in missing:
            known[name] = readable_password() if name in PEOPLE else secrets.token_urlsafe(36)
        if missing:
            _write_private_json(path, known)
        return known

    def lock(self, *, port: int | None = None, say: Callable[[str], None] = print) -> None:
        """Take the home for this process.

        Waits for servers of a killed predecessor to finish.

        Raises:
            LauncherError: if another ``./run`` uses it.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        until, told = time.monotonic() + WAIT_FOR_PREDECESSOR_S, False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                self._refuse_if_in_use(descriptor, timed_out=time.monotonic() > until)
                if not told:
                    say("  waiting for the servers of the previous run to stop …")
                    told = True
                time.sleep(0.2)
        self._lock = descriptor
        self.announce(port=port, environment={})

    def _refuse_if_in_use(self, descriptor: int, *, timed_out: bool) -> None:
        running = self.running()
        if running is None and not timed_out:
            return
        os.close(descriptor)
        port = (running or {}).get("port")
        what = (
            f"TILscope already runs on this home: http://127.0.0.1:{port}" if port else "Another ./run uses this home"
        )
        raise LauncherError(
            f"{what} ({self.folder}, process {(running or {}).get('pid', 'unknown')}).\n"
            "Next step: use it as it runs, stop it with Ctrl-C in its window, or name another --home and --port."
        )

    def unlock(self) -> None:
        """Give the home back."""
        if self._lock is not None:
            (self.folder / "running.json").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def announce(self, *, port: int | None, environment: dict[str, str]) -> None:
        """Write down who runs here and how its servers are reached."""
        entry = {"pid": os.getpid(), "port": port, "environment": environment}
        _write_private_json(self.folder / "running.json", entry)

    def running(self) -> "dict[str, object] | None":
        """Tell who announced itself and still lives, else None."""
        try:
            entry: dict[str, object] = json.loads((self.folder / "running.json").read_text())
            os.kill(int(str(entry["pid"])), 0)
        except PermissionError:
            return entry
        except (OSError, ValueError, KeyError):
            return None
        return entry

    def services(self) -> EmbeddedServices:
        """The embedded pair whose data belong to this home; not started yet."""
        account = service_account()
        data = self._data_folder(account)
        sockets = Path(tempfile.mkdtemp(prefix="tilscope-", dir="/tmp"))
        place = Place(data=data, sockets=make_private(sockets, account), logs=self.logs,
                      account=account)  # fmt: skip
        passwords = Passwords(self.secrets["postgres"], self.secrets["app"], self.secrets["valkey"])
        return EmbeddedServices(place, passwords, ephemeral=False, keep_fds=() if self._lock is None else (self._lock,))

    def _data_folder(self, account: str) -> Path:
        """Where the servers' data lie.

        As root they belong to another account, which cannot enter this private folder: then they lie under
        /var/lib/tilscope, in a folder with a random name that ``data.json`` of this home remembers.
        """
        pointer = self.folder / "data.json"
        if pointer.exists():
            folder = Path(json.loads(pointer.read_text())["data"])
            if not folder.is_dir():
                raise LauncherError(
                    f"The database of this home is gone: {folder} does not exist.\n"
                    f"Next step: put it back from a backup, or remove {self.folder} to start anew."
                )
            return folder
        folder = self.folder / "data"
        if account:
            SYSTEM_FOLDER.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder = SYSTEM_FOLDER / f"data-{secrets.token_hex(6)}"
        make_private(folder, account)
        _write_private_json(pointer, {"data": str(folder)})
        return folder

    @property
    def data(self) -> Path | None:
        """Folder of the embedded servers' data, None where they were never started."""
        pointer = self.folder / "data.json"
        return Path(json.loads(pointer.read_text())["data"]) if pointer.exists() else None

    def environment(self, servers: dict[str, str]) -> dict[str, str]:
        """What the server's own settings need, without the rest of our environment.

        Commands beside a running ``./run up`` get it too, so that they keep files in the same bucket.
        """
        return {
            **servers,
            **{name: value for name, value in os.environ.items() if name.startswith("TILSCOPE_MEDIA_S3_")},
            "TILSCOPE_SECRET_KEY": self.secrets["secret_key"],
            "TILSCOPE_MEDIA_ROOT": str(self.media),
            **{f"TILSCOPE_PASSWORD_{name.upper()}": self.secrets[name] for name in PEOPLE},
        }


def readable_password() -> str:
    """Draw a password a person can type: 16 letters and digits, none that looks like another (80 bits)."""
    letters = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


def _write_private_json(path: Path, content: object) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
