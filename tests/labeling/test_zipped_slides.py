"""Slides in ZIP files through the real doors: uploaded, prepared, shown, moved between machines, and unpacked again."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from labeling import copies, media, runs, unpacked
from labeling.choices import SlideState
from labeling.models import Patch, Slide
from labeling.readers import pool
from labeling.services import Watch
from labeling.slides import zipped
from labeling.slides.errors import SlideError
from labeling.tile_bytes import drawn_tiles
from tests.conftest import ROOT
from tests.labeling.slides.files import smooth
from tests.labeling.slides.several import write_dicom, write_mirax, write_vms, zip_of
from tests.labeling.test_commands import verified
from tests.labeling.test_media_s3 import counted_at_once, wipe
from tests.labeling.test_uploads import create, metadata, send

pytestmark = pytest.mark.django_db
SIZE = (1024, 512)
WRITERS: dict[str, Callable[..., Path]] = {"mirax": write_mirax, "vms": write_vms, "dicom": write_dicom}
LONG_AGO = time.time() - 3600


@pytest.fixture
def archive(tmp_path) -> Path:
    write_mirax(tmp_path / "slide", smooth(*SIZE), mpp=0.25)
    return zip_of(tmp_path / "slide", tmp_path / "scan.zip")


def uploaded(people, archive: Path) -> Slide:
    """Send a file as the browser does, and have the worker prepare it."""
    client, data = people.client("lab"), archive.read_bytes()
    made = create(client, people, len(data), HTTP_UPLOAD_METADATA=metadata(filename=archive.name))
    sent = send(client, made["Location"], 0, data)
    runs.ingest_slide(int(sent["X-Slide-Id"]))
    return Slide.objects.get(pk=int(sent["X-Slide-Id"]))


@pytest.fixture
def slide(people, archive) -> Slide:
    found = uploaded(people, archive)
    assert (found.state, found.error) == (SlideState.READY, "")
    return found


def folder_of(slide: Slide) -> Path:
    return media.unpacked_place(slide.sha256)


def tile(people, slide: Slide, name: str) -> np.ndarray:
    answer = people.client("pathologist").get(f"/api/slides/{slide.pk}/{name}")
    assert answer.status_code == 200, answer.content
    data = answer.content if not answer.streaming else b"".join(answer.streaming_content)
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("kind", WRITERS)
def test_an_uploaded_slide_is_shown_at_all_levels(kind, people, tmp_path):
    pixels = smooth(*SIZE)
    WRITERS[kind](tmp_path / "slide", pixels, mpp=0.25)
    archive = zip_of(tmp_path / "slide", tmp_path / "scan.zip", prefix="scan of today/")
    slide = uploaded(people, archive)
    assert (slide.state, slide.error, slide.pyramid_sha256) == (SlideState.READY, "", "")
    assert (slide.format, slide.width, slide.height, slide.mpp, slide.objective) == (kind, *SIZE, 0.25, 20)
    assert slide.sha256 == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert media.path_of(slide.sha256).read_bytes() == archive.read_bytes()
    assert np.abs(tile(people, slide, "tiles/10/1_1.jpg") - pixels[256:, 256:512]).max() < 25
    halved = np.asarray(Image.fromarray(pixels).reduce(2)).astype(int)
    assert np.abs(tile(people, slide, "tiles/9/1_0.jpg") - halved[:, 256:]).max() < 25
    assert tile(people, slide, "thumbnail").shape == (256, 512, 3)
    told = people.client("pathologist").get(f"/api/slides/{slide.pk}").json()
    assert (told["format"], told["mpp"], told["mpp_source"]) == (kind, 0.25, "file")


def test_a_patch_has_the_slides_own_pixels(people, slide):
    counted = people.study.classes.get(counted=True)
    place = {"x": 400, "y": 300, "class_id": counted.pk, "client_key": str(uuid.uuid4())}
    answer = people.client("pathologist").post(f"/api/slides/{slide.pk}/patches", place, format="json")
    assert answer.status_code in (200, 201), answer.content
    pixels = np.asarray(Image.open(io.BytesIO(bytes(Patch.objects.get().png)))).astype(int)
    assert np.abs(pixels - smooth(*SIZE)[265:335, 365:435]).max() < 12


def test_a_command_and_a_watched_folder_take_a_zip_file(people, archive, tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    watch = Watch(tmp_path / "scans", people.study, people.lab, still_s=0)
    shutil.copyfile(archive, tmp_path / "scans" / "scan.zip")
    (found,) = watch.look(0)
    assert found.slide is not None
    call_command("import_slides", str(archive), "--study", people.study.name, "--wait", "--json")
    (outcome,) = json.loads(capsys.readouterr().out)
    assert (outcome["slide"], outcome["state"]) == (found.slide.pk, "ready")


@pytest.mark.parametrize(("name", "kind"), [("a.mrxs", "MIRAX"), ("a.vms", "Hamamatsu VMS"), ("a.dcm", "DICOM")])
def test_one_file_of_a_slide_is_refused_with_what_to_do(name, kind, people, tmp_path, capsys):
    (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(CommandError):
        call_command("import_slides", str(tmp_path / name), "--study", people.study.name)
    words = (
        f"A {kind} slide consists of several files, and this is only one of them. Put the slide with its folder into "
    )
    assert f"{words}one ZIP file and upload that." in capsys.readouterr().out
    answer = create(people.client("lab"), people, 10, HTTP_UPLOAD_METADATA=metadata(filename=name))
    assert (answer.status_code, answer.json()["code"]) == (400, "slide_several_files")
    assert answer.json()["message"].startswith(words)


def test_the_pictures_of_a_vms_slide_are_not_taken_for_slides(people, tmp_path, capsys):
    write_vms(tmp_path / "day", smooth(*SIZE), name="0815")
    Image.fromarray(smooth(90, 80)).save(tmp_path / "day" / "field.jpg")
    with pytest.raises(CommandError, match="6 of 7 files were refused"):
        call_command("import_slides", str(tmp_path / "day"), "--study", people.study.name)
    assert "S001   queued     'field.jpg'" in capsys.readouterr().out


def test_the_row_says_that_it_is_unpacked(people, archive, monkeypatch):
    said, say = [], runs.slides._say

    def noted(slide: Slide, *told) -> None:
        said.append(told)
        say(slide, *told)

    monkeypatch.setattr(runs.slides, "_say", noted)
    uploaded(people, archive)
    assert (0, 0, "Unpacking the slide") in said


def test_what_is_refused_leaves_nothing_unpacked(people, tmp_path):
    write_mirax(tmp_path / "slide", smooth(*SIZE))
    index = tmp_path / "slide" / "scan" / "Index.dat"
    index.write_bytes(b"09.09" + index.read_bytes()[5:])
    slide = uploaded(people, zip_of(tmp_path / "slide", tmp_path / "scan.zip"))
    assert (slide.state, slide.error_code, slide.attempts) == (SlideState.FAILED, "slide_unsupported_format", 1)
    assert (media.unpacked(), list((media.root() / "tmp").iterdir())) == ([], [])


def test_a_slide_that_unpacks_to_more_than_an_upload_may_have_is_refused(people, archive, settings):
    settings.UPLOAD_LIMIT_BYTES = archive.stat().st_size
    slide = uploaded(people, archive)
    assert (slide.state, slide.error_code) == (SlideState.FAILED, "slide_too_large")


def test_a_folder_that_made_room_is_unpacked_again(people, slide):
    before = tile(people, slide, "tiles/10/1_1.jpg")
    shutil.rmtree(folder_of(slide))
    drawn_tiles.forget()
    pool.close()
    assert np.array_equal(tile(people, slide, "tiles/10/1_1.jpg"), before)
    assert folder_of(slide).is_dir()


def test_it_works_in_a_bucket_on_any_machine(people, s3, own_media, archive):
    slide = uploaded(people, archive)
    assert slide.state == SlideState.READY
    wipe(own_media)
    pool.close()
    assert np.abs(tile(people, slide, "tiles/10/1_1.jpg") - smooth(*SIZE)[256:, 256:512]).max() < 25
    assert s3.objects()[media.key_of(slide.sha256)] == archive.stat().st_size
    shutil.rmtree(own_media / "cache")
    s3.kill()
    assert tile(people, slide, "tiles/10/0_0.jpg").shape == (256, 256, 3), "what is unpacked needs no ZIP file"


def old(slide: Slide) -> Path:
    """Let a slide's folder be unused for long."""
    os.utime(folder_of(slide), (LONG_AGO, LONG_AGO))
    return folder_of(slide)


@pytest.fixture
def other(people, tmp_path) -> Slide:
    write_vms(tmp_path / "other", smooth(*SIZE))
    return uploaded(people, zip_of(tmp_path / "other", tmp_path / "other.zip"))


def test_the_longest_unused_makes_room_and_what_is_read_stays(people, slide, other, tmp_path, settings):
    settings.MEDIA_CACHE_BYTES = 1
    write_dicom(tmp_path / "third", smooth(*SIZE))
    with unpacked.held(other.sha256) as path:
        mine, theirs = old(slide), old(other)
        third = uploaded(people, zip_of(tmp_path / "third", tmp_path / "third.zip"))
        assert (third.state, mine.exists(), theirs.exists()) == (SlideState.READY, False, True)
        assert path.exists()
    assert media.unpacked() == sorted([theirs, folder_of(third)])


def size_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_folders_count_with_all_that_lies_in_them(slide, other, settings):
    mine, theirs = old(slide), old(other)
    os.utime(theirs, (LONG_AGO + 60, LONG_AGO + 60))
    settings.MEDIA_CACHE_BYTES = size_bytes(mine) + size_bytes(theirs)
    media.make_room(0)
    assert media.unpacked() == sorted([mine, theirs])
    media.make_room(1)
    assert media.unpacked() == [theirs]


def test_it_makes_room_on_a_full_disk_without_a_bucket_too(people, slide, monkeypatch):
    folder = old(slide)
    gone = size_bytes(folder)

    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=media.RESERVE_BYTES + (0 if folder.exists() else gone // 2))

    monkeypatch.setattr("labeling.media.shutil.disk_usage", usage)
    media.check_room(gone // 3)
    assert not folder.exists()
    assert media.unpacked() == []
    with pytest.raises(media.DiskFullError), unpacked.held(slide.sha256):
        pass
    assert media.path_of(slide.sha256).exists()


def test_many_threads_unpack_it_once(slide, monkeypatch):
    shutil.rmtree(folder_of(slide))
    made, unpack = [], zipped.unpack_zip

    def counted(*args, **known) -> None:
        made.append(args)
        unpack(*args, **known)

    monkeypatch.setattr(unpacked, "unpack_zip", counted)
    found: list[Path] = []

    def read() -> None:
        with unpacked.held(slide.sha256) as path:
            found.append(path)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), found) == (1, [folder_of(slide) / "slide.mrxs"] * 6)


READ_ON = """
import os, sys
import django
django.setup()
from labeling import copies, unpacked
from labeling.slides.reader import SlideReader
copies.GRACE_S = 3.0  # with none at all they could take what was just unpacked from one another for ever
made, unpack = [], unpacked.unpack_zip
unpacked.unpack_zip = lambda *args, **known: (made.append(1), unpack(*args, **known))
import time
for n in range(6):
    sha256 = sys.argv[1 + (n + os.getpid()) % 2]
    with unpacked.held(sha256) as path, SlideReader(path) as reader:
        time.sleep(copies.GRACE_S)
        pixels, mask = reader.read(0, 0, *reader.size)
        assert mask.all() and reader.size == (1024, 512)
print(len(made))
"""


def test_processes_that_unpack_and_make_room_at_once_never_read_half_a_slide(own_media, slide, other):
    for place in media.unpacked():
        shutil.rmtree(place)
    made = counted_at_once(READ_ON, [slide.sha256, other.sha256], own_media, {"TILSCOPE_MEDIA_CACHE_BYTES": "1"})
    assert made >= 2
    assert list((own_media / "tmp").iterdir()) == []


DIE = """
import os, signal, sys
import django
django.setup()
from labeling import unpacked
unpack = unpacked.unpack_zip
unpacked.unpack_zip = lambda *args, **known: (unpack(*args, **known), os.kill(os.getpid(), signal.SIGKILL))
with unpacked.held(sys.argv[1]):
    pass
"""


def test_a_kill_before_it_gets_its_name_leaves_no_slide_and_holds_up_nobody(own_media, slide):
    shutil.rmtree(folder_of(slide))
    environment = {**os.environ, "TILSCOPE_MEDIA_ROOT": str(own_media), "DJANGO_SETTINGS_MODULE": "config.settings"}
    died = subprocess.run([sys.executable, "-c", DIE, slide.sha256], cwd=ROOT, env=environment, check=False)
    assert (died.returncode, media.unpacked()) == (-9, [])
    (left,) = (path for path in (own_media / "tmp").iterdir() if path.is_dir())
    assert (left / "slide" / "Data0001.dat").is_file()
    with unpacked.held(slide.sha256) as path:
        assert path == folder_of(slide) / "slide.mrxs"


def test_a_file_that_is_not_there_is_told_as_such(people, slide, archive):
    shutil.rmtree(folder_of(slide))
    media.path_of(slide.sha256).unlink()
    with unpacked.held(slide.sha256) as path:
        assert not path.exists()
    Slide.objects.filter(pk=slide.pk).update(state=SlideState.QUEUED)
    runs.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.error_code) == (SlideState.FAILED, "slide_missing")
    assert uploaded(people, archive).state == SlideState.READY


def test_verify_looks_at_what_is_unpacked(slide, capsys):
    assert verified(capsys) == (0, [])
    data = folder_of(slide) / "slide" / "Data0000.dat"
    data.chmod(0o600)
    data.write_bytes(b"other")
    nobodys = media.unpacked_place("0" * 64)
    nobodys.mkdir(parents=True)
    code, found = verified(capsys)
    assert code == 1
    words = "1 of its files are not those of its ZIP file; remove the folder, it is made again"
    assert {difference["what"]: difference["kind"] for difference in found} == {
        f"{nobodys}: no row names its ZIP file": "unnamed",
        f"{folder_of(slide)}: {words}": "damaged",
    }


def test_what_a_kill_left_of_an_unpacking_is_removed_after_a_day(own_media):
    left, young = own_media / "tmp" / "left", own_media / "tmp" / "young"
    for folder in (left, young):
        (folder / "slide").mkdir(parents=True)
        (folder / "slide" / "Data0000.dat").write_bytes(b"x")
    os.utime(left, (time.time() - 25 * 3600,) * 2)
    runs.remove_stale_uploads()
    assert [path.name for path in (own_media / "tmp").iterdir()] == ["young"]


def test_who_waited_for_a_lock_that_was_taken_away_locks_the_one_that_is_there(own_media):
    lock, seen = own_media / "tmp" / "x.lock", []

    def enter() -> None:
        with copies.alone(lock):
            seen.append(lock.exists())

    waiting = [threading.Thread(target=enter) for _ in range(3)]
    with copies.alone(lock):
        for thread in waiting:
            thread.start()
        time.sleep(0.3)
        assert seen == []
    for thread in waiting:
        thread.join()
    assert seen == [True] * 3
    assert not lock.exists()


def test_a_slide_of_several_files_cannot_be_copied_clean(people, slide, tmp_path):
    with pytest.raises(CommandError, match="Export its tissue as tiled TIFF"):
        call_command("deidentify", slide.code, str(tmp_path / "out.tif"), "--study", people.study.name)


def test_a_zip_file_that_was_no_slide_stays_refused_for_readers(own_media):
    with media.temp_file() as path:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", b"x")
        sha256 = media.store_file(path)
    with pytest.raises(SlideError), pool.reader(sha256):
        pass
