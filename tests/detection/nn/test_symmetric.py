"""A tied network cannot tell a cell from the same cell turned or mirrored, and is the paper's network once untied."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from detection.nn.errors import TrainingError
from detection.nn.evaluation import predict
from detection.nn.network import NetworkShape, PaperNet
from detection.nn.symmetric import share_statistics, tie, untied
from detection.nn.training import train
from tests.detection.nn.toys import tiny_config, toy_patches

SHAPE = NetworkShape(features=(8, 16, 8), fc=16)


def forms_of(images: np.ndarray) -> list[np.ndarray]:
    return [
        np.ascontiguousarray(np.rot90(side, turns, axes=(1, 2)))
        for side in (images, images[:, :, ::-1])
        for turns in range(4)
    ]


def learned_a_little(shape: NetworkShape = SHAPE) -> PaperNet:
    """A tied network after a step, its statistics and all its weights moved."""
    torch.manual_seed(3)
    network = tie(PaperNet(shape)).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    patches = toy_patches(32, 1)
    network(network.prepare(patches.images))[:, 1].square().sum().backward()
    optimizer.step()
    share_statistics(network)
    return network.eval()


def test_every_form_of_a_patch_has_the_same_score():
    network = learned_a_little()
    rng = np.random.default_rng(4)
    images = rng.integers(0, 256, (3, 70, 70, 3), dtype=np.uint8)
    scores = [predict(network, form) for form in forms_of(images)]
    assert np.ptp(scores[0]) > 1e-4
    for other in scores[1:]:
        assert other == pytest.approx(scores[0], abs=1e-5)


def test_an_untied_network_computes_the_same_with_plain_weights():
    network = learned_a_little()
    plain = untied(network)
    assert plain.state_dict().keys() == PaperNet(SHAPE).state_dict().keys()
    images = toy_patches(4, 2).images
    assert predict(plain, images) == pytest.approx(predict(network, images), abs=1e-6)
    again = untied(network)
    assert all(torch.equal(one, two) for one, two in zip(plain.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", ["fc1", "fc2"])
def test_a_layer_that_turns_what_it_sees_learns_as_one_with_full_weights(name):
    network = learned_a_little()
    layer = getattr(network, name)
    width = layer.weight.shape[1]
    torch.manual_seed(5)
    seen, way = torch.randn(6, width, requires_grad=True), torch.randn(6, SHAPE.fc)
    found = {}
    for title, answer in {
        "turned views": layer(seen),
        "full weights": functional.linear(seen, layer.weight, layer.bias),
    }.items():
        asked = [seen, layer.one, layer.one_bias]
        found[title] = [answer.detach(), *torch.autograd.grad((answer * way).sum(), asked)]
    for one, two in zip(*found.values(), strict=True):
        assert one.abs().max() > 0.1
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-5)


def test_one_filter_in_eight_is_learned():
    shape = NetworkShape()
    full = sum(parameter.numel() for parameter in PaperNet(shape).parameters())
    tied = sum(parameter.numel() for parameter in tie(PaperNet(shape)).parameters())
    assert 7.9 < full / tied < 8.1


def test_copies_keep_weights_of_their_own():
    network = learned_a_little()
    twin = copy.deepcopy(network)
    images = toy_patches(4, 2).images
    before = predict(twin, images)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert np.array_equal(predict(twin, images), before)


def test_a_symmetric_training_leaves_a_plain_network_that_learned():
    config = tiny_config(shape=SHAPE, symmetric=True, epochs=12)
    held_out = toy_patches(64, 9)
    outcome = train(toy_patches(128, 1), toy_patches(32, 2), config, seed=1)
    assert outcome.model.state_dict().keys() == PaperNet(SHAPE).state_dict().keys()
    found = predict(outcome.model, held_out.images)
    assert ((found >= outcome.threshold) == held_out.labels).mean() > 0.9
    for form in forms_of(held_out.images):
        assert predict(outcome.model, form) == pytest.approx(found, abs=1e-4)
    statistics = [value.view(-1, 8) for name, value in outcome.model.state_dict().items() if ".running_" in name]
    assert len(statistics) == 8
    for forms in statistics:
        assert torch.allclose(forms, forms[:, :1].expand_as(forms), rtol=1e-6)


def test_widths_that_hold_no_eight_forms_are_refused():
    with pytest.raises(TrainingError, match="multiples of 8"):
        tiny_config(shape=NetworkShape(features=(8, 12, 8), fc=16), symmetric=True)
