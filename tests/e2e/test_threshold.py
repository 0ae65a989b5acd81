"""The threshold of a finished count in a real browser: turned, seen, found again after a reload and in the files."""

import json
import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.conftest import Product, fetched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COUNT, FLOOR, UNREAD = 30_000, 0.1, [1024, 0, 512, 512]


@dataclass
class Counted:
    """A slide with a count whose scores lie evenly between 0.1 and 1."""

    product: Product
    page: Page
    run: int
    path: str

    def open(self) -> None:
        """Open the page of the slide, and wait for its cells."""
        self.page.goto("about:blank")
        self.page.goto(self.product.address + self.path)
        expect(self.slider).to_be_enabled()
        expect(self.page.get_by_test_id("count")).to_have_text(re.compile(r"^[\d,]+$"))

    @property
    def slider(self) -> Locator:
        """The threshold's thumb."""
        return self.page.get_by_role("slider", name="Threshold")

    def shown(self) -> tuple[float, int]:
        """Read threshold and count off the page."""
        count = self.page.get_by_test_id("count").inner_text()
        return float(self.page.get_by_test_id("threshold").inner_text()), int(count.replace(",", ""))

    def stored(self) -> tuple[float, int]:
        """Read threshold and count from the API."""
        answer = fetched(self.page, f"{self.product.address}/api/detection-runs/{self.run}").json()
        return answer["threshold"], answer["count"]


@pytest.fixture(scope="module")
def counted(product: Product, admin: Page) -> Counted:
    made = json.loads(product.manage("shell", "-v", "0", "-c", FINISHED).splitlines()[-1])
    return Counted(product, admin, made["run"], f"/studies/{made['study']}/slides/{made['slide']}/detect")


def reaching(threshold: float) -> int:
    """How many of the scores reach a threshold."""
    return round((1 - threshold) / (1 - FLOOR) * COUNT)


def test_the_keys_turn_the_dial_and_it_is_saved(counted: Counted) -> None:
    counted.open()
    assert counted.shown()[0] == 0.62
    counted.slider.focus()
    for _ in range(8):
        counted.page.keyboard.press("ArrowRight")
    threshold, count = counted.shown()
    assert threshold == 0.7
    assert count == pytest.approx(reaching(0.7), abs=2)
    expect(counted.page.get_by_text("Saved with the count")).to_be_visible()
    assert counted.stored() == pytest.approx((threshold, count))


def test_a_reload_finds_it_again(counted: Counted) -> None:
    before = counted.shown()
    counted.open()
    assert counted.shown() == before


def test_every_file_holds_what_is_on_screen(counted: Counted) -> None:
    threshold, count = counted.shown()
    base = f"{counted.product.address}/api/detection-runs/{counted.run}"
    rows = fetched(counted.page, f"{base}/export.csv").text().splitlines()[1:]
    assert sum(not row.startswith(",") for row in rows) == count
    features = fetched(counted.page, f"{base}/export.geojson").json()["features"]
    assert sum(f["properties"]["objectType"] == "detection" for f in features) == count
    assert features[0]["properties"]["provenance"]["threshold"] == pytest.approx(threshold)
    assert features[1]["properties"]["name"] == "Not read"


def test_leaving_the_page_at_once_loses_nothing(counted: Counted) -> None:
    counted.page.keyboard.press("[")
    counted.page.reload()
    expect(counted.page.get_by_test_id("threshold")).to_have_text("0.69")
    assert counted.stored()[0] == pytest.approx(0.69)


def test_back_to_the_models_threshold(counted: Counted) -> None:
    counted.open()
    counted.page.get_by_role("button", name="Model's 0.62").click()
    assert counted.shown()[0] == 0.62
    expect(counted.page.get_by_text("Saved with the count")).to_be_visible()
    assert counted.stored()[0] == 0.62
    expect(counted.page.get_by_role("button", name=re.compile("^Model's"))).to_have_count(0)


def test_what_could_not_be_read_is_hatched_and_named(counted: Counted) -> None:
    counted.open()
    expect(counted.page.get_by_text("hatched on the slide")).to_be_visible()
    areas = fetched(counted.page, f"{counted.product.address}/api/detection-runs/{counted.run}/unread").json()
    assert [[a["x"], a["y"], a["width"], a["height"]] for a in areas] == [UNREAD]


FINISHED = f"""
import json
import numpy as np
from detection.choices import BlockState, RunState
from detection.models import DetectionBlock, DetectionRun, ModelVersion
from labeling import media
from labeling.choices import SlideState
from labeling.models import Slide, User
from labeling.services import study_create
admin = User.objects.get(username="admin")
study = study_create(user=admin, name="A dial")
common = dict(sha256="0" * 64, size_bytes=1)
slide = Slide.objects.create(study=study, number=1, width=4096, height=3072, mpp=0.5, state=SlideState.READY,
                             uploaded_by=admin, **common)
model = ModelVersion.objects.create(study=study, number=1, imported_by=admin, threshold=0.62, **common)
rng = np.random.default_rng(1)
points = np.column_stack([rng.random({COUNT}) * 4096, rng.random({COUNT}) * 3072, np.linspace({FLOOR}, 1, {COUNT})])
points = points.astype("<f4")
run = DetectionRun.objects.create(
    study=study, slide=slide, model=model, number=1, slide_sha256="0" * 64, model_sha256="0" * 64, params={{}},
    scale=1.0, mpp=0.5, threshold=0.62, code_version="test", created_by=admin, state=RunState.INCOMPLETE,
    points_sha256=media.store_bytes(points.tobytes()), point_count=len(points),
    count=int((points[:, 2] >= np.float32(0.62)).sum()),
    area_px=4096 * 3072 - 512 * 512,
    unread_px=512 * 512, error="A part could not be read.")
x, y, w, h = {UNREAD}
DetectionBlock.objects.create(run=run, n=0, x=x, y=y, w=w, h=h, state=BlockState.FAILED, error="No room.")
print(json.dumps({{"study": study.pk, "slide": slide.pk, "run": run.pk}}))
"""
