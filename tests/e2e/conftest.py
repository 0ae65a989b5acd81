"""The whole product in processes of its own, and a real browser in front of it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from playwright.sync_api import (
    APIResponse,
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).resolve().parents[2]
READY_S = 180
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    """Ask the system for a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Product:
    """A running installation."""

    home: Path
    address: str

    @property
    def environment(self) -> dict[str, str]:
        """What its processes got from the launcher: addresses and passwords."""
        running = json.loads((self.home / "running.json").read_text())
        return {**os.environ, **running["environment"]}

    def manage(self, *arguments: str) -> str:
        """Run a management command against it."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextmanager
    def database(self) -> Iterator[Any]:
        """Open a cursor on its database."""
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    def password(self, name: str) -> str:
        """Tell a person's generated password."""
        return str(json.loads((self.home / "secrets.json").read_text())[name])


def wait_ready(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until every part answers."""
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        assert process.poll() is None, f"./run up ended:\n{log.read_text()[-4000:]}"
        try:
            with urllib.request.urlopen(f"{address}/api/health/ready", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"not ready after {READY_S} s:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Start the product as a newcomer does, on an empty home, and stop it."""
    with running_product(tmp_path_factory.mktemp("product")) as product:
        yield product


@contextmanager
def running_product(folder: Path, **settings: str) -> Iterator[Product]:
    """Start the product on an empty home, with nothing set for it but what is given, and stop it."""
    home = folder / "home"
    port = free_port()
    log = home.parent / "up.log"
    clean = {
        k: v for k, v in os.environ.items() if not k.startswith(("TILSCOPE_", "DATABASE_URL", "REDIS_URL", "DJANGO_"))
    }
    clean |= settings
    command = [str(ROOT / "run"), "up", "--home", str(home), "--port", str(port), "--no-sample"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=clean, stdout=out, stderr=out, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address, process, log)
        yield Product(home, address)
    finally:
        process.terminate()
        process.wait(timeout=60)
        pointer = home / "data.json"
        if pointer.exists():
            shutil.rmtree(json.loads(pointer.read_text())["data"], ignore_errors=True)


def chromium(playwright: Playwright) -> Browser:
    """Start Debian's Chromium, or the one that TILSCOPE_CHROMIUM names."""
    path = os.environ.get("TILSCOPE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on this machine: install Debian's package chromium")
    return playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser."""
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser profile."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(20_000)
    yield context
    context.close()


def fetched(person: BrowserContext | Page, address: str) -> APIResponse:
    """Ask as a browser does: once more where the server closed the idle connection at just that moment."""
    return person.request.get(address, max_retries=3)


@dataclass
class StudyPage:
    """A page on which somebody has signed in, and a study."""

    product: Product
    page: Page
    study: int

    def go(self, path: str) -> None:
        """Go to an address of the study anew."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.product.address}/studies/{self.study}/{path}")

    def open(self, path: str) -> None:
        """Go there, and wait for the slide."""
        self.go(path)
        expect(self.surface().locator("canvas").first).to_be_visible(timeout=30_000)
        self.page.wait_for_load_state("networkidle")

    def surface(self, name: str = "Slide") -> Locator:
        """The slide itself."""
        return self.page.get_by_role("application", name=name)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point from the middle of the slide's stage lies on the page."""
        box = self.surface().bounding_box()
        assert box
        return box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 + y


def sign_in(page: Page, product: Product, name: str, password: str | None = None) -> None:
    """Sign in through the page."""
    page.goto(product.address)
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password or product.password(name))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studies*")


@pytest.fixture(scope="module")
def admin(product: Product, browser: Browser) -> Iterator[Page]:
    """A page on which the admin has signed in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(30_000)
    page = context.new_page()
    sign_in(page, product, "admin")
    yield page
    context.close()
