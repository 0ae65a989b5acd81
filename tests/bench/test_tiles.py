"""The bench of tiles: what is asked for, by whom, and that a wrong answer is no measurement."""

import http.server
import threading

import numpy as np
import pytest

from bench.tile_clients import load
from bench.tile_peers import deepzoom_grid, large_image_grid
from bench.tiles import best, looks, our_grid, ratios
from labeling.drawn.tile_file import Level, write_tiles
from tests.labeling.slides.test_stored_tiles import cut, encoded

GRID = [(1, 1), (1, 1), (2, 1), (4, 2), (8, 4), (16, 8)]


def test_each_tile_is_asked_for_once_from_the_coarsest_that_a_viewer_shows():
    found = list(looks(GRID, 50))
    assert len(found) == len(set(found))
    assert {level for level, _, _ in found} == {1, 2, 3, 4, 5}
    assert all(col < GRID[level][0] and row < GRID[level][1] for level, col, row in found)
    assert found == list(looks(GRID, 50))
    assert sum(level == 4 for level, _, _ in found) == 8 * 4


def test_all_servers_have_the_same_grid_of_a_slide_that_lines_up(tmp_path):
    tiles = [encoded(part) for part in cut(np.zeros((1000, 1300, 3), np.uint8))]
    write_tiles(tmp_path / "s.tif", tiles, [Level(1300, 1000, np.arange(24).reshape(4, 6))])
    ours = our_grid(tmp_path / "s.tif")
    assert ours == deepzoom_grid(tmp_path / "s.tif")
    assert ours[8:] == large_image_grid(tmp_path / "s.tif")


class Server(http.server.ThreadingHTTPServer):
    asked: list[tuple[str, str | None]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Cookie")))
        body = b"x" * 100_000
        self.send_response(404 if "wrong" in self.path else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:50_000])
        self.wfile.write(body[50_000:])
        # A kept connection that the server closes: the client comes back on another.
        self.close_connection = len(self.server.asked) % 3 == 0

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_clients_ask_for_all_and_time_each(server):
    paths = [f"/{n}" for n in range(20)]
    heard = load(server.server_port, ["Cookie: a=1\r\n", "Cookie: a=2\r\n"], paths)
    assert sorted(path for path, _ in server.asked) == sorted(paths)
    assert {cookie for _, cookie in server.asked} == {"a=1", "a=2"}
    assert len(heard.seconds) == 20
    assert 0 < max(heard.seconds) <= heard.wall_s


def test_a_refusal_is_no_measurement(server):
    with pytest.raises(ConnectionError, match="404"):
        load(server.server_port, [""], ["/1", "/wrong"])


def test_the_best_round_counts_and_more_is_better():
    rounds = [{"warm_tiles_per_s": 10.0, "cold_p95_ms": 5.0}, {"warm_tiles_per_s": 20.0, "cold_p95_ms": 6.0}]
    found = best(rounds)
    assert (found["warm_tiles_per_s"], found["cold_p95_ms"], found["rounds"]) == (20, 5, rounds)
    figures = {"warm_tiles_per_s": 100.0, "cold_p95_ms": 5.0, "warm_cpu_ms": 1.0, "cold_cpu_ms": 2.0}
    theirs = {"warm_tiles_per_s": 50.0, "cold_p95_ms": 10.0, "warm_cpu_ms": 3.0, "cold_cpu_ms": 8.0}
    wanted = {"warm_tiles_per_s": 2, "cold_p95_ms": 2, "warm_cpu_ms": 3, "cold_cpu_ms": 4}
    assert ratios(figures, theirs) == wanted
