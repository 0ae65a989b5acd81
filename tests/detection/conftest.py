"""People, a media store of the test's own, and a toy model trained once."""

from pathlib import Path

import pytest

from tests.detection.makers import add_toy_labels, write_toy_checkpoint
from tests.labeling.conftest import own_media, people  # noqa: F401


@pytest.fixture(scope="session")
def toy_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that finds brown discs."""
    path = tmp_path_factory.mktemp("toy") / "model.safetensors"
    write_toy_checkpoint(path)
    return path


@pytest.fixture
def study(people):  # noqa: F811
    """Labels enough to train on."""
    add_toy_labels(people.study)
    return people.study
