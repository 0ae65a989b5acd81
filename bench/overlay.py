"""Cells over a large slide in Chromium: frame times while panning and zooming, and how soon the threshold shows.

A result of a million drawn points lies on a slide of 80,000 × 100,000 px. The same moves are made with the cells shown
and hidden; the ratio of the two is the figure to keep, milliseconds belong to one machine and its load. There is no
GPU: Chromium draws in software. The slide's tiles are one picture, answered in the browser, so that reading a slide has
no part in it.
"""

import io
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Page, Route, sync_playwright

from bench.measure import main
from launcher.processes import web_command

COUNT, SEED = 1_000_000, 20
WIDTH, HEIGHT, MPP = 80_000, 100_000, 0.25
NAME, PASSWORD = "bench", "a long password of the bench"
MOVES, STEPS = 2, 30
PLACES = {"whole": None, "4 %": 0.04, "8 %": 0.08, "15 %": 0.15, "30 %": 0.3, "100 %": 1.0}
"""Zooms to pan at, screen pixels per pixel of the slide; the first shows the whole slide."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def drawn_points(count: int) -> NDArray[np.float32]:
    """Draw cells in nests and between them: float32 (N, 3), columns x_l0, y_l0, score, in any order."""
    rng = np.random.default_rng(SEED)
    nests = rng.random((400, 2)) * (WIDTH, HEIGHT)
    in_nests = nests[rng.integers(0, len(nests), count * 6 // 10)]
    near = in_nests + rng.normal(0, 900, in_nests.shape)
    apart = rng.random((count - len(near), 2)) * (WIDTH, HEIGHT)
    places = np.clip(np.concatenate([near, apart]), 0, (WIDTH - 1, HEIGHT - 1))
    scores = 0.1 + 0.9 * rng.beta(0.7, 0.5, count)
    return rng.permutation(np.column_stack([places, scores]).astype("<f4"))


def fill(count: int) -> str:
    """Store a person, a slide without a file and a finished count; return the address of its page."""
    from detection.choices import RunState
    from detection.models import DetectionRun, ModelVersion
    from labeling import media
    from labeling.choices import SlideState
    from labeling.models import Slide, User
    from labeling.services import study_create

    user = User.objects.create_user(NAME, password=PASSWORD)
    study = study_create(user=user, name="Bench")
    sha256 = "0" * 64
    slide = Slide.objects.create(study=study, number=1, sha256=sha256, size_bytes=1, width=WIDTH, height=HEIGHT,
                                 mpp=MPP, state=SlideState.READY, uploaded_by=user)  # fmt: skip
    model = ModelVersion.objects.create(study=study, number=1, imported_by=user, sha256=sha256, size_bytes=1,
                                        threshold=0.5)  # fmt: skip
    points = drawn_points(count)
    DetectionRun.objects.create(study=study, slide=slide, model=model, number=1, slide_sha256=sha256,
                                model_sha256=sha256, params={}, scale=1.0, mpp=MPP, threshold=0.5, code_version="bench",
                                created_by=user, state=RunState.DONE, points_sha256=media.store_bytes(points.tobytes()),
                                point_count=count, count=int((points[:, 2] >= 0.5).sum()),
                                area_px=WIDTH * HEIGHT)  # fmt: skip
    return f"/studies/{study.pk}/slides/{slide.pk}/detect"


@contextmanager
def web_server() -> Iterator[str]:
    """Serve the product on a free port; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(web_command(port))
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{address}/api/health/live", timeout=5)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def tile() -> bytes:
    """Draw the one tile: pale tissue with a grain, so that moving it is work for the browser."""
    rng = np.random.default_rng(SEED)
    pixels = np.clip(rng.normal((225, 205, 215), 12, (256, 256, 3)), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=80)
    return out.getvalue()


def open_page(browser: Browser, address: str, path: str) -> Page:
    """Sign in and open the page of the slide, its cells loaded."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(60_000)
    picture = tile()

    def answer(route: Route) -> None:
        route.fulfill(body=picture, content_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})

    page.route("**/tiles/**", answer)
    page.route("**/thumbnail", answer)
    page.goto(address)
    page.get_by_label("User name").fill(NAME)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/studies*")
    page.goto(address + path)
    page.get_by_role("slider", name="Threshold").wait_for()
    page.wait_for_timeout(3000)
    return page


RECORD = """() => {
  window.frames_ = []; window.stop_ = false;
  const tick = (at) => { window.frames_.push(at); if (!window.stop_) requestAnimationFrame(tick); };
  requestAnimationFrame(tick);
}"""
TAKE = "() => { window.stop_ = true; return window.frames_; }"


def frame_times(page: Page, move: Any) -> NDArray[np.float64]:
    """Make a move and return the times between its frames, ms."""
    page.evaluate(RECORD)
    move()
    return np.diff(np.array(page.evaluate(TAKE)))


def drag(page: Page) -> None:
    """Pull the slide to and fro by the mouse."""
    box = page.get_by_test_id("stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for move in range(MOVES):
        side = 1 if move % 2 == 0 else -1
        for step in range(STEPS):
            page.mouse.move(x + side * 6 * step, y + side * 4 * step)
            page.wait_for_timeout(8)
    page.mouse.up()


def zoom(page: Page) -> None:
    """Turn the wheel from the whole slide down to cells and back."""
    box = page.get_by_test_id("stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for turn in (-100, 100):
        for _ in range(16):
            page.mouse.wheel(0, turn)
            page.wait_for_timeout(60)


def go(page: Page, scale: float | None) -> None:
    """Show the middle of the slide at a zoom."""
    if scale is None:
        page.keyboard.press("0")
    else:
        page.evaluate(f"() => {{ location.hash = 'x={WIDTH // 2}&y={HEIGHT // 2}&zoom={scale}'; }}")
    page.wait_for_timeout(1000)


def summary(times: NDArray[np.float64]) -> dict[str, float]:
    """Median and 95th percentile, ms."""
    return {"median_ms": round(float(np.median(times)), 1), "p95_ms": round(float(np.percentile(times, 95)), 1)}


def compared(page: Page, move: Any) -> dict[str, Any]:
    """Make a move with the cells and without."""
    found = {}
    for name in ("cells", "none"):
        found[name] = summary(frame_times(page, lambda: move(page)))
        page.keyboard.press("h")
    ratio = {key: round(found["cells"][key] / found["none"][key], 2) for key in ("median_ms", "p95_ms")}
    return {**found, "ratio": ratio}


WATCH = """() => {
  window.waits_ = [];
  document.addEventListener('keydown', (event) => {
    const began = event.timeStamp;
    requestAnimationFrame(() => setTimeout(() => window.waits_.push(performance.now() - began)));
  }, true);
}"""


def dial(page: Page) -> dict[str, float]:
    """Turn the threshold by the arrow keys: from the key to the frame that shows it, ms."""
    page.evaluate(WATCH)
    page.get_by_role("slider", name="Threshold").focus()
    for n in range(10):
        page.keyboard.press("ArrowRight" if n % 2 == 0 else "ArrowLeft")
        page.wait_for_timeout(150)
    return summary(np.array(page.evaluate("() => window.waits_")))


def measure(count: int) -> dict[str, Any]:
    """Fill, serve, open and move."""
    from django.conf import settings

    django.setup()
    path = fill(count)
    if not (Path(settings.FRONTEND_DIST) / "index.html").exists():
        raise SystemExit("The frontend is not built. Next step: ./run up once, then again.")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    figures: dict[str, Any] = {"points": count, "slide_px": [WIDTH, HEIGHT], "pan": {}, "dial": {}}
    with web_server() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = open_page(browser, address, path)
        for name, scale in PLACES.items():
            go(page, scale)
            figures["pan"][name] = compared(page, drag)
        go(page, None)
        figures["zoom"] = compared(page, zoom)
        for name, scale in PLACES.items():
            go(page, scale)
            figures["dial"][name] = dial(page)
        browser.close()
    return figures


if __name__ == "__main__":
    main(measure, __doc__, count=COUNT)
