"""A million cells on a slide in Chromium: how many frames a second there are while it is panned."""

import pytest

from bench import overlay as bench
from tests.faults.workers import worker_environment

LEAST_FRAMES_PER_S, MOST_OF_BARE = 30, 1.25


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
def test_a_slide_with_a_million_cells_is_panned_smoothly(monkeypatch, record_property):
    for name, value in worker_environment().items():
        monkeypatch.setenv(name, value)
    panned = bench.measure(1_000_000)["pan"]
    rates = {place: 1000 / found["cells"]["median_ms"] for place, found in panned.items()}
    record_property("frames_per_s", rates)
    assert set(rates) == set(bench.PLACES)
    for place, rate in rates.items():
        # A machine too busy to draw the bare slide says nothing of the cells on it.
        assert rate >= LEAST_FRAMES_PER_S or panned[place]["ratio"]["median_ms"] <= MOST_OF_BARE, (place, panned[place])
