"""The tiled evaluation equals the network on every window, in any precision's own terms, wherever a tile lies."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.nn import engine as engine_module
from detection.nn.engine import Engine, resolved_engine, resolved_precision
from detection.nn.errors import DetectionError
from detection.nn.evaluation import predict
from detection.nn.network import NetworkShape, PaperNet
from detection.nn.trunk import has_openvino
from tests.detection.nn.test_network import network, noise
from tests.detection.nn.toys import TINY

STRIDES = [8, 4, 2, 1]
needs_openvino = pytest.mark.skipif(not has_openvino(), reason="OpenVINO is not installed here")
ENGINES = ["torch", pytest.param("openvino", marks=needs_openvino)]
both_engines = pytest.mark.parametrize("engine", ENGINES)


def some(shape: tuple[int, int], share: float, seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).random(shape) < share)


def windows(image: np.ndarray, stride_px: int) -> tuple[int, int]:
    return (image.shape[0] - 70) // stride_px + 1, (image.shape[1] - 70) // stride_px + 1


def assert_equals_windows(model, image, stride_px: int, within: float, *, share: float = 1.0, **options) -> None:
    """Compare with the network on at most 60 of the chosen windows alone, every phase among them."""
    chosen = some(windows(image, stride_px), share, 1)
    found = Engine(model, **options).score(image, chosen, stride_px)
    assert (found[~chosen] == 0).all()
    places = np.argwhere(chosen)[:: 1 + chosen.sum() // 60]
    if len(places):
        patches = np.stack([image[y : y + 70, x : x + 70] for y, x in places * stride_px])
        assert np.abs(found[tuple(places.T)] - predict(model, patches)).max() <= within


@both_engines
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from(STRIDES), st.integers(0, 12), st.integers(0, 12), st.sampled_from([0.02, 0.3, 1.0]),
    st.integers(0, 99),
)  # fmt: skip
def test_equals_window_by_window(engine, stride_px, a, b, share, seed):
    image = noise(a, b, seed, stride_px)
    assert_equals_windows(network(TINY, seed), image, stride_px, 1e-5, share=share, precision="fp32", engine=engine)


@both_engines
@pytest.mark.parametrize("stride_px", STRIDES)
def test_equals_window_by_window_at_the_paper_s_size(stride_px, engine):
    image, model = noise(9 if stride_px > 2 else 1, 1, 0, stride_px), network(NetworkShape(fc=64), 1)
    assert_equals_windows(model, image, stride_px, 1e-4, share=0.3, precision="fp32", engine=engine)


@both_engines
@pytest.mark.parametrize("stride_px", [8, 4])
def test_bf16_is_near(stride_px, engine):
    _skip_without_bf16(engine)
    image = noise(5, 9, 2, stride_px)
    assert_equals_windows(network(TINY, 2), image, stride_px, 0.1, share=0.5, precision="bf16", engine=engine)


def _skip_without_bf16(engine: str) -> None:
    """PyTorch emulates bf16 anywhere; OpenVINO is only asked for it where it is native."""
    if engine == "openvino" and resolved_precision("auto", "cpu") != "bf16":
        pytest.skip("no bf16 here")


@both_engines
@pytest.mark.real_data
@pytest.mark.parametrize("stride_px", STRIDES)
def test_equals_window_by_window_on_a_real_image(real_data, stride_px, engine):
    from PIL import Image

    with Image.open(real_data / "slides" / "ihc.png") as picture:
        whole = np.asarray(picture.convert("RGB"))
    image, model = whole[100 : 186 - stride_px, 60 : 162 - stride_px], network(NetworkShape(fc=64), 2)
    assert_equals_windows(model, image, stride_px, 1e-4, share=0.5, precision="fp32", engine=engine)


@both_engines
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stride_px", [8, 4, 2])
@pytest.mark.parametrize("shape", [TINY, NetworkShape(fc=32)], ids=["tiny", "paper"])
def test_a_score_has_the_same_bits_in_any_image(shape, stride_px, precision, engine):
    if precision == "bf16":
        _skip_without_bf16(engine)
    model, step = Engine(network(shape, 3), precision=precision, engine=engine), 8 // stride_px
    image = noise(20, 28, 3, stride_px)
    whole = model.score(image, np.ones(windows(image, stride_px), dtype=bool), stride_px)
    for tile_y, tile_x, height, width, share in ((0, 1, 9, 12, 1.0), (1, 0, 5, 20, 0.2), (1, 2, 12, 4, 0.05)):
        rows, cols = slice(tile_y * 8 * step, None), slice(tile_x * 8 * step, None)
        cut = image[64 * tile_y :, 64 * tile_x :][: 70 + 8 * height - stride_px, : 70 + 8 * width - stride_px]
        chosen = some(windows(cut, stride_px), share, tile_y)
        part = model.score(cut, chosen, stride_px)
        wanted = whole[rows, cols][: chosen.shape[0], : chosen.shape[1]]
        assert part[chosen].tobytes() == wanted[chosen].tobytes()


def test_tiles_that_nobody_needs_are_left_out():
    image = noise(40, 40, 0)
    engine = Engine(network(TINY, 0), precision="fp32")
    chosen = np.zeros((41, 41), dtype=bool)
    assert engine.score(image, chosen).max() == 0
    assert engine.spent.flop == 0
    chosen[0, 0] = True
    engine.score(image, chosen)
    one = engine.spent.flop
    engine.score(image, np.ones_like(chosen))
    assert engine.spent.flop - one > 10 * one
    assert set(engine.spent.seconds) == {"trunk", "head"}


@pytest.mark.parametrize("at_once", [2, 5])
def test_several_tiles_at_once_give_the_same(monkeypatch, at_once):
    image = noise(20, 12, 4, 4)
    chosen = some((42, 26), 0.4, 4)
    model = network(TINY, 4)
    one = Engine(model, precision="fp32", engine="torch").score(image, chosen, 4)
    monkeypatch.setitem(engine_module._TILES_AT_ONCE, "cpu", at_once)
    many = Engine(model, precision="fp32", engine="torch").score(image, chosen, 4)
    assert np.allclose(many, one, atol=1e-5)


AS_ON_A_GPU = engine_module._TILES_AT_ONCE["cuda"]


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    """Make a CPU take as many tiles at once as a GPU."""
    monkeypatch.setitem(engine_module._TILES_AT_ONCE, "cpu", AS_ON_A_GPU)


def low_rank(shape: NetworkShape, seed: int) -> PaperNet:
    torch.manual_seed(seed)
    model = PaperNet(shape, rank=4)
    model.load_state_dict(network(shape, seed).state_dict(), strict=False)
    return model.eval()


@pytest.mark.parametrize(("precision", "within"), [("fp32", 2e-6), ("bf16", 0.02)])
@pytest.mark.parametrize(("stride_px", "a", "b"), [(8, 60, 76), (4, 60, 76), (2, 30, 30), (1, 14, 14)])
@pytest.mark.parametrize("share", [0.002, 0.6])
def test_the_tiles_of_a_gpu_give_the_same_one_by_one(request, stride_px, a, b, precision, within, share):
    """Many windows need more tiles than a chunk, few need less than one; the last chunk is filled up."""
    image = noise(a, b, 5, stride_px)
    chosen = some(windows(image, stride_px), share, 5)
    model = low_rank(TINY, 5)
    one = Engine(model, precision=precision, engine="torch")
    request.getfixturevalue("as_on_a_gpu")
    many = Engine(model, precision=precision, engine="torch")
    assert chosen.any()
    assert np.abs(many.score(image, chosen, stride_px) - one.score(image, chosen, stride_px)).max() <= within
    assert many.spent.flop > one.spent.flop


@pytest.mark.usefixtures("as_on_a_gpu")
def test_the_tiles_of_a_gpu_equal_window_by_window_at_the_paper_s_size():
    model, image = network(NetworkShape(fc=64), 6), noise(20, 6, 6, 4)
    assert_equals_windows(model, image, 4, 1e-4, share=0.3, precision="fp32", engine="torch")


@pytest.mark.usefixtures("as_on_a_gpu")
def test_a_chunk_that_is_filled_up_keeps_the_bits():
    model, image = Engine(network(TINY, 7), precision="fp32", engine="torch"), noise(60, 76, 7)
    whole = model.score(image, np.ones((61, 77), dtype=bool))
    few = some((61, 77), 0.002, 7)
    assert 0 < few.sum() < 20
    assert model.score(image, few)[few].tobytes() == whole[few].tobytes()


def test_chunks_are_full_and_hold_every_place_in_order():
    for count in (1, 63, 64, 65, 200):
        places = [(0, n, n) for n in range(count)]
        chunks = list(engine_module._chunks(places, AS_ON_A_GPU))
        assert {len(chunk) for chunk in chunks} == {AS_ON_A_GPU}
        flat = [place for chunk in chunks for place in chunk]
        assert flat[:count] == places
        assert set(flat[count:]) <= {places[-1]}
    assert list(engine_module._chunks([], AS_ON_A_GPU)) == []


def test_everything_lies_on_the_engine_s_device():
    """The device without memory takes every step but the last, where the scores are fetched back."""
    engine = Engine(low_rank(TINY, 8), precision="bf16", device="meta")
    with pytest.raises(NotImplementedError, match="meta"):
        engine.score(noise(10, 10, 8, 4), np.ones((22, 22), dtype=bool), 4)
    tensors = [engine._centre, *engine._buffers.values(), *engine._hidden.parameters(), *engine._last.parameters()]
    tensors += [tensor for conv in engine._convs for tensor in conv.parameters()]
    assert len(engine._buffers) == 3
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert "trunk" in engine.spent.seconds


def test_fp32_is_no_tf32_and_the_switch_is_put_back():
    engine, seen = Engine(network(TINY, 0), precision="fp32", engine="torch"), []
    engine._convs[0].register_forward_hook(lambda *_: seen.append(torch.backends.cudnn.allow_tf32))
    before = torch.backends.cudnn.allow_tf32
    engine.score(noise(2, 2, 0), np.ones((3, 3), dtype=bool))
    assert set(seen) == {False}
    assert torch.backends.cudnn.allow_tf32 == before


@pytest.mark.gpu
@pytest.mark.parametrize(("precision", "within"), [("fp32", 1e-4), ("bf16", 0.03)])
@pytest.mark.parametrize("stride_px", STRIDES)
def test_a_gpu_scores_as_a_cpu_does(stride_px, precision, within):
    image = noise(30, 52, 9, stride_px)
    chosen = some(windows(image, stride_px), 0.4, 9)
    model = low_rank(TINY, 9)
    wanted = Engine(model, precision="fp32").score(image, chosen, stride_px)
    engine = Engine(model, precision=precision, device="cuda")
    found = engine.score(image, chosen, stride_px)
    assert np.abs(found - wanted).max() <= within
    assert engine.score(image, chosen, stride_px).tobytes() == found.tobytes()


def test_images_that_do_not_fit_are_refused():
    engine = Engine(network(TINY, 0), precision="fp32")
    with pytest.raises(ValueError, match="need"):
        engine.score(noise(2, 2, 0), np.ones((3, 4), dtype=bool))
    with pytest.raises(ValueError, match="need"):
        engine.score(noise(2, 2, 0), np.ones((5, 5), dtype=bool), 4)


def test_the_model_is_left_alone():
    model = network(TINY, 6)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    Engine(model, precision="bf16").score(noise(1, 1, 0), np.ones((2, 2), dtype=bool))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_what_is_used_is_said(one_thread):
    engine = Engine(network(TINY, 0), head="low_rank", precision="bf16")
    assert (engine.head, engine.precision) == ("full", "bf16")
    assert resolved_precision("auto", "cpu") in ("bf16", "fp32")
    assert resolved_precision("fp32", "cpu") == "fp32"
    assert engine.engine == resolved_engine("auto", "bf16", "cpu")
    assert not engine.reads_ahead
    assert resolved_engine("auto", "fp32", "cpu") == ("openvino" if has_openvino() else "torch")
    assert resolved_engine("auto", "fp32", "cuda") == "torch"
    assert resolved_engine("openvino", "fp32", "cuda") == "openvino"
    torch.set_num_threads(2)
    assert resolved_engine("auto", "fp32", "cpu") == "torch"
    assert Engine(network(TINY, 0)).reads_ahead


@needs_openvino
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stride_px", [8, 2])
def test_openvino_gives_the_same_bits_each_time_and_with_any_number_of_threads(stride_px, precision):
    _skip_without_bf16("openvino")
    image, model = noise(20, 12, 4, stride_px), network(NetworkShape(fc=32), 4)
    chosen = some(windows(image, stride_px), 0.3, 4)
    before, found = torch.get_num_threads(), set()
    try:
        for threads in (1, 2, 1):
            torch.set_num_threads(threads)
            engine = Engine(model, precision=precision, engine="openvino")
            found |= {engine.score(image, chosen, stride_px).tobytes() for _ in range(3)}
    finally:
        torch.set_num_threads(before)
    assert len(found) == 1


@needs_openvino
def test_openvino_tells_nobody_that_it_is_used(tmp_path):
    """Its telemetry would leave an identity in the home and send an event on import; there is no trace of either."""
    load = "import sys; from detection.nn.trunk import has_openvino; assert has_openvino(); "
    told = "print([name for name in sys.modules if name.startswith('openvino_telemetry.')])"
    environment = {**os.environ, "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", load + told], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert not (tmp_path / "intel").exists()


def test_openvino_that_is_not_there_is_said(monkeypatch, one_thread):
    monkeypatch.setattr(engine_module, "has_openvino", lambda: False)
    assert Engine(network(TINY, 0), precision="fp32").engine == "torch"
    with pytest.raises(DetectionError, match="does not have"):
        Engine(network(TINY, 0), precision="fp32", engine="openvino")


@needs_openvino
def test_openvino_is_not_asked_for_bf16_that_is_not_native(monkeypatch, one_thread):
    monkeypatch.setattr(engine_module, "has_native_bf16", lambda _: False)
    assert Engine(network(TINY, 0), precision="bf16").engine == "torch"
    assert Engine(network(TINY, 0), precision="fp32").engine == "openvino"
    with pytest.raises(DetectionError, match="16 bit"):
        Engine(network(TINY, 0), precision="bf16", engine="openvino")


COME_AND_GO = """
import os, signal
import numpy as np
import torch
from detection.nn.engine import Engine
from detection.nn.network import NetworkShape, PaperNet

def counted():
    engine = Engine(PaperNet(NetworkShape((4, 6, 8), 16)), precision="fp32", engine="openvino")
    engine.score(np.zeros((78, 78, 3), dtype=np.uint8), np.ones((2, 2), dtype=bool))
    return engine

signal.signal(signal.SIGUSR1, lambda *_: print("heard"))
first, second = counted(), counted()
del first
del second
os.kill(os.getpid(), signal.SIGUSR1)
"""


@needs_openvino
def test_a_process_whose_engines_have_gone_still_hears_signals():
    done = subprocess.run([sys.executable, "-c", COME_AND_GO], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "heard"), done.stderr
