"""Training speed: patches a second of the whole recipe, against the bare network step in the same run.

The bare step is forward, loss, backward and AdamW in fp32 on the same batches; the recipe adds augmentation, averaged
weights and mixed precision where the processor has it.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.optim import AdamW

from bench.measure import best_of, main
from detection.nn.config import PRESETS, TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.network import PaperNet
from detection.nn.shape import PATCH_PX
from detection.nn.training import train

PATCHES, STEPS, SEED = 512, 8, 5


def noise(count: int) -> PatchSet:
    """Patches of noise: the time does not depend on what they show."""
    rng = np.random.default_rng(SEED)
    images = rng.integers(0, 256, (count, PATCH_PX, PATCH_PX, 3), dtype=np.uint8)
    return PatchSet(images, np.arange(count, dtype=np.int64) % 2)


def bare(patches: PatchSet, config: TrainingConfig) -> None:
    """Take the same steps with nothing around them."""
    torch.manual_seed(SEED)
    model = PaperNet(config.shape).train()
    optimizer = AdamW(model.parameters(), lr=1e-4)
    labels = torch.from_numpy(patches.labels)
    for step in range(STEPS):
        chosen = slice(step * config.batch_size % PATCHES, step * config.batch_size % PATCHES + config.batch_size)
        loss = functional.cross_entropy(model(model.prepare(patches.images[chosen])), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def measure() -> dict[str, Any]:
    """Time some steps of each recipe and of the bare network."""
    patches, few = noise(PATCHES), noise(16)
    config = PRESETS["default"]
    bare_s = best_of(2, lambda: bare(patches, config))
    found: dict[str, Any] = {"bare_patches_per_s": STEPS * config.batch_size / bare_s}
    for precision in ("fp32", "auto"):
        recipe = config.changed(max_steps=STEPS, precision=precision)
        whole_s = best_of(2, lambda recipe=recipe: train(patches, few, recipe, seed=SEED, device="cpu"))  # type: ignore[misc]
        found[f"recipe_{precision}_patches_per_s"] = STEPS * config.batch_size / whole_s
        found[f"recipe_{precision}_times_bare"] = bare_s / whole_s
    return {"steps": STEPS, "batch_size": config.batch_size, **found}


if __name__ == "__main__":
    main(measure, __doc__)
