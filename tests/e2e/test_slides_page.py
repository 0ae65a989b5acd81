"""Three hundred slides in a real browser: found, chosen, described, scrolled through, and the same after a reload."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SLIDES = 300
MOST_ROWS = 40
"""Rows in the page at any time: a window's worth and a few above and below, whatever the study holds."""


@dataclass
class Shelf:
    """The page of a study with many slides."""

    page: Page
    address: str

    def open(self, query: str = "") -> None:
        """Open the page, and wait for its first slide."""
        self.page.goto("about:blank")
        self.page.goto(self.address + query)
        expect(self.rows.first).to_be_visible()

    @property
    def rows(self) -> Locator:
        """The slides that are drawn now."""
        return self.page.get_by_role("feed").get_by_role("article")

    def row(self, number: int) -> Locator:
        """One slide, where it is drawn."""
        return self.page.get_by_role("article", name=f"Slide S{number:03d}", exact=True)

    def hits(self, said: str) -> None:
        """Wait until the page says how many slides it lists."""
        expect(self.page.get_by_text(said, exact=True)).to_be_visible()

    def scroll(self, to: str) -> None:
        """Scroll to a height that the page works out."""
        self.page.evaluate(f"window.scrollTo(0, {to})")


@pytest.fixture(scope="module")
def shelf(product: Product, admin: Page) -> Iterator[Shelf]:
    made = json.loads(product.manage("shell", "-v", "0", "-c", THREE_HUNDRED).splitlines()[-1])
    expect.set_options(timeout=20_000)
    yield Shelf(admin, f"{product.address}/studies/{made['study']}/slides")
    expect.set_options(timeout=None)


def test_a_search_and_a_filter_find_slides_and_stand_in_the_address(shelf: Shelf) -> None:
    shelf.open()
    shelf.hits(f"{SLIDES} slides")
    shelf.page.keyboard.press("/")
    shelf.page.keyboard.type("26-004")
    shelf.hits("10 of 300 slides match")
    shelf.page.get_by_role("combobox", name="Stain", exact=True).click()
    shelf.page.get_by_role("option", name="CD8", exact=True).click()
    shelf.hits("5 of 300 slides match")
    shelf.page.get_by_role("combobox", name="Sort by").click()
    shelf.page.get_by_role("option", name="Number, last first", exact=True).click()
    expect(shelf.rows.first).to_have_accessible_name("Slide S048")
    assert {"search=26-004", "stain=CD8", "sort=-number"} <= set(shelf.page.url.split("?")[1].split("&"))
    shelf.page.reload()
    shelf.hits("5 of 300 slides match")
    expect(shelf.rows.first).to_have_accessible_name("Slide S048")
    expect(shelf.page.get_by_role("searchbox")).to_have_value("26-004")


def test_several_are_chosen_by_keys_and_get_a_case_code(shelf: Shelf) -> None:
    shelf.open("?search=26-004&stain=CD8")
    shelf.row(42).focus()
    for key in ("Space", "ArrowDown", "ArrowDown", "Space"):
        shelf.page.keyboard.press(key)
    expect(shelf.page.get_by_text("2 selected")).to_be_visible()
    shelf.page.get_by_role("button", name="Set case").click()
    dialog = shelf.page.get_by_role("dialog", name="Set the case of 2 slides")
    expect(dialog).to_contain_text("S042, S046")
    dialog.get_by_label("Case").fill("26-777")
    dialog.get_by_role("button", name="Set", exact=True).click()
    expect(dialog).to_be_hidden()
    shelf.open("?case=26-777")
    shelf.hits("2 of 300 slides match")
    expect(shelf.row(42).get_by_label("Case of slide S042")).to_have_value("26-777")


def test_a_note_is_written_in_its_row_and_says_that_it_is_saved(shelf: Shelf) -> None:
    shelf.open()
    note = shelf.row(2).get_by_label("Note of slide S002")
    note.fill("torn at the edge")
    note.press("Enter")
    expect(shelf.row(2).get_by_text("Saved", exact=True)).to_be_attached()
    shelf.page.reload()
    expect(note).to_have_value("torn at the edge")


def test_the_end_and_back_with_few_rows_and_real_pictures(shelf: Shelf) -> None:
    shelf.open()
    assert shelf.rows.count() < MOST_ROWS
    shelf.scroll("document.body.scrollHeight")
    expect(shelf.row(SLIDES)).to_be_in_viewport()
    assert shelf.rows.count() < MOST_ROWS
    picture = shelf.row(SLIDES).locator("img")
    expect(picture).to_have_js_property("naturalWidth", 256)
    shelf.scroll("0")
    expect(shelf.row(1)).to_be_in_viewport()
    assert shelf.rows.count() < MOST_ROWS


def test_the_place_is_found_again_after_a_reload_and_on_the_way_back(shelf: Shelf) -> None:
    shelf.open("?sort=-number")
    shelf.scroll("9600")
    expect(shelf.row(200)).to_be_in_viewport()
    shelf.page.reload()
    expect(shelf.row(200)).to_be_in_viewport()
    shelf.row(200).focus()
    shelf.page.keyboard.press("Enter")
    shelf.page.wait_for_url(re.compile(r"/slides/\d+/label"))
    shelf.page.go_back()
    expect(shelf.row(200)).to_be_in_viewport()


THREE_HUNDRED = f"""
import io, json
import numpy as np
from PIL import Image
from labeling import media
from labeling.models import User
from labeling.services import study_create
from tests.factories import SlideFactory
admin = User.objects.get(username="admin")
study = study_create(user=admin, name="A shelf")
rng = np.random.default_rng(1)
for number in range(1, {SLIDES} + 1):
    out = io.BytesIO()
    cells = rng.integers(0, 70, (16, 16, 3))
    stain = np.array([222, 205, 214]) - np.array([60, 90, 70]) * (number % 5) / 6
    Image.fromarray((stain - cells).clip(0, 255).astype("uint8")).resize((256, 256), 3).save(out, "JPEG")
    SlideFactory.create(
        study=study, number=number, uploaded_by=admin, width=40000 + number * 31, height=30000,
        mpp=None if number % 7 == 0 else 0.25, case_code=f"26-{{number:04d}}",
        stain="CD8" if number % 2 == 0 else "CD3",
        thumbnail_sha256=media.store_bytes(out.getvalue()))
print(json.dumps({{"study": study.pk}}))
"""
