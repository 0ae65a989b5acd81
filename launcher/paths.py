"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
RUNS = ROOT / ".runs"
DEFAULT_HOME = ROOT / ".tilscope"


def venv_program(name: str) -> str:
    """Path of a program inside the repository's environment."""
    return str(VENV / "bin" / name)
