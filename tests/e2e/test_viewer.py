"""The viewer in a real browser: scale, turning, stains, two slides in step, and what a screen reader meets."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from detection.nn.stain import HED_FROM_OD, OD_FROM_HED
from tests.e2e.conftest import ROOT, Product, StudyPage, fetched

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
MARGIN = 3
SLOW_MS = 30_000
BROWN, BLUE = (147, 101, 66), (118, 128, 176)
CELLS = {(700, 500): BROWN, (300, 200): BLUE}
"""A brown and a blue square of 80 px, by their middles, on every slide; the rest is glass."""


@dataclass
class Viewing(StudyPage):
    """A page of a study with three slides, the last one without a scale."""

    slides: list[int]

    def json(self, path: str) -> Any:
        """Ask the API."""
        return fetched(self.page, f"{self.product.address}/api/{path}").json()

    def bar(self) -> str:
        """The length under the scale bar."""
        return self.page.locator("[data-past]").inner_text().strip()

    def pixel(self) -> tuple[int, int, int]:
        """The colour on the viewer's canvas in the middle of the stage, once it is drawn."""
        self.page.wait_for_function(f"({MIDDLE_PIXEL})()[3] === 255")
        found = self.page.evaluate(MIDDLE_PIXEL)
        return found[0], found[1], found[2]


@pytest.fixture(scope="module")
def viewing(product: Product, admin: Page) -> Viewing:
    made = json.loads(product.manage("shell", "-v", "0", "-c", SLIDES).splitlines()[-1])
    return Viewing(product, admin, made["study"], made["slides"])


def test_a_length_drawn_on_the_slide_sets_the_scale(viewing: Viewing) -> None:
    slide = viewing.slides[2]
    viewing.open(f"slides/{slide}/label#x=500&y=400&zoom=1")
    assert viewing.bar().endswith("px")
    viewing.page.get_by_role("button", name="scale unknown: set it").click()
    viewing.page.mouse.move(*viewing.at(-150, 0))
    viewing.page.mouse.down()
    viewing.page.mouse.move(*viewing.at(150, 0), steps=4)
    viewing.page.mouse.up()
    expect(viewing.page.get_by_test_id("line")).to_have_text("Line: 300 px")
    card = viewing.page.get_by_role("dialog")
    card.get_by_label("Its length").fill("60000")
    expect(card.get_by_text("between 0.01 and 100 µm")).to_be_visible()
    expect(card.get_by_role("button", name="Save the scale")).to_be_disabled()
    card.get_by_text("mm", exact=True).click()
    card.get_by_label("Its length").fill("0.15")
    expect(viewing.page.get_by_test_id("new-scale")).to_have_text("0.5 µm/px")
    card.get_by_role("button", name="Save the scale").click()
    expect(card).to_have_count(0)
    expect(viewing.page.locator("[data-past]")).to_have_text(re.compile("50 µm"))
    assert viewing.json(f"slides/{slide}")["mpp"] == 0.5
    [change] = viewing.json(f"slides/{slide}/scale-changes")
    assert (change["before"], change["after"], change["source"]) == (None, 0.5, "length")
    assert change["person"]


@pytest.mark.parametrize(("turn", "cell"), list(zip((90, 30), CELLS, strict=True)))
def test_a_double_click_on_a_turned_slide_labels_the_cell_under_it(
    turn: int, cell: tuple[int, int], viewing: Viewing
) -> None:
    slide, (x, y) = viewing.slides[0], cell
    viewing.open(f"slides/{slide}/label#x={x - 140}&y={y - 40}&zoom=1&turn={turn}")
    angle = np.deg2rad(turn)
    dx, dy = 140, 40
    place = viewing.at(dx * np.cos(angle) - dy * np.sin(angle), dx * np.sin(angle) + dy * np.cos(angle))
    viewing.page.mouse.move(*place)
    expect(viewing.page.get_by_test_id("colour")).to_have_text(re.compile(f"^{CELLS[cell][0] // 10}\\d "))
    with viewing.page.expect_response(lambda answer: answer.request.method == "POST" and "patches" in answer.url):
        viewing.page.mouse.dblclick(*place)
    found = [(m["x_l0"], m["y_l0"]) for m in viewing.json(f"slides/{slide}/markers")["results"]]
    assert sum(abs(u - x) <= 1 and abs(v - y) <= 1 for u, v in found) == 1, found


@pytest.mark.parametrize(("name", "column", "place"), [("dab", 2, (700, 500)), ("haematoxylin", 0, (300, 200))])
def test_a_stain_alone_is_what_deconvolution_says(
    name: str, column: int, place: tuple[int, int], viewing: Viewing
) -> None:
    viewing.open(f"slides/{viewing.slides[0]}/detect#x={place[0]}&y={place[1]}&zoom=1")
    plain = viewing.pixel()
    assert plain == pytest.approx(CELLS[place], abs=MARGIN)
    viewing.open(f"slides/{viewing.slides[0]}/detect#x={place[0]}&y={place[1]}&zoom=1&stain={name}")
    density = float(-np.log10((np.array(plain) + 1) / 256) @ HED_FROM_OD[:, column])
    assert density > 0.2
    wanted = 256 * 10 ** (-density * OD_FROM_HED[column]) - 1
    assert viewing.pixel() == pytest.approx(tuple(wanted), abs=2)
    viewing.page.mouse.move(*viewing.at(0, 0))
    shown = viewing.page.get_by_test_id("colour")
    expect(shown).to_have_text(f"{' '.join(map(str, plain))} · OD {density:.2f}")
    viewing.page.get_by_role("button", name="Stains and picture").click()
    viewing.page.get_by_role("button", name="As it is").click()
    viewing.page.wait_for_function(f"({MIDDLE_PIXEL})()[0] === {plain[0]}")
    assert viewing.pixel() == plain


def touched(page: Page, places: list[list[tuple[float, float]]]) -> None:
    """Lay fingers on the page, lead them from places to places, and lift them."""
    session = page.context.new_cdp_session(page)
    for number, fingers in enumerate([*places, []]):
        kind = "touchMove" if number else "touchStart"
        points = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(fingers)]
        session.send("Input.dispatchTouchEvent", {"type": kind if fingers else "touchEnd", "touchPoints": points})
    session.detach()


@pytest.mark.parametrize(("twist", "turned"), [(8, False), (40, True)])
def test_two_fingers_turn_the_slide_unless_they_only_pinch(twist: int, turned: bool, viewing: Viewing) -> None:
    viewing.open(f"slides/{viewing.slides[0]}/label#x=500&y=400&zoom=1")
    angles = np.deg2rad(np.linspace(0, twist, 11))
    arms = [(120 * float(np.cos(angle)), 120 * float(np.sin(angle))) for angle in angles]
    touched(viewing.page, [[viewing.at(x, y), viewing.at(-x, -y)] for x, y in arms])
    viewing.page.mouse.wheel(0, -120)  # what has no trace in the address is waited for by something that has
    viewing.page.wait_for_url(re.compile(r"zoom=1\.[1-9]"))
    turn = re.search(r"turn=(-?[\d.]+)", viewing.page.url)
    assert (float(turn[1]) if turn else 0) == pytest.approx(twist - 12 if turned else 0, abs=5 if turned else 0)


def test_turn_stain_and_grid_are_found_again_after_a_reload(viewing: Viewing) -> None:
    viewing.open(f"slides/{viewing.slides[0]}/label#x=500&y=400&zoom=1")
    for key in ("e", "s", "s", "Shift+G"):
        viewing.page.keyboard.press(key)
    viewing.page.wait_for_url(re.compile(r"turn=90.*stain=dab"))
    viewing.page.reload()
    tools = viewing.page.get_by_role("toolbar", name="View")
    expect(tools.get_by_text("DAB alone")).to_be_visible()
    expect(tools.get_by_role("button", name="90°: Turn back upright")).to_be_visible()
    expect(tools.get_by_text(re.compile("^Grid 20 µm"))).to_be_visible()
    for key in ("s", "Shift+G"):
        viewing.page.keyboard.press(key)


def test_two_slides_stay_in_step_until_one_is_moved_alone(viewing: Viewing) -> None:
    left, right, _ = viewing.slides
    viewing.page.goto("about:blank")
    viewing.page.goto(
        f"{viewing.product.address}/studies/{viewing.study}/compare?left={left}&right={right}#x=500&y=400&zoom=0.5"
    )
    first = viewing.surface("Left slide")
    expect(first.locator("canvas").first).to_be_visible(timeout=SLOW_MS)
    viewing.page.wait_for_url(re.compile("x2="))

    def places() -> tuple[dict[str, float], float]:
        viewing.page.wait_for_timeout(1200)
        values = {k: float(v) for k, v in (part.split("=") for part in viewing.page.url.split("#")[1].split("&"))}
        return values, (values["x"] - 500) * MPP_LEFT - (values["x2"] - 500) * MPP_RIGHT

    first.hover()
    viewing.page.keyboard.press("ArrowRight")
    viewing.page.keyboard.press("+")
    viewing.page.keyboard.press("e")
    values, apart_um = places()
    assert values["x"] != 500
    assert apart_um == pytest.approx(0, abs=1)
    assert values["zoom"] / MPP_LEFT == pytest.approx(values["zoom2"] / MPP_RIGHT, rel=0.01)
    assert values["turn"] == values["turn2"] == 90
    viewing.page.keyboard.press("l")
    viewing.surface("Right slide").hover()
    viewing.page.keyboard.press("ArrowUp")
    alone, _ = places()
    assert (alone["x"], alone["y"]) == (values["x"], values["y"])
    assert (alone["x2"], alone["y2"]) != (values["x2"], values["y2"])
    viewing.page.keyboard.press("l")
    viewing.page.keyboard.press("ArrowUp")
    again, _ = places()
    assert (again["x"] - alone["x"]) * MPP_LEFT == pytest.approx((again["x2"] - alone["x2"]) * MPP_RIGHT, abs=1)
    assert again["x2"] != alone["x2"]


PAGES = ("slides", "training", "models", "datasets", "counts", "slides/{0}/label", "slides/{0}/detect?scale=set")


@pytest.fixture(scope="module")
def lenient(viewing: Viewing, browser: Browser) -> Iterator[BrowserContext]:
    """A browser that lets the test put axe into the page, as the product's own policy does not."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
    context.add_cookies(viewing.page.context.cookies())  # type: ignore[arg-type]
    yield context
    context.close()


@pytest.mark.parametrize("path", [*PAGES, "compare?left={0}&right={1}"])
def test_no_page_hinders_a_screen_reader(path: str, viewing: Viewing, lenient: BrowserContext) -> None:
    page = lenient.new_page()
    page.goto(f"{viewing.product.address}/studies/{viewing.study}/{path.format(*viewing.slides)}")
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("heading").first).to_be_visible(timeout=SLOW_MS)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run().then(({violations}) => violations)")
    grave = {
        f"{fault['id']}: {fault['help']}": [node["html"][:160] for node in fault["nodes"]]
        for fault in found
        if fault["impact"] in ("serious", "critical")
    }
    page.close()
    assert grave == {}


MPP_LEFT, MPP_RIGHT = 0.25, 0.5
MIDDLE_PIXEL = """() => {
  const canvas = document.querySelector("[data-testid=stage] .openseadragon-canvas canvas");
  const at = [Math.round(canvas.width / 2), Math.round(canvas.height / 2)];
  return [...canvas.getContext("2d").getImageData(...at, 1, 1).data];
}"""


SLIDES = f"""
import json, tempfile, time
from pathlib import Path
import numpy as np
from PIL import Image
from labeling import media
from labeling.models import Slide, User
from labeling.services import slide_register, slide_update, study_create
admin = User.objects.get(username="admin")
study = study_create(user=admin, name="A viewer")
slides = []
for glass in (244, 240, 236):
    pixels = np.full((800, 1000, 3), glass, dtype=np.uint8)
    for (x, y), colour in {CELLS}.items():
        pixels[y - 40 : y + 40, x - 40 : x + 40] = colour
    path = Path(tempfile.mkdtemp()) / "slide.png"
    Image.fromarray(pixels).save(path)
    size = path.stat().st_size
    slide, _ = slide_register(study=study, user=admin, sha256=media.store_file(path), size_bytes=size)
    slides.append(slide)
until = time.monotonic() + 60
while Slide.objects.filter(study=study, state="ready").count() < 3 and time.monotonic() < until:
    time.sleep(0.2)
for slide, mpp in zip(slides, ({MPP_LEFT}, {MPP_RIGHT})):
    slide_update(slide=slide, changes={{"mpp": mpp}})
print(json.dumps({{"study": study.pk, "slides": [s.pk for s in slides]}}))
"""
