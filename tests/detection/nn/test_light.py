"""What the web process needs of this package costs it no torch."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["blocks", "comparison", "config", "data", "errors", "gate", "header", "metrics", "nms", "region", "shape"],
)
def test_loads_without_torch(module):
    code = f"import sys, detection.nn.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
