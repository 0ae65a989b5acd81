import numpy as np
import openslide
import pytest
from PIL import Image

from labeling.drawn.slide_file import write_field, write_slide
from labeling.drawn.tissue import Tissue


@pytest.fixture(scope="module")
def written(section, tmp_path_factory):
    path = tmp_path_factory.mktemp("slide") / "drawn.tif"
    seen: list[tuple[int, int]] = []
    write_slide(section, path, on_progress=lambda done, total: seen.append((done, total)))
    return path, seen


def test_openslide_opens_it_with_its_scale(section, written):
    with openslide.OpenSlide(written[0]) as slide:
        assert slide.dimensions == (section.width, section.height)
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(section.mpp, rel=1e-6)
        assert float(slide.properties["openslide.mpp-y"]) == pytest.approx(section.mpp, rel=1e-6)
        assert slide.level_count >= 4
        assert slide.properties["openslide.level[0].tile-width"] == "256"


def test_its_pixels_are_the_drawn_ones_up_to_jpeg(section, written):
    with openslide.OpenSlide(written[0]) as slide:
        for x, y in ((0, 0), (1000, 900), (2700, 2300)):
            read = np.asarray(slide.read_region((x, y), 0, (300, 200)).convert("RGB"), np.int16)
            drawn = section.render(x, y, 300, 200).astype(np.int16)
            assert np.abs(read - drawn).mean() < 4
            assert np.abs(read - drawn).max() > 0


def test_progress_ends_with_every_row(section, written):
    done = [row for row, _ in written[1]]
    assert done == sorted(done)
    assert written[1][-1] == (section.height, section.height)


def test_nothing_but_the_slide_is_left_in_the_folder(written):
    assert [path.name for path in written[0].parent.iterdir()] == [written[0].name]


def test_another_scale_is_kept_in_the_file(tmp_path):
    write_slide(Tissue(300, 200, seed=1, mpp=0.2278), tmp_path / "a.tif")
    with openslide.OpenSlide(tmp_path / "a.tif") as slide:
        assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.2278, rel=1e-4)


def test_an_error_while_drawing_is_the_callers_and_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "out" / "slide.tif"
    target.parent.mkdir()
    target.write_bytes(b"the slide of before")
    section = Tissue(1500, 2500, seed=1)
    draw = section.render

    def fails_below(x, y, w, h):
        if y > 0:
            raise MemoryError("no room for the second strip")
        return draw(x, y, w, h)

    monkeypatch.setattr(section, "render", fails_below)
    with pytest.raises(MemoryError, match="second strip"):
        write_slide(section, target)
    assert target.read_bytes() == b"the slide of before"
    assert [path.name for path in target.parent.iterdir()] == ["slide.tif"]


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="absent"):
        write_slide(Tissue(100, 100, seed=1), tmp_path / "absent" / "slide.tif")


def test_a_png_field_has_exactly_the_drawn_pixels(section, tmp_path):
    write_field(section, tmp_path / "field.png", (700, 600, 600, 500))
    with Image.open(tmp_path / "field.png") as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), section.render(700, 600, 600, 500))


def test_a_jpeg_field_is_close_to_the_drawn_pixels(section, tmp_path):
    write_field(section, tmp_path / "field.jpg", (700, 600, 600, 500))
    with Image.open(tmp_path / "field.jpg") as image:
        assert image.format == "JPEG"
        assert np.abs(np.asarray(image, np.int16) - section.render(700, 600, 600, 500)).mean() < 4
