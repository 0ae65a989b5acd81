"""Weights tied so that a cell scores the same however it is turned by quarter turns or mirrored.

Tied, one filter in eight is learned, and the other seven are its turned and mirrored copies. Untied again, it is the
paper's network in every respect: as wide, as quick, with weights of its own.

Source: Cohen and Welling 2016 (group equivariant networks, p4m); Veeling et al. 2018 for histopathology.
"""

from collections.abc import Iterator
from operator import attrgetter
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from detection.nn.network import PaperNet, Stage
from detection.nn.shape import FORMS, WINDOW_CELLS


def _formed(images: Tensor, form: int) -> Tensor:
    """Give the last two axes one of eight forms: mirrored or not, then turned by quarter turns."""
    mirrored, turns = divmod(form, 4)
    return torch.rot90(images.flip(-1) if mirrored else images, turns, (-2, -1))


def _origins() -> Tensor:
    """Tell, for each form (rows), which form of a layer's input lands where: form⁻¹ · other, int64 (8, 8)."""
    sample = torch.arange(4.0).view(2, 2)
    forms = [_formed(sample, form) for form in range(FORMS)]

    def named(image: Tensor) -> int:
        return next(number for number, known in enumerate(forms) if torch.equal(known, image))

    product = torch.tensor([[named(_formed(other, form)) for other in forms] for form in range(FORMS)])
    return product[(product == 0).int().argmax(dim=1)]


_ORIGINS = _origins()


class _Turned(nn.Module):
    """Full weights (8·out, in·n, k·k in any shape) from those of one filter in eight, (out, in, n, k, k).

    Args:
        full: the full weights.
        forms_in: 8, or 1 for a layer that sees the image itself.
        side: k.
    """

    origins: Tensor

    def __init__(self, full: Tensor, *, forms_in: int, side: int) -> None:
        super().__init__()
        self.full, self.forms_in, self.side = full.shape, forms_in, side
        self.register_buffer("origins", _ORIGINS, persistent=False)

    def forward(self, one: Tensor) -> Tensor:
        every = [_formed(one if self.forms_in == 1 else one[:, :, self.origins[form]], form) for form in range(FORMS)]
        full = torch.stack(every, dim=1).reshape(self.full)
        return full.contiguous(memory_format=torch.channels_last) if full.ndim == 4 else full

    def right_inverse(self, full: Tensor) -> Tensor:
        return full.reshape(len(full) // FORMS, FORMS, -1, self.forms_in, self.side, self.side)[:, 0].clone()


class _Repeated(nn.Module):
    """The same number for all eight forms of a filter, along one axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, one: Tensor) -> Tensor:
        return one.repeat_interleave(FORMS, dim=self.axis)

    def right_inverse(self, full: Tensor) -> Tensor:
        firsts = torch.arange(0, full.shape[self.axis], FORMS, device=full.device)
        return full.index_select(self.axis, firsts)


class _TiedLinear(nn.Module):
    """A fully connected layer of one row in eight, which turns what it sees instead of its weights.

    The same as with the full weights, to rounding; but a batch in eight forms is much less than they are, and so is its
    gradient.

    Args:
        plain: the layer to begin with.
        side: of the maps it sees.
    """

    order: Tensor

    def __init__(self, plain: nn.Linear, *, side: int) -> None:
        super().__init__()
        self.turned = _Turned(plain.weight, forms_in=FORMS, side=side)
        self.one = nn.Parameter(self.turned.right_inverse(plain.weight.detach()))
        self.one_bias = nn.Parameter(plain.bias.detach()[::FORMS].clone())
        places = self.one[0, 0].numel()
        numbers = torch.arange(float(places)).view(1, 1, *self.one.shape[2:])
        taken = _Turned(torch.empty(FORMS, places), forms_in=FORMS, side=side)(numbers).long()
        first = torch.arange(0, plain.in_features, places).view(1, -1, 1)  # of each filter it sees
        self.register_buffer("order", (first + taken.argsort(dim=1).unsqueeze(1)).flatten(), persistent=False)

    @property
    def weight(self) -> Tensor:
        """The full weights."""
        return cast(Tensor, self.turned(self.one))

    @property
    def bias(self) -> Tensor:
        """The full biases."""
        return self.one_bias.repeat_interleave(FORMS)

    def forward(self, seen: Tensor) -> Tensor:
        views = seen.index_select(1, self.order).view(len(seen) * FORMS, -1)
        found = functional.linear(views, self.one.flatten(1), self.one_bias)
        return found.view(len(seen), FORMS, -1).transpose(1, 2).flatten(1)


def tie(network: PaperNet) -> PaperNet:
    """Tie a new network's weights, in place, and return it; all its widths are multiples of eight."""
    for number, stage in enumerate(network.stages):
        layer = cast(Stage, stage).conv
        turned = _Turned(layer.weight, forms_in=FORMS if number else 1, side=3)
        parametrize.register_parametrization(layer, "weight", turned)
        parametrize.register_parametrization(layer, "bias", _Repeated(0))
    for name, side in (("fc1", WINDOW_CELLS), ("fc2", 1)):
        network.add_module(name, _TiedLinear(getattr(network, name), side=side))
    for norm in _norms(network):
        for name in ("weight", "bias"):
            parametrize.register_parametrization(norm, name, _Repeated(0))
    parametrize.register_parametrization(network.fc3, "weight", _Repeated(1))
    return network


def share_statistics(network: PaperNet) -> None:
    """Give the forms of a filter one mean and variance: a batch shows each cell in one form only."""
    for norm in _norms(network):
        for statistic in (norm.running_mean, norm.running_var):
            if statistic is not None:
                forms = statistic.view(-1, FORMS)
                forms.copy_(forms.mean(dim=1, keepdim=True))


def untied(network: PaperNet) -> PaperNet:
    """Return a network in evaluation mode that computes the same with plain weights."""
    plain = PaperNet(network.shape, preprocessing=network.preprocessing)
    plain.load_state_dict({name: attrgetter(name)(network) for name in plain.state_dict()})
    return plain.eval()


def _norms(network: PaperNet) -> Iterator[nn.BatchNorm1d | nn.BatchNorm2d]:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            yield module
