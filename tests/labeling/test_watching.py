"""A watched folder: what lies still is taken, once, whatever happens in between."""

import os
import pkgutil
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command

from labeling import media
from labeling.models import Slide, WatchedFile
from labeling.services import Watch
from tests.factories import StudyFactory
from tests.labeling.conftest import drawn_pixels, write_png

pytestmark = pytest.mark.django_db
STILL_S = 30


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scans").mkdir()
    return tmp_path / "scans"


@pytest.fixture
def watch(people, folder):
    return Watch(folder, people.study, people.lab, still_s=STILL_S)


def scan(path, seed=1):
    return write_png(path, drawn_pixels(40, 40, seed))


def looked(watch, now):
    return [(found.path.name, found.slide and found.slide.code, found.message) for found in watch.look(now)]


def test_a_file_is_taken_when_it_has_been_still(watch, folder):
    path = scan(folder / "a.png")
    assert looked(watch, 0) == []
    assert looked(watch, STILL_S - 1) == []
    os.utime(path, ns=(1, 1))
    assert looked(watch, STILL_S) == []
    path.write_bytes(path.read_bytes() + b"more")
    assert looked(watch, 2 * STILL_S) == []
    assert looked(watch, 3 * STILL_S) == [("a.png", "S001", "")]
    assert looked(watch, 4 * STILL_S) == []
    assert media.path_of(Slide.objects.get().sha256).read_bytes() == path.read_bytes()
    assert path.exists()


def test_subfolders_count_and_hidden_and_empty_files_do_not(watch, folder):
    (folder / "day" / ".trash").mkdir(parents=True)
    scan(folder / "day" / "b.png", 2)
    scan(folder / "day" / ".trash" / "c.png", 3)
    scan(folder / ".d.png", 4)
    (folder / "e.png").touch()
    (folder / "gone.png").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    looked(watch, 0)
    assert looked(watch, STILL_S) == [("b.png", "S001", "")]


def test_it_is_never_taken_twice(watch, people, folder):
    path = scan(folder / "a.png")
    looked(watch, 0), looked(watch, STILL_S)
    again = Watch(folder, people.study, people.lab, still_s=STILL_S)
    looked(again, 0)
    assert looked(again, STILL_S) == []
    os.utime(path, ns=(1, 1))
    path.rename(folder / "renamed.png")
    scan(folder / "copy.png")
    looked(again, 100)
    here = "this file was here already"
    assert looked(again, 200) == [("copy.png", "S001", here), ("renamed.png", "S001", here)]
    assert Slide.objects.count() == 1


def test_another_study_takes_it_too(watch, folder):
    scan(folder / "a.png")
    other = StudyFactory.create()
    both = [watch, Watch(folder, other, other.created_by, still_s=STILL_S)]
    for now in (0, STILL_S):
        found = [looked(one, now) for one in both]
    assert found == [[("a.png", "S001", "")]] * 2


def test_a_refused_file_stops_nothing_and_is_said_once(watch, folder):
    (folder / "a.pdf").write_bytes(b"%PDF-1.7")
    scan(folder / "b.png")
    looked(watch, 0)
    (refused, taken) = looked(watch, STILL_S)
    assert refused[:2] == ("a.pdf", None)
    assert "PDF document" in refused[2]
    assert taken == ("b.png", "S001", "")
    assert looked(watch, 500) == []
    assert "PDF" in WatchedFile.objects.get(slide__isnull=True).refusal


def test_what_may_pass_is_tried_again_and_said_once(watch, people, folder, monkeypatch):
    scan(folder / "a.png")
    looked(watch, 0)
    with monkeypatch.context() as patch:
        patch.setattr("labeling.media.shutil.disk_usage", lambda _: SimpleNamespace(free=1))
        ((_, _, words),) = looked(watch, STILL_S)
        assert "disk has" in words
        assert looked(watch, STILL_S + 61) == []
    assert looked(watch, STILL_S + 100) == []
    assert looked(watch, STILL_S + 122) == [("a.png", "S001", "")]


def test_a_full_study_waits_for_a_larger_quota(watch, people, folder):
    size = scan(folder / "a.png").stat().st_size
    people.study.quota_bytes = size - 1
    people.study.save()
    looked(watch, 0)
    ((_, slide, words),) = looked(watch, STILL_S)
    assert (slide, "This study may hold" in words) == (None, True)
    people.study.quota_bytes = size
    people.study.save()
    assert looked(watch, STILL_S + 61) == [("a.png", "S001", "")]


def test_a_file_that_changes_while_it_is_copied_is_left_for_later(watch, folder):
    path = scan(folder / "a.png")
    watch.on_piece = lambda: path.write_bytes(b"\x89PNG\r\n\x1a\n and more")
    looked(watch, 0)
    ((_, _, words),) = looked(watch, STILL_S)
    assert "still writing" in words
    assert list(media.stored()) == []
    assert list((media.root() / "tmp").iterdir()) == []


def test_a_share_that_is_away_is_waited_for(watch, folder):
    path = scan(folder / "a.png")
    looked(watch, 0)
    folder.rename(folder.with_name("away"))
    assert looked(watch, STILL_S) == []
    folder.with_name("away").rename(folder)
    assert path.exists()
    assert looked(watch, 100) == []
    assert looked(watch, 100 + STILL_S) == [("a.png", "S001", "")]


def test_a_name_that_is_no_text_is_taken(watch, folder):
    path = folder / os.fsdecode(b"\xff\n.png")
    scan(folder / "a.png").rename(path)
    looked(watch, 0)
    assert looked(watch, STILL_S) == [(path.name, "S001", "")]


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize(
    "moment",
    [
        "labeling.services.slide_imports._copy",
        "labeling.media.store_file",
        "labeling.services.slide_imports.slide_register",
        "labeling.models.WatchedFile.objects.bulk_create",
    ],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_at_any_moment_loses_nothing_and_doubles_nothing(moment, is_after, people, folder, monkeypatch):
    path = scan(folder / "a.png")
    owner, _, name = moment.rpartition(".")
    real = getattr(pkgutil.resolve_name(owner), name)

    def kill(*args, **kwargs):
        if is_after:
            real(*args, **kwargs)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(pkgutil.resolve_name(owner), name, kill)
        first = Watch(folder, people.study, people.lab, still_s=0)
        with pytest.raises(Killed):
            looked(first, 0)
    looked(Watch(folder, people.study, people.lab, still_s=0), 0)
    assert media.path_of(Slide.objects.get().sha256).read_bytes() == path.read_bytes()
    assert WatchedFile.objects.get().slide == Slide.objects.get()
    assert len(list(media.stored())) == 1


@pytest.mark.parametrize("arguments", [[], ["a.png", "--watch", "."]])
def test_the_command_takes_files_or_a_folder_to_watch(arguments, people):
    with pytest.raises(CommandError, match="--watch DIR"):
        call_command("import_slides", *arguments, "--study", people.study.name)


def test_a_folder_that_was_never_there_is_said(people, tmp_path):
    with pytest.raises(CommandError, match="no folder"):
        call_command("import_slides", "--watch", str(tmp_path / "no"), "--study", people.study.name)


def test_the_quota_is_set_and_shown(people, capsys):
    for arguments, words in ([], "quota no limit"), (["--gb", "2.5"], "quota 2.50 GB"), (["--none"], "quota no limit"):
        call_command("study_quota", "--study", people.study.name, *arguments)
        assert words in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("study_quota", "--study", people.study.name, "--gb", "-1")


def test_a_bucket_that_is_away_puts_a_file_off_and_does_not_refuse_it(watch, folder, s3):
    scan(folder / "a.png")
    looked(watch, 0)
    s3.kill()
    [(name, slide, why)] = looked(watch, STILL_S)
    assert (name, slide) == ("a.png", None)
    assert "does not answer" in why
    assert not WatchedFile.objects.exists()
    s3.start()
    assert looked(watch, STILL_S + 60) == [("a.png", "S001", "")]
