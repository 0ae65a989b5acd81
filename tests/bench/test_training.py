"""The protocols split as they say; the figures are of toys."""

import csv
import io
import json
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from bench import training as bench
from bench.protocols import (
    GUARD_PX,
    KINDS,
    Micrograph,
    averaged,
    away_from,
    by_place,
    cross_validation,
    each,
    eight_copies,
    learn,
    micrograph,
    names_of,
    of_seeds,
    paper_patches,
    refused_at_recall,
    strips,
    summary,
    transfer,
)
from detection.nn.data import PatchSet
from labeling.splits import SAME_CELL_PX
from tests.detection.nn.toys import tiny_config, toy_patches

CONFIG = tiny_config(epochs=2, batch_size=8)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def jpeg(image) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def packed(path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"patches/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.fixture
def data(tmp_path):
    """Toys in the form of the real archives."""
    folder = tmp_path / "data" / "prisma"
    folder.mkdir(parents=True)
    toys = toy_patches(60, 0)
    rows = [np.pad(image, ((1, 1), (0, 0), (0, 0))) for image in toys.images]
    kinds = ("negative", "positive")
    packed(
        folder / "lymphocytes_2017-03.tar.gz",
        {f"{kinds[label]}_{n}.jpg": jpeg(row) for n, (row, label) in enumerate(zip(rows, toys.labels, strict=True))},
    )
    west = micro(80)
    packed(folder / "slide3_west.tar.gz", {f"{n}.jpg": jpeg(image) for n, image in enumerate(west.patches.images)})
    with (folder / "slide3_west.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "x_l0", "y_l0", "label"])
        writer.writerows(
            [f"{n}.jpg", x, y, name] for n, ((x, y), name) in enumerate(zip(west.corners, west.names, strict=True))
        )
    return tmp_path / "data"


def micro(count: int) -> Micrograph:
    patches = toy_patches(count, 9)
    names = np.where(patches.labels == 1, "positive", np.where(np.arange(count) % 4 == 0, "negative", "background"))
    corners = np.random.default_rng(0).integers(0, [9000, 3000], size=(count, 2))
    kinds = np.searchsorted(KINDS, names)
    return Micrograph(PatchSet(patches.images, patches.labels, kinds), names, corners, np.arange(count))


def test_the_archives_are_read(data):
    patches = paper_patches(data)
    assert patches.counts() == {"positive": 30, "negative": 30}
    assert np.abs(patches.images.astype(int) - toy_patches(60, 0).images).mean() < 12
    west = micrograph(data)
    assert west.names.tolist() == micro(80).names.tolist()
    assert west.corners.tolist() == micro(80).corners.tolist()
    assert west.patches.labels.tolist() == micro(80).patches.labels.tolist()
    assert west.patches.kinds is not None
    assert patches.kinds is not None
    assert [KINDS[kind] for kind in west.patches.kinds] == west.names.tolist()
    assert west.order.tolist() == list(range(80))
    assert {KINDS[kind] for kind in patches.kinds} == {"background", "positive"}


def test_labels_that_were_taken_back_are_not_learned():
    west = micro(4)
    corners = np.array([[0, 0], [SAME_CELL_PX, 0], [900, 0], [900, SAME_CELL_PX + 1]])
    place = Micrograph(west.patches, np.array(["positive", "negative", "negative", "positive"]), corners, np.arange(4))
    assert place.standing().tolist() == [False, True, True, True]
    later = Micrograph(west.patches, place.names, corners, np.array([9, 1, 2, 3]))
    assert later.standing().tolist() == [True, False, True, True]
    alike = Micrograph(west.patches, np.array(["positive"] * 4), corners, np.arange(4))
    assert alike.standing().all()


def test_eight_copies_are_the_eight_forms_side_by_side():
    patches = toy_patches(3, 0)
    copies = eight_copies(patches)
    assert copies.labels.tolist() == [0] * 8 + [1] * 8 + [0] * 8
    assert len(set(names_of(copies))) == 24
    assert np.array_equal(copies.images[8], patches.images[1])
    assert np.array_equal(copies.images[9], np.rot90(patches.images[1]))
    assert np.array_equal(copies.images[12], patches.images[1, :, ::-1])


def test_equal_patches_are_never_learned_and_tested(monkeypatch):
    twice = toy_patches(24, 0)
    patches = PatchSet(np.concatenate([twice.images] * 2), np.concatenate([twice.labels] * 2))
    seen: list[tuple[set[str], set[str]]] = []

    def watched(part, groups, config, *, seed):
        assert list(groups) == names_of(part)
        seen.append((set(names_of(part)), set(names_of(patches)) - set(names_of(part))))
        return learn(part, groups, config, seed=seed)

    monkeypatch.setattr("bench.protocols.learn", watched)
    rows = each(cross_validation("ours", patches, names_of(patches), CONFIG, k=3, seed=0), jobs=1)
    assert len(rows) == 3
    assert all(0 <= value <= 100 for row in rows for value in row.values())
    assert set(rows[0]) == {"accuracy", "precision", "recall", "f1"}
    assert sorted(name for _, tested in seen for name in tested) == sorted(set(names_of(patches)))


def test_one_fold_on_request(capsys):
    rows = each(cross_validation("ours", toy_patches(48, 0), range(48), CONFIG, k=4, first=1, seed=0), jobs=1)
    assert len(rows) == 1
    assert "ours, fold 1/4: accuracy" in capsys.readouterr().err


def test_trials_side_by_side_score_as_one_after_another():
    patches = toy_patches(48, 0)
    trials = {
        name: cross_validation(name, patches, range(48), CONFIG.changed(epochs=epochs), k=3, first=first, seed=0)
        for name, epochs, first in (("short", 1, None), ("long", 3, 1))
    }
    found = averaged(trials, jobs=2)
    assert found == averaged(trials, jobs=1)
    assert {name: figures["folds"] for name, figures in found.items()} == {"short": 3, "long": 1}
    assert found["long"] == summary(each(trials["long"], jobs=1))


def test_strips_have_equal_counts_and_a_guard_band():
    corners = np.random.default_rng(1).integers(0, [20_000, 12_000], size=(401, 2))
    strip = strips(corners, k=4)
    assert np.bincount(strip).tolist() == [101, 100, 100, 100]
    for number in range(4):
        inside = strip == number
        others = corners[away_from(corners, inside), 0]
        nearest = np.abs(others[:, None] - corners[inside, 0][None, :]).min()
        assert nearest > GUARD_PX
        assert len(others) > 270


def test_by_place_no_patch_under_test_is_learned(monkeypatch):
    place = micro(80)
    known = PatchSet(
        np.concatenate([toy_patches(40, 3).images, place.patches.images[:4]]),
        np.concatenate([toy_patches(40, 3).labels, place.patches.labels[:4]]),
    )
    learned: list[set[str]] = []

    def watched(part, groups, config, *, seed):
        learned.append(set(names_of(part)))
        return learn(part, groups, config, seed=seed)

    monkeypatch.setattr("bench.protocols.learn", watched)
    elsewhere = each(transfer(known, place, CONFIG, seed=0), jobs=1)
    assert learned.pop() == set(names_of(known)) - set(names_of(place.patches))
    rows = each(by_place(known, place, CONFIG, k=4, seed=0), jobs=1)
    told = {"negatives_refused", "positive_recall", "background_refused", "negatives_refused_at_93"}
    assert set().union(*rows) == set(*elsewhere) == told | {f"standing_{name}" for name in told}
    assert all(0 <= value <= 100 for row in [*rows, *elsewhere] for value in row.values())
    strip, names = strips(place.corners, k=4), np.array(names_of(place.patches))
    for number, part in enumerate(learned):
        assert not part & set(names[strip == number])
        assert part & set(names[strip != number])


def test_what_is_refused_is_also_told_at_a_fixed_recall():
    names = np.array(["positive"] * 100 + ["negative"] * 4 + ["background"])
    scores = np.concatenate([np.arange(100) / 100, [0.0, 0.069, 0.07, 0.9], [1.0]]).astype(np.float32)
    assert refused_at_recall(names, scores) == {"negatives_refused_at_93": 50.0}
    assert refused_at_recall(names[:100], scores[:100]) == {}
    assert refused_at_recall(names[100:], scores[100:]) == {}


def test_the_summary_is_means_and_spreads():
    assert summary([{"a": 90.0}, {"a": 94.0}]) == {"folds": 2, "a": 92.0, "a_sd": 2.828}
    assert summary([{"a": 90.0}, {"a": 94.0, "b": 7.0}])["b"] == 7.0
    assert summary([{"a": 90.0}]) == {"folds": 1, "a": 90.0, "a_sd": 0.0}


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ([], {"default", "model_b", "paper_protocol", "paper_split_first"}),
        (["--quick"], {"default"}),
        (["--folds", "--change", "epochs=1", "--change", "max_steps=0"], {"default"}),
    ],
)
def test_the_command_writes_its_figures(data, tmp_path, monkeypatch, options, parts):
    tiny = tiny_config(epochs=0, max_steps=12, batch_size=8)
    monkeypatch.setattr(bench, "PRESETS", {"default": tiny, "model-b": tiny, "paper": tiny})
    monkeypatch.setattr(bench, "FOLDS", 2)
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(data))
    bench.main(["--json", str(tmp_path / "out.json"), *options])
    figures = json.loads((tmp_path / "out.json").read_text())
    assert set(figures) == parts | {"machine", "changes"}
    assert figures["changes"] == ({"epochs": 1, "max_steps": 0} if "--change" in options else {})
    names = ("accuracy", "precision", "recall", "f1")
    assert set(figures["default"]) == {"folds", *names, *(f"{name}_sd" for name in names)}
    assert figures["default"]["folds"] == (1 if "--quick" in options else 2)


def test_several_seeds_are_averaged_and_their_means_spread(data, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "PRESETS", {"default": tiny_config(epochs=1, batch_size=8)})
    monkeypatch.setattr(bench, "FOLDS", 2)
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(data))
    bench.main(
        [
            "--folds",
            "--seeds",
            "2",
            "--change",
            'shape={"features": [8, 8, 8], "fc": 8}',
            "--json",
            str(tmp_path / "out.json"),
        ]
    )
    figures = json.loads((tmp_path / "out.json").read_text())
    one, two = figures["seeds"].values()
    assert one["folds"] == two["folds"] == 2
    assert one != two
    assert figures["default"] == of_seeds([one, two])
    assert (figures["default"]["seeds"], figures["default"]["folds"]) == (2, 4)
    assert figures["default"]["accuracy"] == pytest.approx((one["accuracy"] + two["accuracy"]) / 2, abs=1e-3)
    assert figures["default"]["accuracy_sd"] == pytest.approx(abs(one["accuracy"] - two["accuracy"]) / 2**0.5, abs=1e-3)


@pytest.mark.parametrize("options", [[], ["--folds"]])
def test_crops_of_one_tissue_stand_in_one_fold(data, monkeypatch, options):
    pairs, seen = [number // 2 for number in range(60)], {}

    def watched(title, patches, groups, config, **_):
        seen[title] = list(groups)
        return [lambda: {"accuracy": 1.0}]

    monkeypatch.setattr(bench, "groups_of", lambda _images: pairs)
    monkeypatch.setattr(bench, "cross_validation", watched)
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(data))
    bench.main(["--jobs", "1", *options])
    if options:
        assert list(seen.values()) == [pairs]
    else:
        default, model_b, leaking, split_first = seen.values()
        assert default == model_b == pairs
        assert len(set(leaking)) == len(leaking)
        assert split_first == [number // 16 for number in range(480)]


@pytest.mark.parametrize("options", [["--seeds", "2"], ["--folds", "--seeds", "0"]])
def test_seeds_that_cannot_be_are_told(options, capsys):
    with pytest.raises(SystemExit):
        bench.main(options)
    assert "--seeds takes" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["hard", "transfer"])
def test_the_later_micrograph_is_measured_on_request(data, tmp_path, monkeypatch, what):
    monkeypatch.setattr(bench, "PRESETS", {"default": tiny_config(epochs=1, batch_size=8)})
    monkeypatch.setenv("TILSCOPE_REAL_DATA", str(data))
    bench.main([f"--{what}", "--json", str(tmp_path / "out.json")])
    assert set(json.loads((tmp_path / "out.json").read_text())[what]) >= {"negatives_refused", "positive_recall_sd"}


@pytest.mark.parametrize("change", ["epochs", "epochs=", "epochs=many"])
def test_a_change_that_cannot_be_read_is_told(change, capsys):
    with pytest.raises(SystemExit):
        bench.main(["--quick", "--change", change])
    assert "NAME=VALUE" in capsys.readouterr().err


def test_without_data_it_says_what_to_do(monkeypatch, capsys):
    monkeypatch.delenv("TILSCOPE_REAL_DATA", raising=False)
    with pytest.raises(SystemExit):
        bench.main(["--quick"])
    assert "TILSCOPE_REAL_DATA" in capsys.readouterr().err


@pytest.mark.real_data
def test_the_real_archives_split_as_told(real_data):
    patches, place = paper_patches(real_data), micrograph(real_data)
    assert patches.counts() == {"positive": 1395, "negative": 1322}
    assert len(place.patches) == 1665
    strip = strips(place.corners, k=4)
    for number in range(4):
        assert set(place.names[strip == number]) >= {"positive", "negative"}
        assert away_from(place.corners, strip == number).sum() > 1000
