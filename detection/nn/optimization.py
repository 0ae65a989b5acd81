"""What moves the weights: optimiser, learning rate and running average, as a recipe asks for them."""

import torch
from torch.optim import Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import ConstantLR, LRScheduler, OneCycleLR

from detection.nn.config import TrainingConfig
from detection.nn.network import PaperNet

_SHORTEST_CYCLE = 5
"""A cycle of four steps would rise for none, which torch divides by."""


def new_optimizer(model: PaperNet, config: TrainingConfig) -> Optimizer:
    """Make the recipe's optimiser; it decays the matrices, not the biases and norms.

    Its moments are there from the start, zero as they would be before the first step, so that a training's state has
    the same tensors at any time.
    """
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    kind = AdamW if config.optimizer == "adamw" else Adam
    optimizer = kind(groups, lr=config.learning_rate, fused=True)
    for parameter in (*matrices, *vectors):
        optimizer.state[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "exp_avg_sq": torch.zeros_like(parameter, memory_format=torch.preserve_format),
        }
    return optimizer


def new_schedule(optimizer: Optimizer, config: TrainingConfig, steps: int) -> LRScheduler:
    """Lay the recipe's learning rate over all steps."""
    if config.schedule == "constant":
        return ConstantLR(optimizer, factor=1.0, total_iters=0)
    total = max(steps + 1, _SHORTEST_CYCLE)
    return OneCycleLR(optimizer, config.learning_rate, total_steps=total, pct_start=0.25, cycle_momentum=False)


@torch.no_grad()
def blend(average: PaperNet, model: PaperNet, decay: float) -> None:
    """Move the averaged weights towards the model's; integers are copied."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(new, 1 - decay)
        else:
            kept.copy_(new)
