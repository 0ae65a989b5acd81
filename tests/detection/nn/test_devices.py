"""What is asked of a device, as far as a machine without a GPU can tell."""

import pytest
import torch

from detection.nn.devices import default_device, determinism, has_native_bf16, sent, whole_fp32
from detection.nn.training import train
from tests.detection.nn.toys import tiny_config, toy_patches

CPU = torch.device("cpu")


def switches() -> tuple[bool, bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.benchmark, cudnn.allow_tf32, cudnn.enabled


@pytest.mark.parametrize(("has_gpu", "name"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_taken_where_there_is_one(monkeypatch, has_gpu, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert default_device().type == name


def test_native_bf16_is_what_the_processor_says(monkeypatch):
    for told, native in (({}, False), ({"avx512_bf16": True}, True), ({"amx_bf16": True}, True)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told)
        assert has_native_bf16(CPU) is native


def test_nothing_is_copied_where_it_lies_already():
    tensor = torch.arange(6)
    assert sent(tensor, CPU).data_ptr() == tensor.data_ptr()


@pytest.mark.parametrize("asked", [whole_fp32, lambda: determinism(wanted=True)], ids=["whole_fp32", "determinism"])
def test_switches_are_put_back_after_an_error_too(asked):
    before, inside = switches(), []

    def fail() -> None:
        with asked():
            inside.append(switches())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert inside != [before]
    assert switches() == before


def test_a_training_that_is_deterministic_as_on_a_gpu_learns_the_same():
    config = tiny_config(epochs=2)
    data = toy_patches(32, 0), toy_patches(16, 1)
    plain = train(*data, config, seed=1, device="cpu").model.state_dict()
    with determinism(wanted=True):
        exact = train(*data, config, seed=1, device="cpu").model.state_dict()
    assert all(torch.equal(plain[name], tensor) for name, tensor in exact.items())


@pytest.mark.gpu
def test_a_gpu_gets_its_pixels_whole():
    pixels = torch.arange(70 * 70 * 3, dtype=torch.int64).to(torch.uint8)
    found = sent(pixels, torch.device("cuda"))
    assert found.device.type == "cuda"
    assert torch.equal(found.cpu(), pixels)
