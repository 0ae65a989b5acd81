"""A search in a real browser, by the pages alone: labels frozen, trials watched, stopped, promoted, rolled back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from labeling.drawn.sample import PATCH_PX, labelled_points
from labeling.drawn.tissue import Tissue
from tests.e2e.conftest import Product

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]

STUDY = "CD3, drawn patches"
VERSION = "Autumn"
PATCHES = 60
TRIALS = 4
SOON_MS, LONG_MS = 60_000, 900_000
"""What a loaded machine is given for an answer, and for work."""
SIZES = ((1024, 768), (1440, 900))
LOSS, WHY = 4, 5
"""Columns of the table of trials."""
STILL = """() => Promise.all(document.getAnimations()
    .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
    .map((one) => one.finished.catch(() => null)))"""
"""Waits until dialogs have come in; what turns for ever goes on."""
NUMBER = re.compile(r"^\d+\.\d+$")


@dataclass
class Lab:
    """What the steps hand on: one installation, and an admin's browser."""

    product: Product
    page: Page
    pictures: Path

    def open(self, place: str) -> None:
        """Go to a part of the study as one does."""
        self.page.get_by_role("navigation", name="Study").get_by_role("link", name=place).click()
        expect(self.page.get_by_role("heading", name=place, level=1)).to_be_visible()

    def look(self, name: str) -> None:
        """Keep pictures of what is on the screen; on neither size must anything stick out sideways."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.evaluate(STILL)
            self.page.screenshot(path=self.pictures / f"{name}-{width}x{height}.png")
            sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            assert self.page.evaluate(sideways) <= 0, f"{name} is wider than {width} px"

    @property
    def trials(self) -> Locator:
        """The rows of the table of trials."""
        return self.page.get_by_role("table", name="Trials").locator("tbody tr")

    def losses(self) -> list[float]:
        """Validation losses as they stand in the table, from top to bottom."""
        return [float(row.locator("td").nth(LOSS).inner_text()) for row in self.trials.all()]

    def search(self, *, steps: tuple[int, int], patience: tuple[int, int]) -> None:
        """Start a search of quick trials on the frozen version."""
        self.open("Data sets")
        self.page.get_by_role("link", name="Train on this version").click()
        form = self.page.get_by_role("region", name="New training")
        expect(form.get_by_role("combobox", name="Data set")).to_have_value(VERSION)
        form.get_by_role("radio", name=re.compile("^Quick")).click()
        form.get_by_role("button", name="Advanced").click()
        form.get_by_label("Trials").fill(str(TRIALS))
        for name, ends in (("Steps", steps), ("Early stopping (steps)", patience)):
            for end, value in zip(("lowest", "highest"), ends, strict=True):
                form.get_by_label(f"{name}, {end}", exact=True).fill(str(value))
        form.get_by_role("button", name="Start training").click()
        self.page.wait_for_url(re.compile(r"/training/\d+$"))

    def expect_done(self) -> None:
        """Wait until the training that is open has ended well."""
        run = self.page.get_by_role("region", name=re.compile(r"^Training \d+$"))
        expect(run.get_by_text("Done", exact=True)).to_be_visible(timeout=LONG_MS)
        expect(run.get_by_role("table", name=re.compile("^Test:"))).to_be_visible()

    def model(self, number: int) -> Locator:
        """What the registry shows of a model."""
        return self.page.get_by_role("article", name=f"Model {number}", exact=True)

    def expect_statuses(self, *statuses: str) -> None:
        """Wait until the models, from number 1, are what they should be."""
        for number, status in enumerate(statuses, start=1):
            expect(self.model(number).get_by_text(status, exact=True)).to_be_visible()


@pytest.fixture(scope="module")
def lab(product: Product, admin: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    admin.set_default_timeout(SOON_MS)
    expect.set_options(timeout=SOON_MS)
    yield Lab(product, admin, tmp_path_factory.mktemp("pictures"))
    expect.set_options(timeout=5_000)


def draw_patches(folder: Path) -> None:
    """Draw labelled patches of one section; the names tell the classes."""
    tissue = Tissue(1500, 1200, seed=20170401)
    half = PATCH_PX // 2
    for number, (x, y, name) in enumerate(labelled_points(tissue, n=PATCHES)):
        Image.fromarray(tissue.render(x - half, y - half, PATCH_PX, PATCH_PX)).save(folder / f"{name}_{number}.png")


def test_a_study_gets_drawn_patches(lab: Lab, tmp_path: Path) -> None:
    lab.page.get_by_role("button", name="New study").first.click()
    dialog = lab.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(STUDY)
    dialog.get_by_role("button", name="Create study").click()
    lab.page.wait_for_url("**/slides")
    draw_patches(tmp_path)
    lab.product.manage(
        "import_patches", str(tmp_path), "--study", STUDY, "--map", "positive=Positive", "negative=Negative"
    )


def test_an_admin_freezes_the_labels_into_a_named_version(lab: Lab) -> None:
    lab.open("Data sets")
    lab.page.get_by_label("Name", exact=True).fill(VERSION)
    lab.page.get_by_role("button", name="Freeze", exact=True).click()
    lab.page.wait_for_url(re.compile(r"/datasets/\d+$"))
    version = lab.page.get_by_role("region", name=VERSION, exact=True)
    expect(version.get_by_role("link", name="Train on this version")).to_be_visible(timeout=LONG_MS)
    sums = version.get_by_role("table", name="Classes").locator("tbody tr td:nth-of-type(4)")
    expect(sums).to_have_text([str(PATCHES // 2)] * 2)
    lab.look("frozen")


def test_the_table_of_trials_fills_while_the_curves_move(lab: Lab) -> None:
    lab.search(steps=(10, 16), patience=(200, 300))
    expect(lab.trials.first).to_be_visible(timeout=LONG_MS)
    curve = lab.page.get_by_role("figure", name=re.compile("^Loss by step")).get_by_role("listitem")
    expect(curve).to_have_text(re.compile(r"^Loss\d"), timeout=LONG_MS)
    seen = curve.inner_text()
    expect(curve).not_to_have_text(seen, timeout=LONG_MS)
    lab.look("under-way")


def test_a_reload_in_the_middle_loses_nothing(lab: Lab) -> None:
    expect(lab.trials.nth(1)).to_be_visible(timeout=LONG_MS)
    cells = lab.trials.first.locator("td")
    expect(cells.nth(LOSS)).to_have_text(NUMBER, timeout=LONG_MS)
    expect(lab.page.get_by_role("button", name="Stop, keep the best")).to_be_visible()
    before, address = cells.all_inner_texts(), lab.page.url
    lab.page.reload()
    expect(lab.trials.nth(1)).to_be_visible()
    assert lab.page.url == address
    # The sign beside the number may have gone to a better trial.
    assert cells.all_inner_texts()[1:] == before[1:]
    lab.expect_done()
    expect(lab.trials).to_have_count(TRIALS)
    expect(lab.page.get_by_text(f"{TRIALS} of {TRIALS} have ended")).to_be_visible()
    expect(lab.page.get_by_role("link", name="See model 1")).to_be_visible()
    lab.look("done")


def test_the_table_can_be_sorted_and_shows_the_best(lab: Lab) -> None:
    head = lab.page.get_by_role("columnheader", name="Sort by Val. loss")
    for direction, is_down in (("ascending", False), ("descending", True)):
        head.get_by_role("button").click()
        expect(head).to_have_attribute("aria-sort", direction)
        losses = lab.losses()
        assert losses == sorted(losses, reverse=is_down)
        expect(lab.trials.nth(TRIALS - 1 if is_down else 0)).to_contain_text("best")
    lab.trials.first.get_by_role("button").click()
    expect(lab.page.get_by_role("heading", name=re.compile(r"^Curves of trial \d$"))).to_be_visible()
    lab.look("sorted")


def test_a_stop_keeps_the_best(lab: Lab) -> None:
    lab.search(steps=(50_000, 60_000), patience=(50_000, 60_000))
    expect(lab.trials.nth(1)).to_be_visible(timeout=LONG_MS)
    expect(lab.trials.first.locator("td").nth(LOSS)).to_have_text(NUMBER, timeout=LONG_MS)
    kept = lab.trials.first.locator("td").nth(LOSS).inner_text()
    lab.page.get_by_role("button", name="Stop, keep the best").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("The best so far is judged on the test patches and kept")
    lab.look("stop")
    dialog.get_by_role("button", name="Stop, keep the best").click()
    lab.expect_done()
    expect(lab.page.get_by_text("Stopped when asked; the best so far was kept").first).to_be_visible()
    expect(lab.trials).to_have_count(2)
    expect(lab.trials.first.locator("td").nth(LOSS)).to_have_text(kept)
    expect(lab.trials.nth(1).locator("td").nth(WHY)).to_have_text("stopped")
    expect(lab.page.get_by_role("link", name="See model 2")).to_be_visible()
    lab.look("stopped")


def test_the_model_has_a_card_and_is_promoted(lab: Lab) -> None:
    lab.page.get_by_role("link", name="See model 2").click()
    lab.expect_statuses("Candidate", "Candidate")
    lab.model(1).get_by_role("link", name="Model card").click()
    expect(lab.page.get_by_role("heading", name="Model 1: card")).to_be_visible()
    expect(lab.page.get_by_text("Never yet.")).to_be_visible()
    lab.look("card")
    lab.open("Models")
    lab.model(1).get_by_role("button", name="Make current").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog).to_contain_text("needs no comparison")
    lab.look("first")
    dialog.get_by_role("button", name="Make current").click()
    lab.expect_statuses("Current", "Candidate")


def test_a_model_that_is_not_better_needs_a_reason(lab: Lab) -> None:
    lab.model(2).get_by_role("button", name="Make current").click()
    dialog = lab.page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Model 2 against model 1")).to_be_visible(timeout=LONG_MS)
    expect(dialog.get_by_role("table").locator("tbody tr")).to_have_count(4)
    # On so few test patches no model is found better.
    expect(dialog.get_by_role("status")).to_contain_text(re.compile("tell the two models apart|is worse"))
    promote = dialog.get_by_role("button", name="Make current")
    expect(promote).to_be_disabled()
    expect(dialog).to_contain_text("Needed, for this model was not found better.")
    lab.look("comparison")
    dialog.get_by_label("Reason").fill("To try it on new slides")
    promote.click()
    lab.expect_statuses("Retired", "Current")
    expect(lab.model(2)).to_contain_text("To try it on new slides")
    lab.look("models")


def test_one_click_goes_back(lab: Lab) -> None:
    lab.page.get_by_role("button", name="Go back to model 1").click()
    lab.look("roll-back")
    lab.page.get_by_role("dialog").get_by_role("button", name="Go back", exact=True).click()
    lab.expect_statuses("Current", "Retired")
    lab.model(1).get_by_role("link", name="Model card").click()
    expect(lab.page.get_by_text("Brought back by")).to_contain_text("after model 2")
    lab.look("history")
