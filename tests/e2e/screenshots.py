"""Photograph every page of a running installation with the sample: light and dark, large and small.

``python -m tests.e2e.screenshots --home .tilscope --out docs/screenshots``
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.conftest import Product, chromium, fetched, sign_in

SIZES = ((1440, 900), (1024, 768))
SCHEMES = ("light", "dark")
SETTLE_MS = 1500


def addresses(page: Page, product: Product) -> Iterator[tuple[str, str]]:
    """Yield (name, path) of the pages, by what the sample holds."""
    answer = fetched(page, f"{product.address}/api/studies").json()
    study = next(study for study in answer["results"] if study["name"].startswith("Sample"))
    base = f"/studies/{study['id']}"
    slides = fetched(page, f"{product.address}/api{base}/slides?ordering=number").json()["results"]
    slide, other = slides[0]["id"], slides[1]["id"]
    run = fetched(page, f"{product.address}/api{base}/training-runs").json()["results"][0]["id"]
    model = fetched(page, f"{product.address}/api{base}/models").json()["results"][0]["id"]
    yield "studies", "/studies"
    yield "slides", f"{base}/slides"
    yield "patches", f"{base}/patches"
    yield "datasets", f"{base}/datasets"
    yield "training", f"{base}/training/{run}"
    yield "models", f"{base}/models"
    yield "model-card", f"{base}/models/{model}"
    yield "counts", f"{base}/counts"
    yield "people", f"{base}/people"
    yield "label-whole", f"{base}/slides/{slide}/label"
    yield "label", f"{base}/slides/{slide}/label#x=5600&y=4400&zoom=1"
    yield "detect", f"{base}/slides/{slide}/detect"
    yield "detect-near", f"{base}/slides/{slide}/detect#x=5600&y=4400&zoom=1"
    yield "compare", f"{base}/compare?left={slide}&right={other}"


def photograph(browser: Browser, product: Product, out: Path, scheme: str, size: tuple[int, int]) -> None:
    """Visit each page as the admin and keep a picture."""
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    suffix = f"{scheme}-{width}x{height}.jpg"
    page.goto(product.address)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=out / f"sign-in-{suffix}", quality=75)
    sign_in(page, product, "admin")
    for name, path in list(addresses(page, product)):
        page.goto("about:blank")
        page.goto(product.address + path)
        page.wait_for_timeout(SETTLE_MS)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=out / f"{name}-{suffix}", quality=75)
    context.close()


def main() -> None:
    """Read the command line and photograph everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".tilscope"))
    parser.add_argument("--out", type=Path, default=Path("docs/screenshots"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    port = json.loads((options.home / "running.json").read_text())["port"]
    product = Product(options.home, f"http://127.0.0.1:{port}")
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        for scheme in SCHEMES:
            for size in SIZES:
                photograph(browser, product, options.out, scheme, size)
        browser.close()


if __name__ == "__main__":
    main()
