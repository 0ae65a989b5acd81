"""People, a study and a slide that can be read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from django.core.cache import cache
from numpy.typing import NDArray
from PIL import Image
from rest_framework.test import APIClient

from labeling import media
from labeling.apis.images import decisions
from labeling.choices import Role
from labeling.models import Slide, Study, User
from labeling.readers import pool
from labeling.slides.reader import SlideReader
from labeling.slides.tiles import thumbnail
from labeling.tile_bytes import drawn_tiles
from tests.factories import MembershipFactory, SlideFactory, StudyFactory, UserFactory


@pytest.fixture(autouse=True)
def own_media(settings: Any, tmp_path: Path) -> Path:
    """A media store of the test's own, and nothing remembered from another test."""
    settings.MEDIA_ROOT = str(tmp_path / "media")
    Path(settings.MEDIA_ROOT).mkdir()
    cache.clear()
    decisions.forget()
    pool.close()
    drawn_tiles.forget()
    return Path(settings.MEDIA_ROOT)


@dataclass(frozen=True)
class People:
    """One person per role in a study, one with no role, and a site admin."""

    study: Study
    pathologist: User
    lab: User
    admin: User
    stranger: User
    site_admin: User

    def client(self, who: str) -> APIClient:
        """A client signed in as somebody; ``nobody`` is not signed in."""
        client = APIClient()
        if who != "nobody":
            client.force_login(getattr(self, who))
        return client


@pytest.fixture
def people(db: None) -> People:
    study = StudyFactory.create()
    users = {role: MembershipFactory.create(study=study, role=role).user for role in Role.values}
    return People(
        study=study,
        stranger=MembershipFactory.create(role=Role.ADMIN).user,
        site_admin=UserFactory.create(is_superuser=True),
        **users,
    )


def drawn_pixels(width: int, height: int, seed: int = 1) -> NDArray[np.uint8]:
    """Draw something with a pattern, so that no two places look alike."""
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def write_png(path: Path, pixels: NDArray[np.uint8]) -> Path:
    """Write pixels as PNG."""
    Image.fromarray(pixels).save(path, "PNG")
    return path


@dataclass(frozen=True)
class Field:
    """A slide made from known pixels."""

    slide: Slide
    pixels: NDArray[np.uint8]


@pytest.fixture
def make_field(people: People, tmp_path: Path) -> Callable[..., Field]:
    """Make a slide that is ready, as the worker leaves it, without the worker's child processes."""

    def make(width: int = 300, height: int = 200, seed: int = 1, **fields: Any) -> Field:
        pixels = drawn_pixels(width, height, seed)
        original = media.store_copy(write_png(tmp_path / f"{seed}.png", pixels))
        pyramid = tmp_path / f"{seed}.tif"
        tifffile.imwrite(pyramid, pixels, photometric="rgb", tile=(256, 256), compression="deflate")
        with SlideReader(pyramid) as reader:
            picture = media.store_bytes(thumbnail(reader))
        known = {"width": width, "height": height, "format": "png", "number": seed, "uploaded_by": people.lab}
        slide = SlideFactory.create(
            **{"study": people.study, **known, **fields},
            sha256=original,
            size_bytes=media.path_of(original).stat().st_size,
            pyramid_sha256=media.store_copy(pyramid),
            thumbnail_sha256=picture,
        )
        return Field(slide, pixels)

    return make


@pytest.fixture
def field(make_field: Callable[..., Field]) -> Field:
    return make_field()
