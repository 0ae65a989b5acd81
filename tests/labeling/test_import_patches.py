"""Labelled patches from folders and archives."""

import io
import json
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from labeling.models import Label, Patch
from labeling.patch_files import LARGEST_BYTES
from labeling.selectors import standing_labels
from tests.factories import png_of

pytestmark = pytest.mark.django_db


def picture(width: int = 70, height: int = 70, seed: int = 0, mode: str = "RGB") -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for info in extra or []:
            archive.addfile(info)
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def run(capsys, *arguments: object) -> Any:
    capsys.readouterr()
    call_command("import_patches", *[str(a) for a in arguments], "--json")
    return json.loads(capsys.readouterr().out)


SIX = {f"{'positive' if n % 2 else 'negative'}_{n}.png": png_of(n) for n in range(6)}


@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_prefixes_tell_the_class_and_a_second_time_changes_nothing(kind, people, tmp_path, capsys):
    source = {
        "folder": lambda: write(tmp_path / "in", SIX),
        "zip": lambda: zipped(tmp_path / "in.zip", SIX),
        "tar.gz": lambda: tarred(tmp_path / "in.tar.gz", SIX),
    }[kind]()
    first = run(capsys, source, "--study", people.study.name)
    assert first == {"imported": 6, "already": 0, "refused": []}
    names = list(standing_labels().values_list("label_class__name", flat=True))
    assert sorted(names) == ["Negative"] * 3 + ["Positive"] * 3
    assert run(capsys, source, "--study", people.study.pk) == {"imported": 0, "already": 6, "refused": []}
    assert (Patch.objects.count(), Label.objects.count()) == (6, 6)
    assert not Patch.objects.filter(look=None).exists()


def test_folders_and_a_csv_tell_the_class(people, tmp_path, capsys):
    write(tmp_path / "in", {"Positive/1.png": png_of(1), "Negative/2.png": png_of(2)})
    assert run(capsys, tmp_path / "in", "--study", people.study.name)["imported"] == 2
    write(tmp_path / "more", {"a.png": png_of(3), "b.png": png_of(4), "c.png": png_of(5)})
    (tmp_path / "labels.csv").write_text("file,label\na.png,positive\nb.png,NEGATIVE\n")
    report = run(capsys, tmp_path / "more", "--study", people.study.name, "--csv", tmp_path / "labels.csv")
    assert (report["imported"], report["refused"]) == (2, [["c.png", "it has no line in the CSV"]])


def test_a_class_the_study_lacks_stops_before_anything_is_stored(people, tmp_path, capsys):
    source = write(tmp_path, {"brown_1.png": png_of(1), "smear_1.png": png_of(2), "positive_1.png": png_of(3)})
    with pytest.raises(CommandError, match=r"no class 'brown', 'smear'.*Positive, Negative.*--map brown=Negative"):
        run(capsys, source, "--study", people.study.name)
    assert not Patch.objects.exists()
    report = run(capsys, source, "--study", people.study.name, "--map", "brown=Negative", "smear=")
    assert report == {"imported": 2, "already": 0, "refused": []}
    with pytest.raises(CommandError, match="no class 'Neg'"):
        run(capsys, source, "--study", people.study.name, "--map", "brown=Neg")


def test_of_seventy_by_seventy_two_the_middle_rows_are_taken(people, tmp_path, capsys):
    tall = picture(70, 72)
    write(tmp_path, {"positive_1.png": encoded(tall)})
    run(capsys, tmp_path, "--study", people.study.name)
    stored = np.asarray(Image.open(io.BytesIO(bytes(Patch.objects.get().png))))
    assert (stored == np.asarray(tall)[1:71]).all()


def test_larger_ones_are_refused_unless_their_centre_is_asked_for(people, tmp_path, capsys):
    large = picture(100, 90)
    write(tmp_path, {"positive_1.png": encoded(large), "positive_2.png": encoded(picture(60, 70))})
    with pytest.raises(CommandError, match="Nothing"):
        run(capsys, tmp_path, "--study", people.study.name)
    report = run(capsys, tmp_path, "--study", people.study.name, "--crop-centre")
    assert report["imported"] == 1
    assert report["refused"] == [["positive_2.png", "it is 60×70 px, not 70×70"]]
    stored = np.asarray(Image.open(io.BytesIO(bytes(Patch.objects.get().png))))
    assert (stored == np.asarray(large)[10:80, 15:85]).all()


REFUSED = {
    "positive_text.png": (b"not an image", "no PNG"),
    "positive_gif.png": (encoded(picture(), "GIF"), "no PNG"),
    "positive_cut.png": (png_of(1)[:2000], "damaged"),
    "positive_grey.png": (encoded(picture(mode="L")), "L, not 8-bit RGB"),
    "positive_16.png": (encoded(Image.fromarray(np.zeros((70, 70), np.uint16))), "not 8-bit RGB"),
    "positive_palette.png": (encoded(picture(mode="P")), "P, not 8-bit RGB"),
    "positive_cmyk.jpg": (encoded(picture(mode="CMYK"), "JPEG"), "CMYK, not 8-bit RGB"),
    "positive_glass.png": (encoded(Image.new("RGBA", (70, 70), (1, 2, 3, 0))), "RGBA, not 8-bit RGB"),
    "positive_1x1.png": (encoded(picture(1, 1)), "1×1"),
    "positive_69.png": (encoded(picture(69, 70)), "69×70"),
    "positive_wide.png": (encoded(Image.new("RGB", (5000, 1))), "5000×1"),
    "positive_empty.png": (b"", "no PNG"),
    "positive_big.png": (b"\0" * (LARGEST_BYTES + 1), "larger than 8 MiB"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_files_are_refused_by_name_and_the_next_good_one_comes_in(name, people, tmp_path, capsys):
    data, reason = REFUSED[name]
    source = zipped(tmp_path / "in.zip", {name: data, "positive_z.png": png_of(7)})
    report = run(capsys, source, "--study", people.study.name)
    assert report["imported"] == 1
    ((refused, why),) = report["refused"]
    assert refused == name
    assert reason in why


HOSTILE = [
    "../../positive_1.png",
    "/etc/positive_2.png",
    "positive_\u202egnp.png",
    "positive_a\nb.png",
    "positive_=1+1.png",
]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_hostile_names_in_archives_are_only_data(pack, people, tmp_path, capsys):
    inside = tmp_path / "inside"
    inside.mkdir()
    before = set(tmp_path.rglob("*"))
    files = {name: png_of(n) for n, name in enumerate(HOSTILE)}
    source = pack(inside / "in.archive", files)
    assert run(capsys, source, "--study", people.study.name)["imported"] == len(HOSTILE)
    assert set(tmp_path.rglob("*")) - before == {source}
    origins = list(Patch.objects.values_list("origin", flat=True))
    assert all(origin.isprintable() for origin in origins)


def test_links_and_devices_in_a_tar_are_no_files(people, tmp_path, capsys):
    link, device = tarfile.TarInfo("positive_link.png"), tarfile.TarInfo("positive_dev.png")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    device.type = tarfile.CHRTYPE
    source = tarred(tmp_path / "in.tar.gz", {"positive_1.png": png_of(1)}, [link, device])
    assert run(capsys, source, "--study", people.study.name) == {"imported": 1, "already": 0, "refused": []}


def test_a_link_in_a_folder_is_not_followed(people, tmp_path, capsys):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png_of(9))
    folder = write(tmp_path / "in", {"positive_1.png": png_of(1)})
    (folder / "positive_2.png").symlink_to(secret)
    assert run(capsys, folder, "--study", people.study.name)["imported"] == 1


def test_a_bomb_is_never_unpacked_whole(people, tmp_path, capsys):
    source = zipped(tmp_path / "in.zip", {"positive_bomb.png": b"\0" * 200_000_000, "positive_1.png": png_of(1)})
    report = run(capsys, source, "--study", people.study.name)
    assert report["imported"] == 1
    assert "larger" in report["refused"][0][1]


@pytest.mark.parametrize(
    ("data", "words"), [(b"nothing", "no folder, zip or tar"), (b"PK\x03\x04 broken", "no folder, zip or tar")]
)
def test_what_is_no_archive_is_said(data, words, people, tmp_path, capsys):
    (tmp_path / "in.zip").write_bytes(data)
    with pytest.raises(CommandError, match=words):
        run(capsys, tmp_path / "in.zip", "--study", people.study.name)


def test_a_cut_archive_is_said(people, tmp_path, capsys):
    whole = tarred(tmp_path / "in.tar.gz", SIX).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CommandError, match="damaged"):
        run(capsys, tmp_path / "cut.tar.gz", "--study", people.study.name)


def test_unknown_study_missing_path_and_empty_folder_are_said(people, tmp_path, capsys):
    with pytest.raises(CommandError, match="no study 'X'"):
        run(capsys, tmp_path, "--study", "X")
    with pytest.raises(CommandError, match="no file or folder"):
        run(capsys, tmp_path / "nothing", "--study", people.study.name)
    with pytest.raises(CommandError, match="no PNG, JPEG or TIFF"):
        run(capsys, tmp_path, "--study", people.study.name)


def test_the_same_pixels_under_two_classes_are_told(people, tmp_path, capsys):
    write(tmp_path, {"negative_1.png": png_of(1), "positive_1.png": png_of(1)})
    report = run(capsys, tmp_path, "--study", people.study.name)
    assert report["imported"] == 1
    assert report["refused"] == [["positive_1.png", "the same pixels came with another class"]]


@pytest.mark.real_data
def test_the_papers_patches_come_in_within_seconds(people, real_data, capsys):
    archive = real_data / "prisma" / "lymphocytes_2017-03.tar.gz"
    began = time.perf_counter()
    report = run(capsys, archive, "--study", people.study.name)
    took_s = time.perf_counter() - began
    assert report["imported"] + report["already"] == 2717
    assert report["refused"] == []
    assert took_s < 60
    print(f"2,717 patches in {took_s:.1f} s")  # noqa: T201
