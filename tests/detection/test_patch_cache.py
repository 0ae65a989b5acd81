"""The decoded patches of a version: the right pixels, made once, never half, and in little memory."""

import io
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detection.runs import evaluation, patch_cache
from detection.runs.patch_cache import decode_png, load_sides
from labeling import media, verification
from labeling.choices import Side, Source
from labeling.dataset_columns import frozen_groups
from labeling.models import DatasetItem, Patch
from labeling.progress import silent
from labeling.services import dataset_freeze
from tests.detection.makers import add_toy_labels
from tests.factories import DatasetItemFactory, DatasetVersionFactory, PatchFactory, digest, png_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def dataset(people):
    add_toy_labels(people.study)
    return dataset_freeze(study=people.study, user=people.admin, seed=3)


def folders():
    return list((media.root() / "patches").glob("*"))


def test_each_side_has_its_patches_in_stored_order(dataset):
    sides = load_sides(dataset)
    assert set(sides) == set(Side.values)
    for side, patches in sides.items():
        rows = dataset.items.filter(side=side).order_by("pk").values_list("label_class__counted", "patch__png")
        assert patches.labels.tolist() == [int(counted) for counted, _ in rows]
        assert (patches.images == np.stack([decode_png(bytes(png)) for _, png in rows])).all()


def test_each_patch_knows_its_class(dataset):
    for side, patches in load_sides(dataset).items():
        rows = dataset.items.filter(side=side).order_by("pk")
        assert patches.kinds is not None
        assert patches.kinds.tolist() == list(rows.values_list("label_class_id", flat=True))
        assert patches.labels.tolist() == list(map(int, rows.values_list("label_class__counted", flat=True)))


def test_patches_that_a_model_proposed_are_a_kind_of_their_own(dataset):
    load_sides(dataset)
    mined = Patch.objects.filter(pk__in=dataset.items.filter(side=Side.TRAIN).values("patch")[:3])
    mined.update(source=Source.MINED)
    training = load_sides(dataset)[Side.TRAIN]
    assert len(folders()) == 2
    rows = dataset.items.filter(side=Side.TRAIN).order_by("pk").values_list("label_class_id", "patch__source")
    assert training.kinds is not None
    assert training.kinds.tolist() == [-kind if source == Source.MINED else kind for kind, source in rows]
    assert (training.kinds < 0).sum() == 3


def test_it_is_decoded_once(dataset, monkeypatch):
    first = load_sides(dataset)
    monkeypatch.setattr(patch_cache, "decode_png", lambda _: 1 / 0)
    second = load_sides(dataset)
    assert all((first[side].images == second[side].images).all() for side in Side.values)
    assert len(folders()) == 1


def test_versions_of_the_same_content_share_it_and_others_do_not(dataset, people):
    load_sides(dataset)
    load_sides(dataset_freeze(study=people.study, user=people.admin, seed=3))
    assert len(folders()) == 1
    load_sides(dataset_freeze(study=people.study, user=people.admin, seed=4))
    assert len(folders()) == 2


def test_what_counts_is_part_of_the_key(dataset):
    before = load_sides(dataset)[Side.TRAIN].counts()
    for label_class in dataset.study.classes.all():
        label_class.counted = not label_class.counted
        label_class.save()
    after = load_sides(dataset)[Side.TRAIN].counts()
    assert (after["positive"], after["negative"]) == (before["negative"], before["positive"])


def test_a_half_written_one_is_never_used(dataset, monkeypatch):
    whole = patch_cache._write

    def dies(*args):
        whole(*args)
        raise KeyboardInterrupt

    monkeypatch.setattr(patch_cache, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        load_sides(dataset)
    assert folders() == []
    left_by_a_killed_worker = media.root() / "patches" / "ab.part"
    left_by_a_killed_worker.mkdir()
    (left_by_a_killed_worker / "images.npy").write_bytes(b"half")
    monkeypatch.setattr(patch_cache, "_write", whole)
    assert sum(map(len, load_sides(dataset).values())) == 60


def test_another_worker_may_be_first(dataset, monkeypatch):
    load_sides(dataset)
    [folder] = folders()
    patch_cache._build(patch_cache._Asked(dataset, patch_cache._counts(dataset), 0), folder, silent)
    assert folders() == [folder]


def test_the_disk_is_made_free_of_other_versions(dataset, people, monkeypatch):
    load_sides(dataset)
    [old] = folders()
    monkeypatch.setattr(media, "RESERVE_BYTES", 0)
    usage = shutil.disk_usage(media.root())
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0 if old.exists() else 10**12))
    load_sides(dataset_freeze(study=people.study, user=people.admin, seed=4))
    assert not old.exists()
    assert len(folders()) == 1


def test_a_full_disk_is_told(dataset, monkeypatch):
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(media.DiskFullError):
        load_sides(dataset)
    assert folders() == []


def test_verify_does_not_call_it_stray(dataset):
    load_sides(dataset)
    assert list(verification.differences()) == []


def test_torch_takes_the_pixels_where_they_lie(dataset):
    images = load_sides(dataset)[Side.TRAIN].images
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = torch.from_numpy(images)
    assert tensor.data_ptr() == images.__array_interface__["data"][0]
    assert isinstance(images.base, np.memmap)


def test_what_is_written_to_it_stays_out_of_the_file(dataset):
    images = load_sides(dataset)[Side.TRAIN].images
    before = images.copy()
    images[:] = 0
    assert (load_sides(dataset)[Side.TRAIN].images == before).all()


def test_a_side_may_be_empty(people):
    dataset = DatasetVersionFactory.create(study=people.study)
    assert {side: len(patches) for side, patches in load_sides(dataset).items()} == dict.fromkeys(Side.values, 0)
    DatasetItemFactory.create(dataset=dataset, side=Side.TEST)
    assert [len(load_sides(dataset)[side]) for side in Side.values] == [0, 0, 1]


def test_a_side_is_named_by_its_hashes(dataset):
    names, patches = evaluation.side_of(dataset, Side.TEST)
    rows = dataset.items.filter(side=Side.TEST).order_by("pk")
    assert names == list(rows.values_list("patch__sha256", flat=True))
    assert len(patches) == len(names)


def test_groups_come_in_the_order_of_the_side(people):
    same = png_of(1)
    dataset = DatasetVersionFactory.create(study=people.study, rule={"split": "random"})
    for n, png in enumerate([png_of(2), same, png_of(3)]):
        DatasetItemFactory.create(
            dataset=dataset, patch=PatchFactory.create(study=people.study, png=png, sha256=digest(str(n)))
        )
    again = PatchFactory.create(study=people.study, png=same, sha256=digest("again"))
    DatasetItemFactory.create(dataset=dataset, patch=again)
    groups = frozen_groups(dataset, Side.TRAIN).tolist()
    assert groups[1] == groups[3]
    assert len(set(groups)) == 3


CHILD = """
import resource, sys
import django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"], settings.MEDIA_ROOT = sys.argv[1:3]
from detection.runs.patch_cache import load_sides
from labeling.models import DatasetVersion
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
dataset = DatasetVersion.objects.get(pk=int(sys.argv[3]))
list(dataset.items.values_list("patch__png")[:1])
before = peak()
sides = load_sides(dataset)
print(sum(map(len, sides.values())), peak() - before)
"""


@pytest.mark.django_db(transaction=True)
def test_memory_does_not_grow_with_the_patches(people, settings):
    """6,000 patches are 88 MB decoded; the child may take a fraction of that more than for 500."""
    grown = {}
    for count in (500, 6000):
        dataset = DatasetVersionFactory.create(study=people.study)
        patches = Patch.objects.bulk_create(
            Patch(study=people.study, png=flat_png(count, n), sha256=digest(f"{count} {n}"), source="import")
            for n in range(count)
        )
        label_class = people.study.classes.first()
        DatasetItem.objects.bulk_create(
            DatasetItem(dataset=dataset, patch=patch, label_class=label_class, side=Side.TRAIN) for patch in patches
        )
        name = settings.DATABASES["default"]["NAME"]
        command = [sys.executable, "-c", CHILD, name, str(settings.MEDIA_ROOT), str(dataset.pk)]
        found = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
        number, grown[count] = map(int, found.stdout.split())
        assert number == count
    assert grown[6000] - grown[500] < 20e6


def flat_png(count, n):
    out = io.BytesIO()
    Image.new("RGB", (70, 70), (count % 256, n % 256, n // 256)).save(out, "PNG")
    return out.getvalue()


def test_decoding_tells_how_far_it_is_and_leaves_nothing_where_that_ends_it(dataset, monkeypatch):
    monkeypatch.setattr("labeling.progress.EVERY", 25)
    said = []
    load_sides(dataset, tell=lambda *news: said.append(news))
    assert said == [("Decoding the patches", n, 60) for n in (0, 25, 50)]
    load_sides(dataset, tell=lambda *news: said.append(news))
    assert len(said) == 3
    shutil.rmtree(media.root() / "patches")

    def enough(message, done, total):
        if done >= 25:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        load_sides(dataset, tell=enough)
    assert not list((media.root() / "patches").iterdir())
