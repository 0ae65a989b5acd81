"""What the web process needs of this package costs it no torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        "blocks",
        "comparison",
        "config",
        "curves",
        "data",
        "errors",
        "gate",
        "header",
        "matching",
        "metrics",
        "mining",
        "nms",
        "region",
        "regions",
        "search",
        "shape",
    ],
)
def test_loads_without_torch_and_optuna(module):
    code = f"import sys, detection.nn.{module}; sys.exit(bool({{'torch', 'optuna'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
