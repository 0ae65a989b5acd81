"""An upload in a real browser: cut off, reloaded, paused, and gone on with where it stopped."""

import contextlib
import hashlib
import random
import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tifffile
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SIDE = 3500
SPEED = 5 * 10**6
FILES = "input[type=file]:not([webkitdirectory])"


class Line:
    """A slow line to the product that can be pulled for good."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port, self._open = upstream_port, list[socket.socket]()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def pull(self) -> None:
        """Cut what is open, and take nothing more."""
        for end in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                pair = [self._listener.accept()[0], socket.create_connection(("127.0.0.1", self._upstream_port))]
                self._open += pair
                for source, target in (pair, pair[::-1]):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
                time.sleep(len(piece) / SPEED)
            target.shutdown(socket.SHUT_RDWR)


@dataclass
class Uploads:
    """Somebody who uploads, and a file of some 37 MB."""

    product: Product
    page: Page
    study: int
    file: Path

    def open(self) -> None:
        """Open the page of slides anew: the browser keeps no file."""
        self.page.goto(f"{self.product.address}/studies/{self.study}/slides")
        expect(self.page.get_by_role("button", name="Upload slides").first).to_be_visible()

    def choose(self, path: Path) -> None:
        """Choose a file as a person does."""
        self.page.locator(FILES).first.set_input_files(path)

    def row(self) -> tuple[int, int]:
        """Read the newest upload off the database: (offset, size)."""
        with self.product.database() as cursor:
            cursor.execute(
                "SELECT offset_bytes, size_bytes FROM labeling_upload WHERE study_id = %s ORDER BY created_at DESC",
                [self.study],
            )
            offset, size = cursor.fetchone() or (0, 0)
        return int(offset), int(size)


@pytest.fixture(scope="module")
def uploads(product: Product, admin: Page, tmp_path_factory: pytest.TempPathFactory) -> Uploads:
    product.manage("create_study", "Sent in pieces")
    study = int(product.manage("shell", "-v", "0", "-c", STUDY).splitlines()[-1])
    file = tmp_path_factory.mktemp("scans") / "noise.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    tifffile.imwrite(file, pixels, photometric="rgb")
    admin.set_default_timeout(60_000)
    admin.on("dialog", lambda dialog: dialog.accept())
    return Uploads(product, admin, study, file)


def test_a_line_that_breaks_and_a_reload_lose_no_byte(uploads: Uploads) -> None:
    page = uploads.page
    line = Line(int(uploads.product.address.rpartition(":")[2]))
    page.goto(f"http://127.0.0.1:{line.port}/studies/{uploads.study}/slides")
    expect(page.get_by_role("button", name="Upload slides").first).to_be_visible()
    uploads.choose(uploads.file)
    wait_for(page, lambda: uploads.row()[0] > 0)
    line.pull()
    expect(page.get_by_text("The line is down. It goes on by itself.")).to_be_visible(timeout=90_000)
    page.wait_for_timeout(2000)
    offset, size = uploads.row()
    assert 0 < offset < size == uploads.file.stat().st_size

    uploads.open()
    panel = page.get_by_role("region", name="Not finished")
    expect(panel).to_contain_text("noise.tif")
    expect(panel).to_contain_text(f"{100 * offset // size}")
    offsets: list[str | None] = []
    page.on("request", lambda r: offsets.append(r.headers.get("upload-offset")) if r.method == "PATCH" else None)
    uploads.choose(uploads.file)
    is_uploaded(page)
    assert offsets[0] == str(offset)
    expect(panel).to_be_hidden()
    expect(page.get_by_role("link", name="Label S001")).to_be_visible(timeout=120_000)
    with uploads.product.database() as cursor:
        cursor.execute("SELECT sha256, state FROM labeling_slide WHERE study_id = %s", [uploads.study])
        assert cursor.fetchall() == [(hashlib.sha256(uploads.file.read_bytes()).hexdigest(), "ready")]


def test_the_same_file_is_known_before_a_byte_is_sent(uploads: Uploads) -> None:
    uploads.open()
    patches: list[str] = []
    uploads.page.on("request", lambda r: patches.append(r.url) if r.method == "PATCH" else None)
    uploads.choose(uploads.file)
    expect(uploads.page.get_by_text("Already here, nothing was sent")).to_be_visible()
    link = uploads.page.get_by_role("region", name="Uploads").get_by_role("link", name="Slide S001")
    expect(link).to_have_attribute("href", re.compile(rf"/studies/{uploads.study}/slides/\d+/label"))
    assert patches == []


def test_a_pause_holds_and_a_sign_out_sends_nothing_under_another_name(uploads: Uploads) -> None:
    page = uploads.page
    page.route("**/api/uploads/*", lambda route: None if route.request.method == "PATCH" else route.continue_())
    other = uploads.file.with_name("other.tif")
    other.write_bytes(uploads.file.read_bytes() + random.Random(2).randbytes(1000))
    uploads.open()
    uploads.choose(other)
    page.get_by_role("button", name="Pause the upload of other.tif").click()
    expect(page.get_by_text(re.compile("^Paused at 0 B of 37 MB"))).to_be_visible()
    page.get_by_role("button", name="Go on with the upload of other.tif").click()
    expect(page.get_by_role("button", name="Pause the upload of other.tif")).to_be_visible()
    page.wait_for_timeout(1500)
    change_person(uploads, "lab")
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.method) if "/uploads" in r.url and r.method != "GET" else None)
    open_study(page)
    expect(page.get_by_role("button", name="Upload slides").first).to_be_visible()
    expect(page.get_by_text("other.tif")).to_have_count(0)
    assert asked == []
    page.unroute("**/api/uploads/*")
    change_person(uploads, "admin")
    open_study(page)
    is_uploaded(page)
    with uploads.product.database() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT owner_id) FROM labeling_upload WHERE study_id = %s", [uploads.study]
        )
        uploads_made, owners = cursor.fetchone()
    assert owners == 1
    assert uploads_made >= 2


def change_person(uploads: Uploads, name: str) -> None:
    """Sign out and in on the page that stands there, without a reload: the queue lives on."""
    page = uploads.page
    page.get_by_role("button", name=re.compile("^Signed in as")).click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(uploads.product.password(name))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/studies"))


def open_study(page: Page) -> None:
    """Walk to the study, without a reload."""
    page.get_by_role("link", name="TILscope").first.click()
    page.wait_for_url("**/studies")
    page.get_by_text("Sent in pieces").first.click()


def is_uploaded(page: Page) -> None:
    """Wait until the panel says so."""
    panel = page.get_by_role("region", name="Uploads")
    expect(panel.get_by_text(re.compile("^Uploaded"))).to_be_visible(timeout=90_000)


def wait_for(page: Page, reached: Callable[[], bool]) -> None:
    """Wait until something is so in the database."""
    for _ in range(600):
        if reached():
            return
        page.wait_for_timeout(100)
    raise AssertionError("not reached after a minute")


STUDY = """
from labeling.models import Membership, Study, User
study = Study.objects.get(name="Sent in pieces")
Membership.objects.create(study=study, user=User.objects.get(username="lab"), role="lab")
print(study.pk)
"""
