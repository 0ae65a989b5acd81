import pytest

from labeling.drawn.tissue import Tissue


@pytest.fixture(scope="session")
def section() -> Tissue:
    """A small section with every kind of cell; the tests share what is drawn of it."""
    return Tissue(3000, 2500, seed=7)
