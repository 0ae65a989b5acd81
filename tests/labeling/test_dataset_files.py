"""Data-set versions as files: out and in again under the same hash; what is not whole is refused and leaves nothing."""

import csv
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from config.errors import DomainError
from labeling.choices import Side, Source, Split
from labeling.models import AccessRecord, DatasetVersion, Label, Patch
from labeling.services import FreezeChoices, LeakError, dataset_check, dataset_export, dataset_freeze, dataset_import
from tests.factories import LabelClassFactory, LabelFactory, PatchFactory, SlideFactory, StudyFactory, png_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def version(people):
    """30 cells on three slides of two cases, and 20 imported ones."""
    classes = list(people.study.classes.all())
    for number, case in ((1, "A"), (2, "A"), (3, "")):
        slide = SlideFactory.create(study=people.study, number=number, case_code=case)
        for n in range(10):
            patch = PatchFactory.create(slide=slide, x_l0=100 + 200 * n, y_l0=300)
            LabelFactory.create(patch=patch, label_class=classes[n % 2])
    for n in range(20):
        LabelFactory.create(patch=PatchFactory.create(study=people.study), label_class=classes[n % 2])
    return dataset_freeze(study=people.study, user=people.admin, seed=3, choices=FreezeChoices(name="Spring"))


@pytest.fixture
def file(version, people, tmp_path):
    path = tmp_path / "spring.tar"
    dataset_export(dataset=version, user=people.admin, path=path)
    return path


@pytest.fixture
def elsewhere():
    """A study of another lab, with the same classes in another order of keys."""
    study = StudyFactory.create(classes=False)
    LabelClassFactory.create(study=study, name="Negative", key=1)
    LabelClassFactory.create(study=study, name="Positive", key=2, counted=True)
    return study


def lines_of(dataset):
    rows = dataset.items.order_by("patch__sha256").values_list("patch__sha256", "label_class__name", "side")
    return list(rows)


def members(path):
    with tarfile.open(path) as archive:
        return {info.name: (archive.extractfile(info) or io.BytesIO()).read() for info in archive}


def write(path, files, **infos):
    """Write a tar of these members in this order."""
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in infos.get(name, {}).items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return path


def refused(study, path, code="dataset_file_invalid"):
    before = (DatasetVersion.objects.count(), Patch.objects.count())
    with pytest.raises(DomainError) as refusal:
        dataset_import(study=study, user=study.created_by, path=path)
    assert refusal.value.code == code, refusal.value.message
    assert (DatasetVersion.objects.count(), Patch.objects.count()) == before
    return refusal.value.message


def test_a_version_goes_to_another_study_and_keeps_its_hash(version, file, elsewhere):
    copy, made = dataset_import(study=elsewhere, user=elsewhere.created_by, path=file)
    assert made
    assert (copy.name, copy.number, copy.content_hash, copy.seed) == ("Spring", 1, version.content_hash, 3)
    assert lines_of(copy) == lines_of(version)
    assert copy.items.filter(patch__source=Source.IMPORT, patch__slide=None).count() == 50
    assert (copy.rule["split"], copy.rule["imported"], copy.rule["readers"]) == ("cluster", True, [])
    assert not Label.objects.filter(patch__study=elsewhere).exists()
    dataset_check(copy)
    again, made = dataset_import(study=elsewhere, user=elsewhere.created_by, path=file, name="Another")
    assert (again, made) == (copy, False)


def test_what_was_brought_in_goes_out_again(file, elsewhere, tmp_path):
    copy, _ = dataset_import(study=elsewhere, user=elsewhere.created_by, path=file)
    dataset_export(dataset=copy, user=elsewhere.created_by, path=tmp_path / "again.tar")
    first, second = members(file), members(tmp_path / "again.tar")
    assert set(first) == set(second)
    assert all(first[name] == second[name] for name in first if name.startswith("patches/"))
    assert json.loads(second["manifest.json"])["content_hash"] == json.loads(first["manifest.json"])["content_hash"]


def test_in_its_own_study_it_is_there_already(version, file, people):
    assert dataset_import(study=people.study, user=people.admin, path=file) == (version, False)


def test_a_file_says_what_it_is(version, file):
    held = members(file)
    manifest = json.loads(held["manifest.json"])
    assert (manifest["format"], manifest["format_version"]) == ("tilscope-dataset", 1)
    assert (manifest["name"], manifest["count"], manifest["content_hash"]) == ("Spring", 50, version.content_hash)
    assert manifest["classes"] == [{"name": "Positive", "counted": True}, {"name": "Negative", "counted": False}]
    assert "readers" not in manifest["rule"]
    rows = list(csv.DictReader(io.StringIO(held["items.csv"].decode())))
    text = "".join(sorted(f"{row['sha256']} {row['class']} {row['side']}\n" for row in rows))
    assert hashlib.sha256(text.encode()).hexdigest() == version.content_hash
    assert {(row["slide"], row["case_code"]) for row in rows} == {("S001", "A"), ("S002", "A"), ("S003", ""), ("", "")}
    for row in rows:
        assert hashlib.sha256(held[f"patches/{row['sha256']}.png"]).hexdigest() == row["sha256"]


def test_equal_versions_are_equal_files(version, file, people, tmp_path):
    dataset_export(dataset=version, user=people.admin, path=tmp_path / "again.tar")
    assert file.read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_an_export_is_written_down_and_never_overwrites(version, file, people):
    record = AccessRecord.objects.get(action="export_dataset")
    assert (record.user, record.study, record.detail) == (people.admin, people.study, "Spring")
    before = file.read_bytes()
    with pytest.raises(DomainError) as refusal:
        dataset_export(dataset=version, user=people.admin, path=file)
    assert refusal.value.code == "dataset_file_exists"
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir() if path.is_file()] == [file.name]


def test_a_place_that_cannot_be_written_is_told(version, people, tmp_path):
    with pytest.raises(DomainError, match="cannot be written"):
        dataset_export(dataset=version, user=people.admin, path=tmp_path / "no" / "spring.tar")


def test_a_name_that_is_taken_gets_a_number(version, file, elsewhere):
    classes = elsewhere.classes.order_by("-counted")
    for n in range(30):
        LabelFactory.create(patch=PatchFactory.create(study=elsewhere), label_class=classes[n % 2])
    dataset_freeze(study=elsewhere, user=elsewhere.created_by, seed=1, choices=FreezeChoices(name="Spring"))
    copy, _ = dataset_import(study=elsewhere, user=elsewhere.created_by, path=file)
    assert (copy.name, copy.number) == ("Spring (2)", 2)


def test_patches_that_are_there_are_taken(version, file, elsewhere):
    known = version.items.filter(patch__slide__isnull=True).first().patch
    mine = PatchFactory.create(study=elsewhere, png=bytes(known.png))
    copy, _ = dataset_import(study=elsewhere, user=elsewhere.created_by, path=file)
    assert copy.items.get(patch__sha256=known.sha256).patch == mine
    assert Patch.objects.filter(study=elsewhere).count() == 50


@pytest.mark.parametrize("change", [{"name": "Lymphocyte"}, {"counted": False}])
def test_classes_must_fit(change, file, elsewhere):
    elsewhere.classes.filter(name="Positive").update(**change)
    assert "'Positive' that is counted" in refused(elsewhere, file, "dataset_classes_differ")


def edit_manifest(files, **change):
    return {**files, "manifest.json": json.dumps(json.loads(files["manifest.json"]) | change).encode()}


def edit_items(files, old, new):
    assert old in files["items.csv"]
    return {**files, "items.csv": files["items.csv"].replace(old, new)}


def first_png(files):
    return next(name for name in files if name.startswith("patches/"))


def without(files, name):
    return {key: data for key, data in files.items() if key != name}


BROKEN = {
    "no manifest": lambda f: without(f, "manifest.json"),
    "no items": lambda f: without(f, "items.csv"),
    "items first": lambda f: {"items.csv": f["items.csv"], **without(f, "items.csv")},
    "no JSON": lambda f: {**f, "manifest.json": b"{"},
    "deep JSON": lambda f: {**f, "manifest.json": b"[" * 100_000},
    "a list": lambda f: {**f, "manifest.json": b"[]"},
    "another format": lambda f: edit_manifest(f, format="zip"),
    "another version": lambda f: edit_manifest(f, format_version=2),
    "no name": lambda f: edit_manifest(f, name=" "),
    "a name of control characters": lambda f: edit_manifest(f, name="a\x1b[2Jb"),
    "a seed that is none": lambda f: edit_manifest(f, seed=1.5),
    "a seed too large": lambda f: edit_manifest(f, seed=2**63),
    "classes that are none": lambda f: edit_manifest(f, classes=["Positive"]),
    "a rule that is none": lambda f: edit_manifest(f, rule=[]),
    "a short hash": lambda f: edit_manifest(f, content_hash="ab"),
    "another hash": lambda f: edit_manifest(f, content_hash="ab" * 32),
    "another count": lambda f: edit_manifest(f, count=49),
    "a count of millions": lambda f: edit_manifest(f, count=10**12),
    "another column": lambda f: edit_items(f, b"case_code", b"patient"),
    "another side": lambda f: edit_items(f, b",train,", b",trial,"),
    "another class": lambda f: edit_items(f, b",Positive,", b",Positron,"),
    "a class turned": lambda f: {**f, "items.csv": f["items.csv"].replace(b",Positive,", b",Negative,", 1)},
    "a slide without a number": lambda f: edit_items(f, b",S001,", b",Smith,"),
    "a place off all slides": lambda f: edit_items(f, b",300,70.0", b",-300,70.0"),
    "a place that is none": lambda f: edit_items(f, b",300,70.0", b",300,"),
    "a box that is none": lambda f: edit_items(f, b",300,70.0", b",300,nan"),
    "no UTF-8": lambda f: edit_items(f, b",Positive,", b",Pos\xff,"),
    "a short line": lambda f: {**f, "items.csv": f["items.csv"] + b"abc\n"},
    "a patch is missing": lambda f: without(f, first_png(f)),
    "a patch too many": lambda f: {**f, f"patches/{hashlib.sha256(png_of(1)).hexdigest()}.png": png_of(1)},
    "other pixels": lambda f: {**f, first_png(f): png_of(1)},
    "a stranger": lambda f: {**f, "readme.txt": b"hello"},
    "a climber": lambda f: {**f, "patches/../../etc/passwd": b"hello"},
    "an absolute path": lambda f: {**f, "/etc/passwd": b"hello"},
    "upper case": lambda f: {**f, f"patches/{'AB' * 32}.png": b"hello"},
}


@pytest.mark.parametrize("change", BROKEN)
def test_a_file_that_is_not_whole_is_refused_and_leaves_nothing(change, file, elsewhere, tmp_path):
    refused(elsewhere, write(tmp_path / "broken.tar", BROKEN[change](members(file))))
    assert not Path("/etc/passwd.part").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_file_is_refused(kind, file, elsewhere, tmp_path):
    held = members(file)
    name = first_png(held)
    refused(elsewhere, write(tmp_path / "broken.tar", held, **{name: {"type": kind, "linkname": "/etc/passwd"}}))


def test_a_large_member_is_refused(file, elsewhere, tmp_path):
    held = members(file)
    refused(elsewhere, write(tmp_path / "large.tar", {**held, first_png(held): bytes(300 * 1024)}))
    refused(elsewhere, write(tmp_path / "larger.tar", {**held, "manifest.json": bytes(5 * 1024**2)}))


def test_a_patch_of_another_size_is_refused(file, elsewhere, tmp_path):
    held = members(file)
    png = png_of(1, side=71)
    name = f"patches/{hashlib.sha256(png).hexdigest()}.png"
    assert "RGB image" in refused(elsewhere, write(tmp_path / "size.tar", {**held, name: png}))


def test_no_tar_and_half_a_tar_are_refused(file, elsewhere, tmp_path):
    (tmp_path / "text.tar").write_bytes(b"hello" * 1000)
    (tmp_path / "empty.tar").write_bytes(b"")
    (tmp_path / "half.tar").write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    for name in ("text.tar", "empty.tar", "half.tar", "absent.tar"):
        refused(elsewhere, tmp_path / name)
    refused(elsewhere, tmp_path)


def planted(files, line_of):
    """Turn the sides of some items and give the file the hash of that."""
    rows = list(csv.reader(io.StringIO(files["items.csv"].decode())))
    for row in rows[1:]:
        line_of(row)
    text = "".join(",".join(row) + "\n" for row in rows)
    lines = "".join(sorted(f"{row[0]} {row[1]} {row[2]}\n" for row in rows[1:]))
    hashed = edit_manifest(files, content_hash=hashlib.sha256(lines.encode()).hexdigest())
    return {**hashed, "items.csv": text.encode()}


def test_a_leak_by_place_is_refused_though_the_patches_lose_their_places(file, elsewhere, tmp_path):
    def move_together(row):
        if row[3] == "S001":
            row[5:7] = ["500", "500"] if row[2] == "test" else [str(510 + len(seen)), "500"]
            seen.append(row)
            row[2] = "test" if len(seen) == 1 else "train"

    seen: list[list[str]] = []
    path = write(tmp_path / "leak.tar", planted(members(file), move_together))
    assert "overlapping places" in refused(elsewhere, path, "dataset_leaks")


def test_a_slide_on_two_sides_is_refused_where_the_split_says_slides(file, elsewhere, tmp_path):
    held = members(file)
    rule = json.loads(held["manifest.json"])["rule"] | {"split": Split.SLIDE}
    turned = [0]

    def turn(row):
        if row[3] == "S002":
            turned[0] += 1
            row[2] = "test" if turned[0] % 2 else "train"

    path = write(tmp_path / "slide.tar", planted(edit_manifest(held, rule=rule), turn))
    assert "the same slide" in refused(elsewhere, path, "dataset_leaks")


def test_nearly_the_same_pixels_on_two_sides_are_refused(people, elsewhere, version, tmp_path):
    from tests.labeling.test_datasets import again

    path = tmp_path / "near.tar"
    dataset_export(dataset=version, user=people.admin, path=path)
    held = members(path)
    name = first_png(held)
    original = PatchFactory.build(png=held[name], study=people.study)
    copy = again(original)
    rows = held["items.csv"].decode().splitlines()
    side = next(row.split(",")[2] for row in rows[1:] if row.startswith(original.sha256))
    other = Side.TRAIN if side != Side.TRAIN else Side.TEST
    rows.append(f"{copy['sha256']},Positive,{other},,,,,")
    held = {
        **held,
        "items.csv": "".join(f"{row}\n" for row in rows).encode(),
        f"patches/{copy['sha256']}.png": copy["png"],
    }
    broken = write(tmp_path / "planted.tar", planted(edit_manifest(held, count=51), lambda row: None))
    with pytest.raises(LeakError) as refusal:
        dataset_import(study=elsewhere, user=elsewhere.created_by, path=broken)
    assert set(refusal.value.extra) == {"near_duplicates"}


def test_the_same_pixels_twice_need_two_patches(people, elsewhere, tmp_path):
    twice = png_of(77)
    for number in (1, 2):
        slide = SlideFactory.create(study=people.study, number=number)
        patch = PatchFactory.create(slide=slide, x_l0=100, y_l0=100, png=twice)
        LabelFactory.create(patch=patch, label_class=people.study.classes.first())
    for n in range(30):
        patch = PatchFactory.create(study=people.study)
        LabelFactory.create(patch=patch, label_class=people.study.classes.order_by("key")[n % 2])
    version = dataset_freeze(study=people.study, user=people.admin, seed=1)
    dataset_export(dataset=version, user=people.admin, path=tmp_path / "twice.tar")
    refused(elsewhere, tmp_path / "twice.tar", "dataset_pixels_twice")


def test_what_was_left_out_travels_along(people, elsewhere, tmp_path):
    slide = SlideFactory.create(study=people.study)
    positive, negative = people.study.classes.order_by("key")
    for n in range(30):
        patch = PatchFactory.create(slide=slide, x_l0=100 + 500 * n, y_l0=100)
        LabelFactory.create(patch=patch, label_class=(positive, negative)[n % 2], reader=people.pathologist)
    again_there = PatchFactory.create(slide=slide, x_l0=110, y_l0=100)
    LabelFactory.create(patch=again_there, label_class=negative, reader=people.pathologist)
    version = dataset_freeze(study=people.study, user=people.admin)
    dataset_export(dataset=version, user=people.admin, path=tmp_path / "one.tar")
    copy, _ = dataset_import(study=elsewhere, user=elsewhere.created_by, path=tmp_path / "one.tar")
    assert (copy.content_hash, copy.rule["left_out_taken_back"]) == (version.content_hash, 1)


def test_odd_rules_are_left_behind(file, elsewhere, tmp_path):
    rule = {"split": "sideways", "label": 7, "guard_px": "x", "tile_px": -1, "left_out_ties": True, "evil": "<b>"}
    path = write(tmp_path / "odd.tar", edit_manifest(members(file), rule=rule))
    copy, _ = dataset_import(study=elsewhere, user=elsewhere.created_by, path=path)
    assert set(copy.rule) == {
        "split",
        "label",
        "imported",
        "study",
        "classes",
        "readers",
        "reader",
        "sources",
        "slides",
    }
    assert (copy.rule["split"], copy.rule["label"]) == (Split.CLUSTER, "majority")


def run(capsys, *arguments):
    capsys.readouterr()
    call_command("dataset", *[str(a) for a in arguments], "--json")
    return json.loads(capsys.readouterr().out)


def test_the_command_freezes_shows_and_compares(people, version, capsys):
    study = people.study.name
    other = run(
        capsys, "freeze", "--study", study, "--name", "Summer", "--split", "random", "--source", "import", "--seed", 5
    )
    assert (other["name"], other["number"], other["split"], other["total"]) == ("Summer", 2, "random", 20)
    assert run(capsys, "show", "Summer", "--study", study) == other
    assert run(capsys, "show", 2, "--study", study) == run(capsys, "show", "Summer", "--study", study)
    assert [row["name"] for row in run(capsys, "show", "--study", study)] == ["Summer", "Spring"]
    diff = run(capsys, "diff", "Spring", "Summer", "--study", study)
    assert (diff["added"], diff["removed"], diff["reclassed"]) == (30, 0, 0)
    chosen = run(
        capsys, "freeze", "--study", study, "--slide", "S001", "S002", "S003", "--split", "place", "--guard-px", 10
    )
    assert (chosen["total"], chosen["guard_px"]) == (30, 10)


def test_the_command_takes_out_and_brings_in(people, version, elsewhere, tmp_path, capsys):
    file = tmp_path / "spring.tar"
    told = run(capsys, "export", "Spring", file, "--study", people.study.name)
    assert told == {"file": str(file), "size_bytes": file.stat().st_size, "content_hash": version.content_hash}
    found = run(capsys, "import", file, "--study", elsewhere.name, "--name", "From the other lab")
    assert (found["name"], found["made"], found["content_hash"]) == ("From the other lab", True, version.content_hash)
    assert run(capsys, "import", file, "--study", elsewhere.pk)["made"] is False


def test_the_command_speaks_in_words(people, version, capsys):
    call_command("dataset", "show", "Spring", "--study", people.study.name)
    out = capsys.readouterr().out
    assert f"content hash {version.content_hash}" in out
    assert "data set 1: Spring, 50 patches, split by cluster" in out
    assert "left out: 0 too near another side, 0 ties, 0 labels taken back" in out
    call_command("dataset", "show", "--study", people.study.name)
    assert "Spring" in capsys.readouterr().out
    call_command("dataset", "diff", "1", "1", "--study", people.study.name)
    assert "on another side: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show", "Winter"], "no data set 'Winter'. Data sets: Spring"),
        (["show", "7"], "no data set '7'"),
        (["diff", "Spring", "9" * 30], "no data set"),
        (["freeze", "--reader", "nobody"], "no person 'nobody'"),
        (["freeze", "--guard-px", "-1"], "--guard-px"),
        (["freeze", "--split", "random"], "lie on slides"),
        (["freeze", "--slide", "S009"], "no slide"),
        (["import", "/nowhere.tar"], "cannot be read"),
        (["export", "Spring", "/nowhere/spring.tar"], "cannot be written"),
    ],
)
def test_the_command_refuses_in_words(arguments, words, people, version):
    with pytest.raises(CommandError, match=words):
        call_command("dataset", *arguments, "--study", people.study.name)


def test_without_a_study_the_only_one_is_meant(people, version, capsys):
    StudyFactory.create()
    with pytest.raises(CommandError, match="Say which study"):
        call_command("dataset", "show")
