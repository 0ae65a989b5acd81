"""What ``./run`` understands."""

import argparse
import sys
from pathlib import Path

from launcher.errors import LauncherError
from launcher.paths import DEFAULT_HOME

EXAMPLES = """
  ./run up                         install, start everything, load the sample, print address and sign-ins
  ./run up --home DIR --port N --no-sample
  ./run test                       the whole suite; --slow, --faults, or anything pytest understands
  ./run lint                       every check; --fix lets the formatters and generators write
  ./run bench NAME …               a measurement of bench/
  ./run manage COMMAND …           a management command with the servers up: ./run manage help
  ./run lock                       compile requirements*.txt from the .in files
  ./run help

Environment: DATABASE_URL and REDIS_URL name servers of your own instead of the embedded ones;
TILSCOPE_TORCH_INDEX names a package index with CPU builds of PyTorch (5 GB less without an NVIDIA card).
"""


def parser() -> argparse.ArgumentParser:
    """Build the command-line parser."""
    root = argparse.ArgumentParser(
        prog="./run", description="TILscope's one door.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verbs = root.add_subparsers(dest="verb", metavar="VERB")
    up = verbs.add_parser("up", help="install, start everything and stay")
    _home_option(up)
    up.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default 8000)")
    up.add_argument("--no-sample", action="store_true", help="start with an empty server")
    test = verbs.add_parser("test", help="run the tests", add_help=False)
    test.add_argument("--slow", action="store_true")
    test.add_argument("--faults", action="store_true")
    lint = verbs.add_parser("lint", help="run every check")
    lint.add_argument("--fix", action="store_true", help="let the formatters and generators write first")
    bench = verbs.add_parser("bench", help="run a measurement", add_help=False)
    bench.add_argument("name")
    manage = verbs.add_parser("manage", help="run a management command with the servers up", add_help=False)
    _home_option(manage)
    verbs.add_parser("lock", help="compile the exact pins")
    verbs.add_parser("help", help="show this text")
    return root


def _home_option(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--home", type=Path, default=DEFAULT_HOME, help="where the data lie (default .tilscope)")


def main(arguments: list[str]) -> int:
    """Run one verb; an error for people ends in words and status 1."""
    reader = parser()
    chosen, rest = _parse(reader, arguments)
    try:
        return _run(reader, chosen, rest)
    except LauncherError as error:
        print(f"\n✗ {error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr, flush=True)
        return 130


def _parse(reader: argparse.ArgumentParser, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Read our own options; what follows a management command's or a measurement's name is theirs."""
    if arguments[:1] == ["manage"]:
        own = 3 if arguments[1:2] == ["--home"] else 1
        return reader.parse_args(arguments[:own]), arguments[own:]
    if arguments[:1] == ["bench"]:
        return reader.parse_args(arguments[:2]), arguments[2:]
    chosen, rest = reader.parse_known_args(arguments)
    if rest and chosen.verb != "test":
        reader.error(f"unknown: {' '.join(rest)}")
    return chosen, rest


def _run(reader: argparse.ArgumentParser, chosen: argparse.Namespace, rest: list[str]) -> int:
    from launcher import checks, up, verbs

    if chosen.verb == "up":
        return up.up(home_folder=chosen.home, port=chosen.port, sample=not chosen.no_sample)
    if chosen.verb == "test":
        return verbs.test(slow=chosen.slow, faults=chosen.faults, arguments=rest)
    if chosen.verb == "lint":
        return checks.lint(fix=chosen.fix)
    if chosen.verb == "bench":
        return verbs.bench(chosen.name, rest)
    if chosen.verb == "manage":
        return verbs.manage(chosen.home, rest)
    if chosen.verb == "lock":
        return verbs.lock()
    reader.print_help()
    return 0
