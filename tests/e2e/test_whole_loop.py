"""The main job, once round, in a real browser on real micrographs: label, train, count, and nobody else sees it."""

import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import APIResponse, Browser, BrowserContext, Page, expect

from tests.e2e.conftest import Product, fetched, sign_in
from tests.real import Cell, rebuild_field

pytestmark = [pytest.mark.e2e, pytest.mark.real_data, pytest.mark.timeout(900)]

STUDY = "CD3, real fields"
LEFT, TOP, WIDTH, HEIGHT = 8900, 7600, 600, 500
HALF = 35
IMPORTED = 2717


@dataclass
class Loop:
    """What the steps hand on."""

    product: Product
    browser: Browser
    folder: Path
    field: Image.Image
    cells: list[Cell]

    def page_of(self, name: str, password: str | None = None) -> Page:
        """Open a browser profile of one person's own."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(30_000)
        page = context.new_page()
        sign_in(page, self.product, name, password)
        return page


@pytest.fixture(scope="module")
def loop(product: Product, browser: Browser, real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Loop:
    field, cells = rebuild_field(real_data, left=LEFT, top=TOP, width=WIDTH, height=HEIGHT)
    folder = tmp_path_factory.mktemp("fields")
    field.save(folder / "field.png")
    (folder / "shidc.jpg").write_bytes((real_data / "shidc-ki67" / "p1_0299_1.jpg").read_bytes())
    return Loop(product, browser, folder, field, cells)


def ids(product: Product) -> dict[str, int]:
    """Look up the study and the rebuilt field; two files at once may come in in either order."""
    with product.database() as cursor:
        cursor.execute("SELECT id FROM labeling_study WHERE name = %s", [STUDY])
        study = cursor.fetchone()[0]
        cursor.execute("SELECT id FROM labeling_slide WHERE study_id = %s AND width = %s", [study, WIDTH])
        slides = [row[0] for row in cursor.fetchall()]
    return {"study": study, "slide": slides[0] if slides else 0}


def far_apart(cells: list[Cell]) -> list[Cell]:
    """Choose ten cells whose whole patch lies on the field and whose markers do not touch."""
    chosen: list[Cell] = []
    for cell in cells:
        inside = HALF <= cell.x <= WIDTH - HALF and HALF <= cell.y <= HEIGHT - HALF
        if inside and all((cell.x - c.x) ** 2 + (cell.y - c.y) ** 2 > 24**2 for c in chosen):
            chosen.append(cell)
    return chosen[:10]


def test_an_admin_makes_a_study_and_adds_people(loop: Loop) -> None:
    page = loop.page_of("admin")
    page.get_by_role("button", name="New study").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill(STUDY)
    dialog.get_by_role("button", name="Create study").click()
    page.wait_for_url("**/slides")
    for person, role in (("pathologist", "Pathologist"), ("lab", "Lab staff")):
        page.get_by_role("link", name="People").click()
        page.get_by_role("button", name="Add someone").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("User name").fill(person)
        dialog.get_by_text(role, exact=True).click()
        dialog.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_role("dialog")).to_be_hidden()
    with loop.product.database() as cursor:
        cursor.execute("SELECT count(*) FROM labeling_membership WHERE study_id = %s", [ids(loop.product)["study"]])
        assert cursor.fetchone()[0] == 3


def test_lab_staff_uploads_two_micrographs(loop: Loop) -> None:
    page = loop.page_of("lab")
    page.get_by_text(STUDY).click()
    page.locator("input[type=file]").first.set_input_files([loop.folder / "field.png", loop.folder / "shidc.jpg"])
    for code in ("S001", "S002"):
        expect(page.get_by_role("article", name=f"Slide {code}").get_by_role("link", name="Label")).to_be_visible(
            timeout=60_000
        )
    study = ids(loop.product)["study"]
    with loop.product.database() as cursor:
        cursor.execute("SELECT width, height, state FROM labeling_slide WHERE study_id = %s ORDER BY width", [study])
        assert cursor.fetchall() == [(600, 500, "ready"), (1228, 1228, "ready")]


def test_ten_double_clicks_store_ten_patches_with_the_sources_pixels(loop: Loop) -> None:
    chosen = far_apart(loop.cells)
    assert len(chosen) == 10
    at = ids(loop.product)
    page = loop.page_of("pathologist")
    for cell in chosen:
        page.goto(
            f"{loop.product.address}/studies/{at['study']}/slides/{at['slide']}/label#x={cell.x}&y={cell.y}&zoom=2"
        )
        page.reload()
        stage = page.get_by_role("application", name="Slide").first
        expect(stage).to_be_visible()
        page.wait_for_timeout(700)
        box = stage.bounding_box()
        assert box is not None
        page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.get_by_text("All saved").first).to_be_visible()
    with loop.product.database() as cursor:
        cursor.execute("SELECT x_l0, y_l0, png FROM labeling_patch WHERE slide_id = %s", [at["slide"]])
        rows = cursor.fetchall()
    assert len(rows) == 10
    source = np.asarray(loop.field)
    for x, y, png in rows:
        assert min(abs(x - cell.x) + abs(y - cell.y) for cell in chosen) <= 3
        patch = np.asarray(Image.open(io.BytesIO(bytes(png))))
        assert patch.tobytes() == source[y - HALF : y + HALF, x - HALF : x + HALF].tobytes()


def test_the_papers_patches_come_in_by_command(loop: Loop, real_data: Path) -> None:
    archive = real_data / "prisma" / "lymphocytes_2017-03.tar.gz"
    command = ("import_patches", str(archive), "--study", STUDY, "--map", "positive=Positive", "negative=Negative")
    loop.product.manage(*command)
    loop.product.manage(*command)
    with loop.product.database() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT sha256) FROM labeling_patch WHERE slide_id IS NULL AND study_id = %s",
            [ids(loop.product)["study"]],
        )
        stored, different = cursor.fetchone()
    assert stored == different
    assert IMPORTED - 60 <= stored <= IMPORTED


def test_only_an_admin_trains(loop: Loop) -> None:
    at = ids(loop.product)
    page = loop.page_of("pathologist")
    page.goto(f"{loop.product.address}/studies/{at['study']}/training")
    expect(page.get_by_role("heading", name="Training").first).to_be_visible()
    expect(page.get_by_role("button", name="Start training")).to_have_count(0)
    answer = post(page.context, loop.product, f"/api/studies/{at['study']}/training-runs", training_wish())
    assert answer.status == 403
    assert answer.json()["code"] == "forbidden"


def test_an_admin_trains_watches_and_promotes(loop: Loop) -> None:
    at = ids(loop.product)
    page = loop.page_of("admin")
    page.goto(f"{loop.product.address}/studies/{at['study']}/training")
    page.get_by_text("Quick", exact=True).click()
    page.get_by_role("button", name="Start training").click()
    expect(page.get_by_text("Training", exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("See (the model|model 1)")).first).to_be_visible(timeout=420_000)
    expect(page.get_by_role("row", name=re.compile("^Label Counted")).first).to_be_visible()
    page.goto(f"{loop.product.address}/studies/{at['study']}/models")
    page.get_by_role("button", name="Make current").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Make current").click()
    expect(page.get_by_text("Current", exact=True).first).to_be_visible()
    with loop.product.database() as cursor:
        cursor.execute("SELECT status, metrics FROM detection_modelversion WHERE study_id = %s", [at["study"]])
        ((status, metrics),) = cursor.fetchall()
    assert status == "current"
    assert metrics["test"]["accuracy"] > 0.85


def test_lab_staff_counts_the_field_and_sees_the_cells(loop: Loop) -> None:
    at = ids(loop.product)
    page = loop.page_of("lab")
    page.goto(f"{loop.product.address}/studies/{at['study']}/slides/{at['slide']}/detect")
    page.get_by_role("button", name="Count cells").click()
    expect(page.get_by_text("How this number came about")).to_be_visible(timeout=120_000)
    with loop.product.database() as cursor:
        cursor.execute(
            "SELECT id, state, count, point_count FROM detection_detectionrun WHERE study_id = %s", [at["study"]]
        )
        ((run, state, count, points),) = cursor.fetchall()
    assert state == "done"
    assert 5 <= count <= points
    expect(page.get_by_text(re.compile(rf"^{count}$")).first).to_be_visible()
    found = np.frombuffer(fetched(page, f"{loop.product.address}/api/detection-runs/{run}/points").body(), "<f4")
    kept = [(x, y) for x, y, score in found.reshape(-1, 3) if score >= 0.5]
    hit = sum(any((x - c.x) ** 2 + (y - c.y) ** 2 <= 16**2 for x, y in kept) for c in loop.cells)
    assert hit >= 0.6 * len(loop.cells)


def test_a_stranger_sees_nothing(loop: Loop) -> None:
    at = ids(loop.product)
    loop.product.manage("shell", "-c", STRANGER)
    with loop.product.database() as cursor:
        cursor.execute("SELECT id FROM labeling_patch WHERE study_id = %s LIMIT 1", [at["study"]])
        patch = cursor.fetchone()[0]
        cursor.execute(
            "SELECT d.id, t.id FROM detection_detectionrun d JOIN detection_trainingrun t USING (study_id) "
            "WHERE study_id = %s LIMIT 1",
            [at["study"]],
        )
        detection, training = cursor.fetchone()
    addresses = [
        f"/api/studies/{at['study']}",
        f"/api/slides/{at['slide']}",
        f"/api/slides/{at['slide']}/thumbnail",
        f"/api/slides/{at['slide']}/tiles/9/0_0.jpg",
        f"/api/patches/{patch}/image",
        f"/api/training-runs/{training}",
        f"/api/detection-runs/{detection}",
        f"/api/detection-runs/{detection}/points",
        f"/api/detection-runs/{detection}/export.csv",
        f"/api/detection-runs/{detection}/export.geojson",
    ]
    page, member = loop.page_of("stranger", "a stranger's long password"), loop.page_of("pathologist")
    for address in addresses:
        assert fetched(member, loop.product.address + address).status == 200, address
        answer = fetched(page, loop.product.address + address)
        assert answer.status == 404, address
        assert answer.json()["code"] == "not_found"
    page.goto(f"{loop.product.address}/studies")
    expect(page.get_by_text("No studies yet")).to_be_visible()


STRANGER = """
from labeling.models import User
User.objects.create_user("stranger", password="a stranger's long password")
"""


def training_wish() -> dict[str, Any]:
    return {"preset": "quick", "client_key": "7e0d0dc2-9c7a-4f0e-9d43-0f1b6a2f3c11"}


def post(context: BrowserContext, product: Product, address: str, body: dict[str, Any]) -> APIResponse:
    """Post as the signed-in person, with the CSRF token that the page would send."""
    token = next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "csrftoken")
    headers = {"X-CSRFToken": token, "Referer": product.address}
    return context.request.post(product.address + address, data=body, headers=headers)
