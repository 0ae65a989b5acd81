"""A real S3 server for tests: ``rclone serve s3`` on a folder, with signatures checked, killed and started at will."""

import secrets
import socket
import subprocess
import time
from pathlib import Path

from launcher.paths import venv_program

BUCKET = "tilscope"


class S3Server:
    """One server with one bucket.

    Args:
        folder: where the buckets lie, a folder each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "buckets", folder / "s3.log"
        (self.folder / BUCKET).mkdir(parents=True)
        self.key, self.secret = "tests", secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What the product needs to use it."""
        return {
            "TILSCOPE_MEDIA_S3_BUCKET": BUCKET,
            "TILSCOPE_MEDIA_S3_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "TILSCOPE_MEDIA_S3_KEY": self.key,
            "TILSCOPE_MEDIA_S3_SECRET": self.secret,
        }

    def start(self) -> None:
        """Start it and wait until it listens."""
        command = [venv_program("rclone"), "serve", "s3", str(self.folder), "--addr", f"127.0.0.1:{self.port}"]
        command += ["--auth-key", f"{self.key},{self.secret}", "--config", ""]
        # Nothing is remembered; 0 s would do, but with it rclone resets a timer without end and takes a core for that.
        command += ["--dir-cache-time", "1ms"]
        # No hash as ETag: the server would read the whole file for each part that is fetched.
        command += ["--etag-hash", ""]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(self.log.read_text())

    def kill(self) -> None:
        """End it at once, as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def objects(self) -> dict[str, int]:
        """List what lies in the bucket, past the server: key and size."""
        root = self.folder / BUCKET
        return {str(path.relative_to(root)): path.stat().st_size for path in root.rglob("*") if path.is_file()}
