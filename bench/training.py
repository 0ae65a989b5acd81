"""What the recipes reach on the paper's 2,717 patches, by the paper's protocol and by ours; over an hour on two cores.

Without an option: 5-fold cross-validation, split before augmentation, crops of the same tissue in one fold, of the
default recipe and of model B (no augmentation); and, beside them, the paper's protocol: its recipe on eight turned and
reflected copies of every patch, split at random afterwards, so that copies of one patch stand on both sides. The same
is done with the patches split first: what it scores less is the leak (both on two folds of five, 2,000 steps at most,
for the time's sake). Folds are learned side by side, one on each core. Figures are percent, means over folds with their
spread. The patches are found through TILSCOPE_REAL_DATA.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.optim import AdamW

from bench.measure import best_of, machine, report
from bench.overlaps import groups_of
from bench.protocols import (
    Work,
    averaged,
    by_place,
    cross_validation,
    eight_copies,
    micrograph,
    of_seeds,
    paper_patches,
    real_data,
    transfer,
)
from detection.nn.config import NO_AUGMENTATION, PRESETS, TrainingConfig
from detection.nn.data import PatchSet
from detection.nn.devices import default_device
from detection.nn.network import PaperNet
from detection.nn.shape import PATCH_PX
from detection.nn.training import train

PATCHES, STEPS, SEED = 512, 8, 5
FOLDS, STRIPS = 5, 4
PAPER_FOLDS, PAPER_STEPS = 2, 2000


def scores(data: Path, recipe: TrainingConfig, jobs: int) -> dict[str, Any]:
    """Cross-validate both recipes by our protocol, and the paper's by its own."""
    patches = paper_patches(data)
    groups, copies = groups_of(patches.images), eight_copies(patches)
    origins = np.repeat(groups, len(copies) // len(patches)).tolist()
    paper = PRESETS["paper"]
    paper = paper.changed(**NO_AUGMENTATION, max_steps=min(PAPER_STEPS, paper.max_steps))
    few = {"k": FOLDS, "first": PAPER_FOLDS, "seed": SEED}
    trials = {
        "default": cross_validation("default recipe", patches, groups, recipe, k=FOLDS, seed=SEED),
        "model_b": cross_validation(
            "model B, no augmentation", patches, groups, PRESETS["model-b"], k=FOLDS, seed=SEED
        ),
        "paper_protocol": cross_validation("the paper's recipe and protocol", copies, range(len(copies)), paper, **few),
        "paper_split_first": cross_validation("the paper's recipe, split first", copies, origins, paper, **few),
    }
    return averaged(trials, jobs=jobs)


def folds(data: Path, recipe: TrainingConfig, jobs: int, seeds: int, *, first: int | None = None) -> dict[str, Any]:
    """Cross-validate the default recipe alone, on all folds or the ``first`` of them; each seed deals them anew."""
    patches = paper_patches(data)
    groups = groups_of(patches.images)

    def works(seed: int) -> list[Work]:
        title = f"default recipe, seed {seed}"
        return cross_validation(title, patches, groups, recipe, k=FOLDS, first=first, seed=seed)

    return repeated("default", works, jobs, seeds)


def quick(data: Path, recipe: TrainingConfig, jobs: int, seeds: int) -> dict[str, Any]:
    """One fold of the default recipe."""
    return folds(data, recipe, jobs, seeds, first=1)


def hard(data: Path, recipe: TrainingConfig, jobs: int, seeds: int) -> dict[str, Any]:
    """Four strips of a later micrograph, whose negatives are brown."""
    place, known = micrograph(data), paper_patches(data)
    return repeated("hard", lambda seed: by_place(known, place, recipe, k=STRIPS, seed=seed), jobs, seeds)


def elsewhere(data: Path, recipe: TrainingConfig, jobs: int, seeds: int) -> dict[str, Any]:
    """A micrograph of which nothing was learned."""
    place, known = micrograph(data), paper_patches(data)
    return repeated("transfer", lambda seed: transfer(known, place, recipe, seed=seed), jobs, seeds)


def repeated(name: str, works: Callable[[int], list[Work]], jobs: int, seeds: int) -> dict[str, Any]:
    """Do the work of each seed; of several, average their means, so that spreads are those over seeds."""
    found = averaged({str(seed): works(seed) for seed in range(SEED, SEED + seeds)}, jobs=jobs)
    return {name: found[str(SEED)]} if seeds == 1 else {name: of_seeds(list(found.values())), "seeds": found}


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


def speed() -> dict[str, Any]:
    """Patches a second of the whole recipe, against the bare network step in the same run.

    The bare step is forward, loss, backward and AdamW in fp32 on the same batches; the recipe adds augmentation,
    averaged weights and mixed precision where the processor has it.
    """
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


def main(arguments: list[str] | None = None) -> None:
    """Read what to measure, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the figures to this file")
    which = parser.add_mutually_exclusive_group()
    for option, function, words in (
        ("--quick", quick, "one fold of the default recipe only"),
        ("--folds", folds, "all folds of the default recipe only"),
        ("--hard", hard, "brown non-lymphocytes of a later micrograph, by place"),
        ("--transfer", elsewhere, "the later micrograph, learned from the 2,717 alone"),
    ):
        which.add_argument(option, dest="measure", action="store_const", const=function, help=words)
    which.add_argument("--speed", action="store_true", help="patches a second; needs no data")
    parser.add_argument(
        "--change", action="append", default=[], type=_change, metavar="NAME=VALUE", help="of the default recipe"
    )
    jobs = 1 if default_device().type == "cuda" else torch.get_num_threads()
    parser.add_argument("--jobs", type=int, default=jobs, metavar="N", help="folds at once (%(default)s)")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="repeat what one of these measures (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if options.seeds != 1 and (options.measure is None or options.seeds < 1):
        parser.error("--seeds takes 1 or more, together with --quick, --folds, --hard or --transfer.")
    if options.speed:
        figures = speed()
    else:
        data = real_data(parser)
        recipe = TrainingConfig.from_json(PRESETS["default"].to_json() | dict(options.change))
        if options.measure:
            figures = options.measure(data, recipe, options.jobs, options.seeds)
        else:
            figures = scores(data, recipe, options.jobs)
    report({"machine": machine(), "changes": dict(options.change), **figures}, options.json)


def _change(text: str) -> tuple[str, Any]:
    """Read NAME=VALUE, the value as JSON."""
    name, _, value = text.partition("=")
    return name, json.loads(value)  # its error is a ValueError, which the parser tells


if __name__ == "__main__":
    main()
