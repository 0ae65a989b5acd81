"""Counting in a real browser: regions, a whole slide whose cells come in, a cancel, and six fields at once."""

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from skimage.measure import points_in_poly

from tests.detection.makers import scattered
from tests.e2e.conftest import Product, StudyPage, fetched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

SIDE = 8192
FIELDS, FIELD = 6, (600, 500)
SLOW_MS = 120_000
BLOCK_MS = 3_000
"""A block that was under way at a cancel is done by then."""
MANY = re.compile(r"^[\d,]*[1-9][\d,]* cells so far")


@dataclass
class Counting(StudyPage):
    """A study with a model that finds brown discs, a large slide of thousands and six fields of some."""

    large: int

    def open_large(self) -> None:
        """Open the page on which the large slide is counted."""
        self.open(f"slides/{self.large}/detect")

    def wait_for(self, number: int, state: str) -> None:
        """Wait until this count is on show, and in this state."""
        run = self.page.locator(f"[data-testid=run][aria-label='Count {number}'][data-state={state}]")
        expect(run).to_be_visible(timeout=SLOW_MS)

    def newest(self) -> dict[str, Any]:
        """The newest count of the large slide, as the API has it."""
        address = f"{self.product.address}/api/studies/{self.study}/detection-runs?slide={self.large}"
        found: dict[str, Any] = fetched(self.page, address).json()["results"][0]
        return found


@pytest.fixture(scope="module")
def counting(product: Product, admin: Page) -> Counting:
    made = json.loads(product.manage("shell", "-v", "0", "-c", MADE).splitlines()[-1])
    return Counting(product, admin, **made)


def places_within(regions: list[list[list[float]]]) -> int:
    """How many of the large slide's cells lie in any of the regions."""
    places = scattered(SIDE, SIDE)
    inside = np.zeros(len(places), dtype=bool)
    for region in regions:
        inside |= points_in_poly(places, np.array(region))
    return int(inside.sum())


def test_the_cells_of_a_whole_slide_come_in_while_it_is_counted(counting: Counting) -> None:
    counting.open_large()
    assert not counting.page.evaluate(f"({PAINTED})()")
    counting.page.get_by_role("button", name="Count cells").click()
    expect(counting.page.get_by_test_id("found")).to_have_text(MANY, timeout=SLOW_MS)
    early = counting.page.get_by_test_id("found").inner_text()
    counting.page.wait_for_function(PAINTED)
    counting.wait_for(1, "running")
    counting.page.reload()
    counting.wait_for(1, "done")
    run = counting.newest()
    assert run["regions"] is None
    assert int(early.split()[0].replace(",", "")) < run["count"]
    assert run["count"] == pytest.approx(len(scattered(SIDE, SIDE)), rel=0.01)
    expect(counting.page.get_by_test_id("count")).to_have_text(f"{run['count']:,}")


def test_a_rectangle_and_a_polygon_are_counted_and_nothing_else(counting: Counting) -> None:
    counting.open_large()
    mouse = counting.page.mouse
    counting.page.get_by_text("Regions", exact=True).click()
    mouse.move(*counting.at(-250, -250))
    mouse.down()
    mouse.move(*counting.at(-150, -160), steps=4)
    mouse.move(*counting.at(-90, -130), steps=4)
    mouse.up()
    counting.page.get_by_role("button", name="Polygon").click()
    for corner in [(40, 40), (220, 60), (180, 230)]:
        mouse.click(*counting.at(*corner))
        counting.page.wait_for_timeout(400)
    counting.page.keyboard.press("Enter")
    expect(counting.page.get_by_text("Region 2")).to_be_visible()
    counting.page.get_by_role("button", name="Count cells").click()
    counting.wait_for(2, "done")
    run = counting.newest()
    assert [len(region) for region in run["regions"]] == [4, 3]
    planted = places_within(run["regions"])
    assert planted > 300
    assert run["count"] == pytest.approx(planted, rel=0.02)
    expect(counting.page.get_by_test_id("count")).to_have_text(f"{run['count']:,}")


def test_a_cancel_ends_a_count_for_good(counting: Counting) -> None:
    counting.open_large()
    counting.page.get_by_role("button", name="Count cells").click()
    expect(counting.page.get_by_test_id("found")).to_have_text(MANY, timeout=SLOW_MS)
    counting.page.get_by_role("button", name="Cancel").click()
    counting.wait_for(3, "cancelled")
    counting.page.wait_for_timeout(BLOCK_MS)
    done = counting.newest()["progress"]["done"]
    counting.page.reload()
    expect(counting.page.get_by_role("button", name=re.compile("^Count 3 .* Cancelled$"))).to_be_visible()
    expect(counting.page.get_by_role("button", name="Count cells")).to_be_enabled()
    run = counting.newest()
    assert (run["state"], run["count"], run["progress"]["done"]) == ("cancelled", None, done)
    assert done < run["progress"]["total"]


def test_six_fields_are_counted_at_once(counting: Counting) -> None:
    counting.go("counts")
    for number in range(2, FIELDS + 2):
        counting.page.get_by_role("checkbox", name=f"Select S{number:03}").check()
    expect(counting.page.get_by_text("6 selected")).to_be_visible()
    counting.page.get_by_role("button", name="Count selected").click()
    expect(counting.page.get_by_text("6 counts started")).to_be_visible()
    planted = len(scattered(*FIELD))
    for number in range(2, FIELDS + 2):
        row = counting.page.get_by_role("row").filter(has=counting.page.get_by_text(f"S{number:03}", exact=True))
        expect(row.get_by_text("Done")).to_be_visible(timeout=SLOW_MS)
        expect(row.get_by_role("cell", name=str(planted), exact=True)).to_be_visible()
    table = fetched(counting.page, f"{counting.product.address}/api/studies/{counting.study}/counts.csv").text()
    assert len(table.splitlines()) == 1 + 1 + FIELDS


PAINTED = """() => [...document.querySelectorAll("[data-testid=stage] canvas")].some((canvas) => {
  if (canvas.closest("[role=application]") || canvas.width === 0) return false;
  return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
})"""
"""Something is drawn over the slide."""


MADE = f"""
import json, tempfile
from pathlib import Path
from labeling.models import User
from labeling.services import study_create
from tests.detection.makers import current_model, disc_field, scattered, store_slide, write_toy_checkpoint
admin = User.objects.get(username="admin")
study = study_create(user=admin, name="A count")
folder = Path(tempfile.mkdtemp())
write_toy_checkpoint(folder / "model.safetensors")
current_model(study, folder / "model.safetensors")
sizes = [({SIDE}, {SIDE}), *[{FIELD}] * {FIELDS}]
slides = [store_slide(study, disc_field(*size, scattered(*size, seed=7 + n)), folder, number=n + 1, uploaded_by=admin,
                      mpp=0.5) for n, size in enumerate(sizes)]
print(json.dumps({{"study": study.pk, "large": slides[0].pk}}))
"""
