"""Labels: a click becomes a patch; nothing said is lost, doubled or overwritten."""

import io
import json
import threading
import uuid

import numpy as np
import pytest
from django.db import connection
from PIL import Image

from labeling.choices import SlideState
from labeling.models import Label, Patch, Slide
from labeling.selectors import standing_labels
from labeling.services import patch_label
from tests.factories import LabelFactory, MembershipFactory, PatchFactory

pytestmark = pytest.mark.django_db


def click(client, field, x=100, y=80, key=None, class_id=None):
    body = {"x": x, "y": y, "class_id": class_id or classes(field)[0].pk, "client_key": str(key or uuid.uuid4())}
    return client.post(f"/api/slides/{field.slide.pk}/patches", body, format="json")


def say(client, patch_id, class_id, key=None):
    body = {"class_id": class_id, "client_key": str(key or uuid.uuid4())}
    return client.post(f"/api/patches/{patch_id}/labels", body, format="json")


def classes(field):
    return list(field.slide.study.classes.order_by("key"))


def markers(client, field):
    return client.get(f"/api/slides/{field.slide.pk}/markers").json()["results"]


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize(
    ("x", "y", "centre"),
    [(100, 80, (100, 80)), (0, 0, (35, 35)), (299, 199, (265, 165)), (36, 199, (36, 165)), (150, 10, (150, 35))],
)
def test_a_click_stores_the_slides_own_pixels(x, y, centre, people, field):
    client = people.client("pathologist")
    answer = click(client, field, x, y)
    assert answer.status_code == 201
    marker = answer.json()
    assert (marker["x_l0"], marker["y_l0"]) == centre
    assert (marker["mine"], marker["source"], marker["class_id"]) == (True, "click", classes(field)[0].pk)
    left, top = centre[0] - 35, centre[1] - 35
    patch = Patch.objects.get(pk=marker["patch_id"])
    assert (pixels_of(bytes(patch.png)) == field.pixels[top : top + 70, left : left + 70]).all()
    image = client.get(f"/api/patches/{patch.pk}/image")
    assert image.content == bytes(patch.png)
    assert image["Content-Type"] == "image/png"
    assert client.get(f"/api/patches/{patch.pk}/image", HTTP_IF_NONE_MATCH=image["ETag"]).status_code == 304


def test_the_same_key_again_is_the_same_label(people, field):
    client, key = people.client("pathologist"), uuid.uuid4()
    first, again = click(client, field, key=key), click(client, field, key=key)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (Patch.objects.count(), Label.objects.count()) == (1, 1)


def test_the_same_key_with_another_body_is_refused(people, field):
    client, key = people.client("pathologist"), uuid.uuid4()
    click(client, field, key=key)
    other_class = classes(field)[1].pk
    for changed in ({"x": 101}, {"class_id": other_class}):
        answer = click(client, field, key=key, **changed)
        assert (answer.status_code, answer.json()["code"]) == (409, "client_key_reused")
    patch = Patch.objects.get()
    assert say(client, patch.pk, other_class, key=key).json()["code"] == "client_key_reused"
    assert Label.objects.count() == 1


def test_a_key_is_a_persons_own(people, field):
    key, other = uuid.uuid4(), MembershipFactory.create(study=people.study, role="pathologist").user
    assert click(people.client("pathologist"), field, key=key).status_code == 201
    patch_label(user=other, slide=field.slide, x=100, y=80, class_id=classes(field)[1].pk, client_key=key)
    assert (Patch.objects.count(), Label.objects.count()) == (1, 2)


def test_two_readers_never_overwrite_each_other(people, field):
    other = MembershipFactory.create(study=people.study, role="pathologist").user
    positive, negative = classes(field)
    client = people.client("pathologist")
    click(client, field)
    patch_label(user=other, slide=field.slide, x=100, y=80, class_id=negative.pk, client_key=uuid.uuid4())
    found = {(m["reader"]["id"], m["class_id"], m["mine"]) for m in markers(client, field)}
    assert found == {(people.pathologist.pk, positive.pk, True), (other.pk, negative.pk, False)}


def test_undo_and_change_are_rows_too(people, field):
    client = people.client("pathologist")
    positive, negative = classes(field)
    patch_id = click(client, field).json()["patch_id"]
    key = uuid.uuid4()
    assert say(client, patch_id, None, key=key).json()["class_id"] is None
    assert say(client, patch_id, None, key=key).status_code == 200
    assert markers(client, field) == []
    assert say(client, patch_id, negative.pk).status_code == 201
    assert [m["class_id"] for m in markers(client, field)] == [negative.pk]
    assert list(Label.objects.order_by("pk").values_list("label_class", flat=True)) == [
        positive.pk,
        None,
        negative.pk,
    ]


def test_withdrawing_leaves_the_others_label(people, field):
    other = MembershipFactory.create(study=people.study, role="pathologist").user
    client = people.client("pathologist")
    patch_id = click(client, field).json()["patch_id"]
    LabelFactory.create(patch_id=patch_id, patch=Patch.objects.get(), reader=other)
    say(client, patch_id, None)
    assert [label.reader for label in standing_labels()] == [other]
    listed = client.get(f"/api/studies/{people.study.pk}/patches").json()["results"]
    assert [(p["id"], p["reader"]["id"]) for p in listed] == [(patch_id, other.pk)]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"x": 300}, 400, "patch_off_slide"),
        ({"y": 200}, 400, "patch_off_slide"),
        ({"x": -1}, 400, "invalid"),
        ({"x": 2**31}, 400, "invalid"),
        ({"x": "left"}, 400, "invalid"),
        ({"x": 1e400}, 400, "invalid"),
        ({"class_id": 10**9}, 404, "class_not_found"),
        ({"class_id": 10**30}, 404, "class_not_found"),
        ({"class_id": None}, 400, "invalid"),
        ({"client_key": "again"}, 400, "invalid"),
    ],
)
def test_bad_clicks_are_refused_with_a_code(body, status, code, people, field):
    whole = {"x": 1, "y": 1, "class_id": classes(field)[0].pk, "client_key": str(uuid.uuid4())} | body
    client = people.client("pathologist")
    data = json.dumps(whole).replace("Infinity", "1e400")
    answer = client.post(f"/api/slides/{field.slide.pk}/patches", data, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Patch.objects.exists()


def test_a_class_of_another_study_is_absent(people, field):
    foreign = people.stranger.memberships.get().study.classes.first()
    assert click(people.client("pathologist"), field, class_id=foreign.pk).json()["code"] == "class_not_found"
    patch_id = click(people.client("pathologist"), field).json()["patch_id"]
    assert say(people.client("pathologist"), patch_id, foreign.pk).json()["code"] == "class_not_found"


def test_a_slide_that_is_not_ready_takes_no_labels(people, field):
    Slide.objects.filter(pk=field.slide.pk).update(state=SlideState.PROCESSING)
    answer = click(people.client("pathologist"), field)
    assert (answer.status_code, answer.json()["code"]) == (409, "slide_not_ready")


def test_a_study_with_a_scale_crops_at_it(people, make_field):
    people.study.model_mpp = 0.2
    people.study.save()
    field = make_field(mpp=0.1)
    assert click(people.client("pathologist"), field, 10, 10).json()["x_l0"] == 70
    unknown = make_field(seed=2, mpp=None)
    answer = click(people.client("pathologist"), unknown)
    assert (answer.status_code, answer.json()["code"]) == (400, "slide_needs_scale")


def test_a_slide_smaller_than_a_patch_is_said(people, make_field):
    answer = click(people.client("pathologist"), make_field(69, 80), 5, 5)
    assert answer.json()["code"] == "slide_too_small"


@pytest.mark.django_db(transaction=True)
def test_a_double_click_in_two_threads_makes_one_label(people, field):
    key, barrier = uuid.uuid4(), threading.Barrier(4)
    results: list[tuple[int, bool]] = []

    def work(x):
        barrier.wait()
        try:
            said = patch_label(
                user=people.pathologist,
                slide=field.slide,
                x=x,
                y=80,
                class_id=classes(field)[0].pk,
                client_key=key,
            )
            results.append((said.label.pk, said.made))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(100,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Patch.objects.count(), Label.objects.count()) == (1, 1)
    assert len({pk for pk, _ in results}) == 1
    assert sorted(made for _, made in results) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_different_clicks_on_one_place_share_the_patch(people, field):
    barrier = threading.Barrier(3)

    def work():
        barrier.wait()
        patch_label(
            user=people.pathologist,
            slide=field.slide,
            x=90,
            y=90,
            class_id=classes(field)[0].pk,
            client_key=uuid.uuid4(),
        )
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (Patch.objects.count(), Label.objects.count()) == (1, 3)


def test_the_summary_counts_what_the_list_shows(people, field):
    client = people.client("pathologist")
    positive, negative = classes(field)
    click(client, field)
    click(client, field, 150, 80, class_id=negative.pk)
    withdrawn = click(client, field, 200, 80).json()["patch_id"]
    say(client, withdrawn, None)
    imported = PatchFactory.create(study=people.study)
    LabelFactory.create(patch=imported, reader=people.admin, label_class=positive)
    summary = client.get(f"/api/studies/{people.study.pk}/patch-summary").json()
    assert summary == {
        "total": 3,
        "classes": [{"class_id": positive.pk, "count": 2}, {"class_id": negative.pk, "count": 1}],
        "sources": [{"source": "click", "count": 2}, {"source": "import", "count": 1}],
        "slides": [{"slide_id": field.slide.pk, "code": field.slide.code, "count": 2}],
    }
    listed = client.get(f"/api/studies/{people.study.pk}/patches?ordering=id").json()
    assert listed["count"] == 3
    assert [p["class_id"] for p in listed["results"]] == [positive.pk, negative.pk, positive.pk]
    assert [p["slide_code"] for p in listed["results"]] == [field.slide.code, field.slide.code, None]
    study = client.get(f"/api/studies/{people.study.pk}").json()
    assert (study["patch_count"], study["slide_count"]) == (3, 1)
    assert client.get(f"/api/slides/{field.slide.pk}").json()["label_count"] == 2


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 3),
        ("class_id={negative}", 1),
        ("slide={slide}", 2),
        ("source=import", 1),
        ("source=click&class_id={positive}", 1),
        ("reader={admin}", 1),
        ("reader=0", None),
        ("source=theft", None),
        ("ordering=png", None),
        ("class_id=x", None),
        ("slide=999999999999999999999", 0),
    ],
)
def test_patches_are_filtered_by_the_allow_list(query, count, people, field):
    positive, negative = classes(field)
    LabelFactory.create(patch=PatchFactory.create(slide=field.slide, x_l0=50, y_l0=50), label_class=positive)
    LabelFactory.create(patch=PatchFactory.create(slide=field.slide, x_l0=90, y_l0=50), label_class=negative)
    LabelFactory.create(patch=PatchFactory.create(study=people.study), label_class=positive, reader=people.admin)
    filled = query.format(positive=positive.pk, negative=negative.pk, slide=field.slide.pk, admin=people.admin.pk)
    answer = people.client("lab").get(f"/api/studies/{people.study.pk}/patches?{filled}")
    if count is None:
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    else:
        assert answer.json()["count"] == count
