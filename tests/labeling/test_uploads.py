"""Uploads: whole or absent, resumable at any byte, nobody else's business."""

import base64
import hashlib
import io
import pkgutil
import tracemalloc
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from config.errors import ConflictError
from labeling import arrivals, media, runs
from labeling.choices import SlideState
from labeling.models import Slide, Upload
from labeling.services import QuotaError
from labeling.services import uploads as service
from labeling.services.uploads import clean_name, upload_append
from tests.factories import MembershipFactory, SlideFactory, StudyFactory, UploadFactory
from tests.labeling.conftest import drawn_pixels, write_png

pytestmark = pytest.mark.django_db
TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
BYTES = "application/offset+octet-stream"


def metadata(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


def create(client, people, size, **headers):
    values = {"HTTP_UPLOAD_LENGTH": str(size), **TUS, **headers}
    return client.post(f"/api/studies/{people.study.pk}/uploads", **values)


def send(client, url, offset, data):
    return client.generic("PATCH", url, data, content_type=BYTES, HTTP_UPLOAD_OFFSET=str(offset), **TUS)


@pytest.fixture
def png(tmp_path) -> bytes:
    return write_png(tmp_path / "sent.png", drawn_pixels(90, 80)).read_bytes()


def test_a_file_in_pieces_becomes_a_slide(people, png, django_capture_on_commit_callbacks):
    client = people.client("lab")
    digest = hashlib.sha256(png).hexdigest()
    made = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(filename="../../Müller.png", sha256=digest))
    assert made.status_code == 201
    url, cut = made["Location"], len(png) // 3
    assert send(client, url, 0, png[:cut])["Upload-Offset"] == str(cut)
    state = client.head(url, **TUS)
    assert (state["Upload-Offset"], state["Upload-Length"]) == (str(cut), str(len(png)))
    assert state["Cache-Control"] == "no-store"
    assert not Slide.objects.exists()
    last = send(client, url, cut, png[cut:])
    assert (last.status_code, last["Upload-Offset"]) == (204, str(len(png)))
    slide = Slide.objects.get(pk=int(last["X-Slide-Id"]))
    assert (slide.sha256, slide.size_bytes, slide.state) == (digest, len(png), SlideState.QUEUED)
    assert media.path_of(digest).read_bytes() == png
    upload = Upload.objects.get()
    assert (upload.file_name, upload.slide) == ("Müller.png", slide)
    assert not media.part_path(upload.pk).exists()
    again = send(client, url, len(png), b"")
    assert (again.status_code, again["X-Slide-Id"]) == (204, str(slide.pk))
    runs.ingest_slide(slide.pk)
    slide.refresh_from_db()
    assert (slide.state, slide.width, slide.height) == (SlideState.READY, 90, 80)


def test_resumes_after_a_cut_at_any_byte(people, png, monkeypatch):
    monkeypatch.setattr(service, "SLICE_BYTES", 1000)
    client = people.client("lab")
    for n, cut in enumerate([1, 999, 1000, 1001, len(png) - 1]):
        data = png + bytes([n])
        url = create(client, people, len(data))["Location"]
        send(client, url, 0, data[:cut])
        offset = int(client.head(url, **TUS)["Upload-Offset"])
        assert offset == cut
        assert "X-Slide-Id" in send(client, url, offset, data[offset:])
        assert media.path_of(hashlib.sha256(data).hexdigest()).read_bytes() == data


class Breaking(io.BytesIO):
    """A line that breaks in the middle of a piece."""

    def read(self, size=-1):
        if self.tell() >= 1500:
            raise ConnectionResetError
        return super().read(min(size, 500))


def test_a_line_that_breaks_keeps_what_arrived(people, png, monkeypatch):
    monkeypatch.setattr(service, "SLICE_BYTES", 1000)
    url = create(people.client("lab"), people, len(png))["Location"]
    upload = Upload.objects.get()
    progress = upload_append(upload=upload, offset=0, stream=Breaking(png))
    assert progress.offset_bytes == 1500
    assert people.client("lab").head(url, **TUS)["Upload-Offset"] == "1500"
    assert "X-Slide-Id" in send(people.client("lab"), url, 1500, png[1500:])


def test_bytes_written_but_not_yet_noted_are_written_again(people, png):
    """As after a kill between the disk and the row."""
    client = people.client("lab")
    url = create(client, people, len(png))["Location"]
    part = media.part_path(Upload.objects.get().pk)
    part.parent.mkdir()
    part.write_bytes(b"x" * 500)
    assert client.head(url, **TUS)["Upload-Offset"] == "0"
    assert "X-Slide-Id" in send(client, url, 0, png)
    assert Slide.objects.get().sha256 == hashlib.sha256(png).hexdigest()


def test_a_wrong_hash_leaves_nothing_behind(people, png):
    client = people.client("lab")
    url = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256="0" * 64))["Location"]
    answer = send(client, url, 0, png)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_hash_mismatch")
    assert not Upload.objects.exists()
    assert not Slide.objects.exists()
    assert list(media.stored()) == []
    assert list((media.root() / "uploads").iterdir()) == []
    assert client.head(url, **TUS).status_code == 404


def test_the_same_file_twice_is_the_same_slide(people, png):
    client, ids = people.client("lab"), []
    for _ in range(2):
        url = create(client, people, len(png))["Location"]
        ids.append(send(client, url, 0, png)["X-Slide-Id"])
    assert ids[0] == ids[1]
    assert Slide.objects.count() == 1
    assert len(list(media.stored())) == 1


def test_a_refused_file_sent_again_is_tried_again(people):
    client = people.client("lab")
    for attempt in (1, 2):
        url = create(client, people, 7)["Location"]
        slide = Slide.objects.get(pk=int(send(client, url, 0, b"no good")["X-Slide-Id"]))
        assert (slide.state, slide.attempts) == (SlideState.QUEUED, 0), attempt
        runs.ingest_slide(slide.pk)
        slide.refresh_from_db()
        assert slide.state == SlideState.FAILED


def test_a_wrong_offset_is_told_and_writes_nothing(people, png):
    client = people.client("lab")
    url = create(client, people, len(png))["Location"]
    for offset in (1, len(png), 10**17):
        answer = send(client, url, offset, png)
        assert (answer.status_code, answer.json()["code"]) == (409, "upload_offset")
        assert answer.json()["extra"]["offset"] == 0
    assert send(client, url, "nine", png).json()["code"] == "tus_invalid"
    assert not media.part_path(Upload.objects.get().pk).exists()


def test_a_slower_sender_of_the_same_bytes_does_no_harm(people, png, monkeypatch):
    """Two tabs: the second has an old idea of the offset."""
    monkeypatch.setattr(service, "SLICE_BYTES", 1000)
    create(people.client("lab"), people, len(png))
    first, second = Upload.objects.get(), Upload.objects.get()
    upload_append(upload=first, offset=0, stream=io.BytesIO(png[:1000]))
    with pytest.raises(ConflictError) as refused:
        upload_append(upload=second, offset=0, stream=io.BytesIO(png))
    assert refused.value.extra == {"offset": 1000}


def test_more_than_announced_is_refused(people, png):
    client = people.client("lab")
    url = create(client, people, 10)["Location"]
    answer = send(client, url, 0, png)
    assert (answer.status_code, answer.json()["code"]) == (400, "upload_too_long")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"HTTP_UPLOAD_LENGTH": "0"}, 400, "upload_empty"),
        ({"HTTP_UPLOAD_LENGTH": "-1"}, 400, "tus_invalid"),
        ({"HTTP_UPLOAD_LENGTH": "1e3"}, 400, "tus_invalid"),
        ({"HTTP_UPLOAD_LENGTH": ""}, 400, "tus_invalid"),
        ({"HTTP_UPLOAD_LENGTH": "9" * 18}, 413, "upload_too_large"),
        ({"HTTP_UPLOAD_METADATA": "filename %%%"}, 400, "tus_metadata"),
        ({"HTTP_UPLOAD_METADATA": "filename gIA="}, 400, "tus_metadata"),
        ({"HTTP_UPLOAD_METADATA": metadata(sha256="abc")}, 400, "tus_metadata"),
        ({"HTTP_TUS_RESUMABLE": "0.2.2"}, 412, "tus_version"),
    ],
)
def test_what_breaks_the_protocol_is_refused(headers, status, code, people):
    answer = create(people.client("lab"), people, 10, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer["Tus-Resumable"] == "1.0.0"
    assert not Upload.objects.exists()


def test_a_body_of_another_type_is_refused(people):
    client = people.client("lab")
    url = create(client, people, 10)["Location"]
    answer = client.generic("PATCH", url, b"x", content_type="application/json", HTTP_UPLOAD_OFFSET="0", **TUS)
    assert (answer.status_code, answer.json()["code"]) == (415, "tus_content_type")


def test_a_full_disk_is_said_in_words(people, monkeypatch):
    monkeypatch.setattr("labeling.media.shutil.disk_usage", lambda _: SimpleNamespace(free=1))
    answer = create(people.client("lab"), people, 10)
    assert (answer.status_code, answer.json()["code"]) == (507, "disk_full")
    assert "Ask an admin" in answer.json()["message"]


def test_others_see_no_upload_at_all(people, png):
    url = create(people.client("lab"), people, len(png))["Location"]
    other = MembershipFactory.create(study=people.study, role="lab").user
    absent = f"/api/uploads/{uuid.uuid4()}"
    for who in ("admin", "pathologist", "stranger", "site_admin"):
        client = people.client(who)
        assert client.head(url, **TUS).status_code == 404
        assert send(client, url, 0, png).content == send(client, absent, 0, png).content
        assert client.delete(url, **TUS).status_code == 404
    client = people.client("lab")
    client.force_login(other)
    assert client.head(url, **TUS).status_code == 404


def test_who_left_the_study_cannot_go_on(people, png):
    url = create(people.client("lab"), people, len(png))["Location"]
    people.lab.memberships.all().delete()
    assert send(people.client("lab"), url, 0, png).status_code == 404


def test_taking_back_removes_row_and_bytes(people):
    client = people.client("lab")
    url = create(client, people, 10)["Location"]
    send(client, url, 0, b"half")
    path = media.part_path(Upload.objects.get().pk)
    assert path.exists()
    assert client.delete(url, **TUS).status_code == 204
    assert client.delete(url, **TUS).status_code == 404
    assert not path.exists()


def test_a_half_file_that_is_gone_is_told(people):
    upload = UploadFactory.create(study=people.study, owner=people.lab, offset_bytes=5)
    answer = send(people.client("lab"), f"/api/uploads/{upload.pk}", 5, b"x")
    assert (answer.status_code, answer.json()["code"]) == (404, "upload_gone")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\slide.svs", "slide.svs"),
        ("a\x00b\nc\u202egnp.exe", "abcgnp.exe"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
        ("CON", "CON"),
        ("", "unnamed"),
        ("///", "unnamed"),
        ("x" * 400, "x" * 255),
    ],
)
def test_names_are_data(sent, kept):
    assert clean_name(sent) == kept


def test_a_chunk_is_never_whole_in_memory(people):
    sizes = []

    class Stream(io.BytesIO):
        def read(self, size=-1):
            sizes.append(size)
            return super().read(size)

    upload = UploadFactory.create(study=people.study, owner=people.lab, size_bytes=19 * 1024**2)
    tracemalloc.start()
    upload_append(upload=upload, offset=0, stream=Stream(b"\0" * (19 * 1024**2)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(sizes) <= service.READ_BYTES
    assert peak < 19 * 1024**2 + service.SLICE_BYTES + 4 * service.READ_BYTES


# Large files: hashed by a worker.


@pytest.fixture
def large(monkeypatch):
    """Every file counts as large."""
    monkeypatch.setattr(service, "HASHED_AT_ONCE_BYTES", 0)


def minutes_ago(upload_id):
    Upload.objects.filter(pk=upload_id).update(touched_at=timezone.now() - timedelta(minutes=1))


def test_a_large_file_is_hashed_by_a_worker(people, png, large):
    client = people.client("lab")
    url = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256=hashlib.sha256(png).hexdigest()))
    url = url["Location"]
    last = send(client, url, 0, png)
    assert (last.status_code, last["Upload-Offset"]) == (204, str(len(png)))
    assert "X-Slide-Id" not in last
    upload = Upload.objects.get()
    assert runs.whole_uploads() == []
    minutes_ago(upload.pk)
    assert runs.whole_uploads() == [str(upload.pk)]
    slide_id = runs.finish_upload(str(upload.pk))
    assert slide_id is not None
    assert client.head(url, **TUS)["X-Slide-Id"] == str(slide_id)
    assert Slide.objects.get(pk=slide_id).sha256 == hashlib.sha256(png).hexdigest()
    assert runs.whole_uploads() == []
    assert runs.finish_upload(str(upload.pk)) is None
    assert not media.part_path(upload.pk).exists()


def test_a_large_file_that_arrived_damaged_leaves_nothing_behind(people, png, large):
    client = people.client("lab")
    url = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256="0" * 64))["Location"]
    send(client, url, 0, png)
    assert runs.finish_upload(str(Upload.objects.get().pk)) is None
    assert client.head(url, **TUS).status_code == 404
    assert (list(media.stored()), Slide.objects.count()) == ([], 0)
    assert list((media.root() / "uploads").iterdir()) == []


def test_a_whole_file_that_vanished_is_given_up_unless_its_folder_is_away(people):
    upload = UploadFactory.create(study=people.study, owner=people.lab, offset_bytes=1000)
    assert runs.finish_upload(str(upload.pk)) is None
    assert Upload.objects.exists()
    media.part_path(upload.pk).parent.mkdir()
    assert runs.finish_upload(str(upload.pk)) is None
    assert not Upload.objects.exists()


class Killed(BaseException):
    """As if the process ended here."""


@pytest.mark.parametrize(
    "moment",
    ["labeling.media.sha256_of", "labeling.media.store_file", "labeling.arrivals.register", "pathlib.Path.unlink"],
)
@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_at_any_moment_of_the_end_loses_nothing(moment, is_after, people, png, monkeypatch):
    client = people.client("lab")
    url = create(client, people, len(png))["Location"]
    upload = Upload.objects.get()
    send(client, url, 0, png[:-1])
    with monkeypatch.context() as patch:
        owner, _, name = moment.rpartition(".")
        real = getattr(pkgutil.resolve_name(owner), name)

        def kill(*args, **kwargs):
            if is_after:
                real(*args, **kwargs)
            raise Killed

        patch.setattr(moment, kill)
        with pytest.raises(Killed):
            upload_append(upload=Upload.objects.get(), offset=len(png) - 1, stream=io.BytesIO(png[-1:]))
    minutes_ago(upload.pk)
    for upload_id in runs.whole_uploads():
        runs.finish_upload(upload_id)
    runs.remove_stale_uploads()
    slide = Slide.objects.get()
    assert client.head(url, **TUS)["X-Slide-Id"] == str(slide.pk)
    assert media.path_of(slide.sha256).read_bytes() == png
    assert list((media.root() / "uploads").iterdir()) == []


def test_only_one_process_hashes_a_file(people, png, large):
    create(people.client("lab"), people, len(png))
    upload = Upload.objects.get()
    upload_append(upload=upload, offset=0, stream=io.BytesIO(png))
    with ThreadPoolExecutor(1) as other, arrivals._alone_with(upload.pk) as is_alone:
        assert is_alone
        assert other.submit(is_alone_elsewhere, upload.pk).result() is False
    with ThreadPoolExecutor(1) as other:
        assert other.submit(is_alone_elsewhere, upload.pk).result() is True


def is_alone_elsewhere(upload_id) -> bool:
    """Ask over another connection."""
    try:
        with arrivals._alone_with(upload_id) as is_alone:
            return is_alone
    finally:
        connection.close()


# The same file again.


def test_a_file_the_study_has_is_known_before_a_byte_is_sent(people, png):
    client, digest = people.client("lab"), hashlib.sha256(png).hexdigest()
    first = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256=digest))
    assert "X-Slide-Id" not in first
    slide_id = send(client, first["Location"], 0, png)["X-Slide-Id"]
    other = MembershipFactory.create(study=people.study, role="lab").user
    client.force_login(other)
    again = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256=digest))
    assert (again.status_code, again["X-Slide-Id"], again["Upload-Offset"]) == (201, slide_id, str(len(png)))
    state = client.head(again["Location"], **TUS)
    assert (state["X-Slide-Id"], state["Upload-Offset"]) == (slide_id, str(len(png)))
    assert client.delete(again["Location"], **TUS).status_code == 204
    assert Slide.objects.count() == 1


def test_another_study_does_not_know_it(people, png):
    client, digest = people.client("lab"), hashlib.sha256(png).hexdigest()
    url = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(sha256=digest))["Location"]
    send(client, url, 0, png)
    elsewhere = MembershipFactory.create(role="lab", user=people.lab).study
    values = {"HTTP_UPLOAD_LENGTH": str(len(png)), "HTTP_UPLOAD_METADATA": metadata(sha256=digest), **TUS}
    answer = client.post(f"/api/studies/{elsewhere.pk}/uploads", **values)
    assert (answer["Upload-Offset"], "X-Slide-Id" in answer) == ("0", False)


def test_a_refused_slide_is_tried_again_without_sending_and_one_without_its_file_is_sent(people):
    client, digest = people.client("lab"), hashlib.sha256(b"no good").hexdigest()
    announce = {"HTTP_UPLOAD_METADATA": metadata(sha256=digest)}
    slide_id = int(send(client, create(client, people, 7, **announce)["Location"], 0, b"no good")["X-Slide-Id"])
    runs.ingest_slide(slide_id)
    assert Slide.objects.get().state == SlideState.FAILED
    assert create(client, people, 7, **announce)["X-Slide-Id"] == str(slide_id)
    assert Slide.objects.get().state == SlideState.QUEUED
    media.path_of(digest).unlink()
    assert "X-Slide-Id" not in create(client, people, 7, **announce)


# Quotas.


def quota(people, size_bytes):
    people.study.quota_bytes = size_bytes
    people.study.save()


def test_a_quota_refuses_before_a_byte_is_sent_and_says_what_takes_the_room(people):
    SlideFactory.create(study=people.study, size_bytes=600_000_000)
    UploadFactory.create(study=people.study, size_bytes=300_000_000)
    UploadFactory.create(study=people.study, size_bytes=700_000_000, slide=Slide.objects.get())
    UploadFactory.create(size_bytes=700_000_000)
    quota(people, 1_000_000_000)
    answer = create(people.client("lab"), people, 100_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "study_quota")
    words = answer.json()["message"]
    assert "may hold 1.00 GB: 0.60 GB are slides, 0.30 GB are uploads on their way" in words
    assert "ask an admin" in words
    assert answer.json()["extra"]["needed_bytes"] == 100_000_001
    assert create(people.client("lab"), people, 100_000_000).status_code == 201
    assert create(people.client("lab"), people, 1).json()["code"] == "study_quota"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_both_slip_in():
    study = StudyFactory.create(quota_bytes=1000)
    together = Barrier(4)

    def announce(_: int) -> bool:
        together.wait()
        try:
            service.upload_create(user=study.created_by, study=study, file_name="a", size_bytes=400)
        except QuotaError:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as others:
        assert sum(others.map(announce, range(4))) == 2


def test_a_file_that_is_here_already_takes_no_quota(people, png):
    client, announce = people.client("lab"), {"HTTP_UPLOAD_METADATA": metadata(sha256=hashlib.sha256(png).hexdigest())}
    quota(people, len(png))
    send(client, create(client, people, len(png), **announce)["Location"], 0, png)
    assert "X-Slide-Id" in create(client, people, len(png), **announce)
    assert create(client, people, 1).status_code == 413


def test_an_admin_of_the_study_sets_the_quota(people):
    url = f"/api/studies/{people.study.pk}"
    for value in (-1, "much", 2**63):
        assert people.client("admin").patch(url, {"quota_bytes": value}, format="json").status_code == 400
    assert people.client("lab").patch(url, {"quota_bytes": 5}, format="json").status_code == 403
    assert people.client("admin").patch(url, {"quota_bytes": 5}, format="json").json()["quota_bytes"] == 5
    assert create(people.client("lab"), people, 6).status_code == 413
    assert people.client("admin").patch(url, {"quota_bytes": None}, format="json").json()["quota_bytes"] is None
    assert create(people.client("lab"), people, 6).status_code == 201


# One's own unfinished uploads.


def listed(client, people):
    return client.get(f"/api/studies/{people.study.pk}/uploads").json()["results"]


def test_a_person_sees_the_unfinished_uploads_of_their_own(people, png, django_assert_max_num_queries):
    client, digest = people.client("lab"), hashlib.sha256(png).hexdigest()
    url = create(client, people, len(png), HTTP_UPLOAD_METADATA=metadata(filename="a.png", sha256=digest))["Location"]
    send(client, url, 0, png[:500])
    UploadFactory.create(study=people.study)
    UploadFactory.create(owner=people.lab)
    (found,) = listed(client, people)
    assert url.endswith(found.pop("id"))
    found.pop("touched_at")
    assert found == {"file_name": "a.png", "size_bytes": len(png), "offset_bytes": 500, "sha256": digest}
    assert listed(people.client("admin"), people) == []
    UploadFactory.create_batch(5, study=people.study, owner=people.lab)
    with django_assert_max_num_queries(6):
        assert len(listed(client, people)) == 6
    send(client, url, 500, png[500:])
    assert len(listed(client, people)) == 5


def test_nothing_is_sent_under_another_name(people):
    """A page may still believe that somebody is signed in whom another tab has signed out."""
    client = people.client("admin")
    answer = create(client, people, 10, HTTP_UPLOAD_METADATA=metadata(person=str(people.lab.pk)))
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_other_person")
    assert not Upload.objects.exists()
    mine = create(client, people, 10, HTTP_UPLOAD_METADATA=metadata(person=str(people.admin.pk)))
    assert mine.status_code == 201
