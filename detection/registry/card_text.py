"""The model card as a Markdown file."""

import json
import re
from collections.abc import Iterator
from typing import Any

from labeling.choices import Side

_MARKS = re.compile(r"([\\`*_{}\[\]<>()#+!|~&-])")
_UNKNOWN = "not known"


def card_markdown(card: dict[str, Any]) -> str:
    """Write a card from ``card.model_card`` as Markdown; names that people chose stay names, whatever they hold."""
    return "\n".join(_lines(card)) + "\n"


def plain(value: Any) -> str:
    """Spell a value so that Markdown takes nothing in it for a mark."""
    if value is None or value == "":
        return _UNKNOWN
    return _MARKS.sub(r"\\\1", " ".join(str(value).split()))


def _lines(card: dict[str, Any]) -> Iterator[str]:
    model, origin = card["model"], card["origin"]
    yield f"# Model {model['number']} of {plain(card['study']['name'])}"
    yield ""
    yield plain(origin["words"])
    yield ""
    yield from _facts(
        ("Status", model["status"]),
        ("SHA-256", model["sha256"]),
        ("Size", f"{model['size_bytes']} bytes"),
        ("By", origin["by"]),
        ("When", origin["at"].isoformat()),
        *([("File", origin["file_name"])] if origin["kind"] == "imported" else []),
        ("Windows beside cells", origin["windows_beside"]),
        ("Device", origin["device"]),
        ("Versions", ", ".join(f"{name} {version}" for name, version in sorted(origin["versions"].items()))),
    )
    yield from ["", "## Limits", "", *(f"- {plain(words)}" for words in card["limits"])]
    yield from ["", "## Scores", "", *_scores(card["scores"])]
    yield from ["", "## Threshold", "", f"{card['threshold']['value']:g}. {plain(card['threshold']['how'])}"]
    yield from ["", "## Data", "", *_data(card)]
    yield from ["", "## Inside the file", "", *_inside(card["inside"])]
    yield from ["", "## When it counted", "", *_history(card["history"])]


def _facts(*facts: tuple[str, Any]) -> Iterator[str]:
    for name, value in facts:
        yield f"- **{name}:** {plain(value)}"


def _scores(scores: dict[str, Any] | None) -> Iterator[str]:
    if scores is None:
        yield "Nobody here has judged it yet."
        return
    yield "| side | patches | accuracy | precision | recall | F1 | tn | fp | fn | tp |"
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for side in ("validation", "test"):
        one = scores[side]
        ratios = " | ".join(f"{one[name]:.4f}" for name in ("accuracy", "precision", "recall", "f1"))
        (tn, fp), (fn, tp) = one["confusion"]
        yield f"| {side} | {one['count']} | {ratios} | {tn} | {fp} | {fn} | {tp} |"


def _data(card: dict[str, Any]) -> Iterator[str]:
    data = card["dataset"]
    yield from _facts(("Content hash", card["dataset_hash"]))
    if data is None:
        return
    yield from _facts(
        ("Data set", data["number"]), ("Frozen", data["created_at"].isoformat()), ("Seed of the split", data["seed"])
    )
    yield from _code("Rule", data["rule"])
    yield ""
    yield "| class | " + " | ".join(Side.values) + " |"
    yield "|---" * (1 + len(Side.values)) + "|"
    for row in data["classes"]:
        yield f"| {plain(row['name'])} | " + " | ".join(str(row["sides"][side]) for side in Side.values) + " |"


def _inside(inside: dict[str, Any] | None) -> Iterator[str]:
    if inside is None:
        yield "The file is missing or damaged."
        return
    names = inside["class_names"]
    yield from _facts(
        ("Network", inside["architecture"]),
        ("Window", f"{inside['patch_px']} px"),
        ("Scale", f"{inside['model_mpp']:g} µm per pixel" if inside["model_mpp"] else "pixels as they are"),
        ("Not counted", names[0]),
        ("Counted", names[1]),
        ("Stain gate", _gate_words(inside["gate"])),
        ("Low-rank head", _low_rank_words(inside["low_rank"])),
    )
    for title in ("gate", "config", "shape", "preprocessing"):
        yield from _code(title.capitalize(), inside[title])


def _gate_words(gate: dict[str, Any] | None) -> str:
    if gate is None:
        return "none"
    return (
        f"from {gate['dab_min']:.2f} DAB density; it keeps {gate['positives_kept']:.1%} of the counted patches that it "
        f"was set on and lets {gate['negatives_passed']:.1%} of the others pass"
    )


def _low_rank_words(low_rank: dict[str, Any] | None) -> str:
    if low_rank is None:
        return "none; the full head counts"
    return (
        f"rank {low_rank['rank']}; {low_rank['flipped']} validation patches called differently, scores at most "
        f"{low_rank['largest_difference']:.3f} apart on {low_rank['patches']:,} patches as they are and moved aside"
    )


def _code(title: str, value: Any) -> Iterator[str]:
    """Show a nested value as JSON; indented code, so that nothing in it can end the block."""
    yield from ["", f"{title}:", ""]
    yield from (f"    {line}" for line in json.dumps(value, indent=2, sort_keys=True).splitlines())


def _history(history: list[dict[str, Any]]) -> Iterator[str]:
    if not history:
        yield "Never yet."
    for row in history:
        before = f", after model {row['previous']['number']}" if row["previous"] else ""
        verdict = f" Compared: {row['verdict'].replace('_', ' ')}." if row["verdict"] else ""
        reason = f" “{row['reason']}”" if row["reason"] else ""
        kind = "Brought back" if row["kind"] == "roll_back" else "Promoted"
        yield f"- {row['created_at'].isoformat()} " + plain(f"{kind} by {row['created_by']}{before}.{verdict}{reason}")
