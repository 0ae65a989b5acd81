"""Thousands of files damaged at random: each ends by a named code, none by what nobody foresaw."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from labeling.slides.child import _ENVIRONMENT
from tests.conftest import ROOT
from tests.hostile.mutations import MUTATIONS, mutate

FORESEEN = {
    *("accept", "incomplete", "slide_empty", "slide_unknown_format", "slide_unsupported_format", "slide_too_small"),
    *("slide_unsupported_pixels", "slide_unsupported_compression", "slide_several_images", "slide_animated"),
    *("slide_too_large", "slide_damaged", "slide_inspection_timeout", "slide_inspection_memory"),
    *("slide_pyramid_timeout", "slide_pyramid_memory", "slide_zip_unsafe", "slide_zip_incomplete", "slide_zip_method"),
    *("slide_zip_encrypted", "slide_zip_no_slide", "slide_zip_nested", "slide_unpacking_timeout"),
    *("slide_unpacking_memory", "slide_zip_several_slides", "slide_zip_many_files"),
}


def run(*options: str) -> list[dict[str, object]]:
    """Run the mutations in a process of their own, as small as an inspection child."""
    command = [sys.executable, "-m", "tests.hostile.mutations", *options]
    environment = {**os.environ, **_ENVIRONMENT}
    answer = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: list[dict[str, object]] = json.loads(answer.stdout)
    return found


def check(found: list[dict[str, object]]) -> None:
    assert [row for row in found if row["verdict"] not in FORESEEN] == []
    assert [row for row in found if float(str(row["cpu_s"])) > 30 or int(str(row["peak_mb"])) > 1536] == []


def test_forty_damaged_drawn_slides():
    found = run("--count", "40")
    check(found)
    assert {row["mutation"] for row in found} == {mutation.__name__ for mutation in MUTATIONS}
    verdicts = {row["verdict"] for row in found}
    assert {"accept", "slide_damaged"} <= verdicts


def test_sixty_damaged_slides_of_several_files():
    """Damaged in one file, the archive and its checksums being whole: OpenSlide is what has to bear it."""
    found = run("--count", "60", "--zipped")
    check(found)
    assert {"accept", "incomplete", "slide_unsupported_format"} <= {row["verdict"] for row in found}


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.timeout(7200)
def test_two_thousand_damaged_real_slides(real_data: Path):
    found = run("--count", "2000", "--real", str(real_data))
    check(found)
    assert len(found) == 2000


def test_damage_comes_from_its_seed_alone():
    sound = bytes(range(256)) * 100
    assert mutate(sound, 5) == mutate(sound, 5)
    assert len({mutate(sound, seed)[0] for seed in range(50)}) > 40
