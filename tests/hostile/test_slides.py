"""Every hostile slide gets its verdict, quickly, in little memory, and leaves nothing behind."""

import resource

import pytest

from labeling.slides.errors import SlideError
from labeling.slides.inspection import inspect_slide
from labeling.slides.pyramid import build_pyramid
from labeling.slides.reader import SlideReader
from labeling.slides.zipped import is_zip, look_into_zip, main_file, unpack_zip
from tests.hostile.slides import ACCEPT, CASES, INCOMPLETE, Case


def peak_kb(who: int) -> int:
    """The most memory that this process or any ended child of it ever held; a child begins with its parent's."""
    return resource.getrusage(who).ru_maxrss


def spent_s() -> float:
    """Processor time of this process and its ended children: a busy machine does not lengthen it."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def verdict_on(path, folder) -> str:
    """Take a file in as the ingest does, and read all of it."""
    try:
        if is_zip(path):
            unpack_zip(path, folder, contents=look_into_zip(path))
            path = main_file(folder)
        found = inspect_slide(path)
        readable = path
        if found.needs_pyramid:
            readable = folder / "pyramid.tif"
            build_pyramid(path, readable, mpp=found.mpp)
        with SlideReader(readable) as reader:
            assert reader.size == (found.width, found.height)
            _, mask = reader.read(0, 0, *reader.size)
    except SlideError as refusal:
        is_sentence = refusal.message[0].isupper() and refusal.message.endswith(".")
        return refusal.code if is_sentence else f"no sentence: {refusal.message}"
    return ACCEPT if mask.all() else INCOMPLETE


def test_the_corpus_is_wide():
    assert len({case.name for case in CASES}) == len(CASES) >= 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict(case: Case, tmp_path):
    path = tmp_path / case.name
    case.make(path)
    before, folder = path.read_bytes(), tmp_path / "made"
    folder.mkdir()
    start_s, children_kb = spent_s(), peak_kb(resource.RUSAGE_CHILDREN)
    assert verdict_on(path, folder) == case.verdict
    assert spent_s() - start_s < 5
    assert peak_kb(resource.RUSAGE_CHILDREN) <= max(children_kb, peak_kb(resource.RUSAGE_SELF), 512 * 1024)
    assert path.read_bytes() == before
    assert is_zip(path) or [made.name for made in folder.iterdir()] in ([], ["pyramid.tif"])
    assert {made.name for made in tmp_path.iterdir()} == {"made", case.name}
