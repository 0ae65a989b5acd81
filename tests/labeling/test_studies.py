"""Studies, their people, signing in."""

import pytest
from django.conf import settings as django_settings
from rest_framework.test import APIClient

from labeling.choices import Role
from labeling.models import LabelClass, Membership, Study, User
from tests.factories import LabelFactory, MembershipFactory, PatchFactory, StudyFactory, UserFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def signed_up(settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = UserFactory.create(username="ana", first_name="Ana", last_name="Quispe")
    user.set_password(PASSWORD)
    user.save()
    return user


def csrf_client() -> APIClient:
    client = APIClient(enforce_csrf_checks=True)
    client.get("/api/auth/me")
    client.credentials(HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value)
    return client


def login(client, username="ana", password=PASSWORD):
    return client.post("/api/auth/login", {"username": username, "password": password}, format="json")


def test_signing_in_and_out(signed_up):
    client = csrf_client()
    answer = client.get("/api/auth/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert login(client).json() == {
        "id": signed_up.pk,
        "username": "ana",
        "name": "Ana Quispe",
        "is_site_admin": False,
    }
    assert client.cookies[django_settings.SESSION_COOKIE_NAME]["httponly"]
    assert client.get("/api/auth/me").json()["username"] == "ana"
    client.credentials(HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value)
    assert client.post("/api/auth/logout").status_code == 204
    assert client.get("/api/auth/me").status_code == 401


def test_a_write_without_a_token_is_refused_even_at_the_door(signed_up):
    client = APIClient(enforce_csrf_checks=True)
    answer = login(client)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    client.force_login(signed_up)
    answer = client.post("/api/auth/logout")
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize(("username", "password"), [("ana", "wrong"), ("nobody", PASSWORD), ("ana", " " + PASSWORD)])
def test_name_and_password_must_both_be_right(username, password, signed_up):
    answer = login(csrf_client(), username, password)
    assert (answer.status_code, answer.json()["code"]) == (401, "wrong_password")


def test_who_left_cannot_sign_in(signed_up):
    signed_up.is_active = False
    signed_up.save()
    assert login(csrf_client()).json()["code"] == "wrong_password"


def test_guessing_is_stopped_in_the_one_shape(signed_up):
    client = csrf_client()
    for _ in range(django_settings.AXES_FAILURE_LIMIT):
        answer = login(client, password="guess")
    assert (answer.status_code, answer.json()["code"]) == (429, "locked_out")
    assert login(client).status_code == 429


def test_a_site_admin_makes_a_study_with_the_two_usual_classes(people):
    client = people.client("site_admin")
    answer = client.post("/api/studies", {"name": "Gastric CD3"}, format="json")
    assert answer.status_code == 201
    study = answer.json()
    assert [(c["name"], c["key"], c["colour"], c["shape"], c["counted"]) for c in study["classes"]] == [
        ("Positive", 1, "#fa3e3e", "ring", True),
        ("Negative", 2, "#7070e1", "cross", False),
    ]
    assert study["roles"] == ["admin", "lab", "pathologist"]
    assert (study["patch_px"], study["model_mpp"], study["slide_count"], study["patch_count"]) == (70, None, 0, 0)
    assert client.post("/api/studies", {"name": "Gastric CD3"}, format="json").json()["code"] == "study_name_taken"


def test_a_study_may_have_classes_of_its_own(people):
    kinds = [
        {"name": "Lymphocyte", "key": 1, "colour": "#00ff00", "counted": True},
        {"name": "Macrophage", "key": 3, "colour": "#0000ff", "shape": "square"},
        {"name": "Nucleus", "key": 2, "colour": "#0000ff"},
    ]
    client = people.client("site_admin")
    study = client.post("/api/studies", {"name": "Three", "classes": kinds}, format="json").json()
    assert [c["name"] for c in study["classes"]] == ["Lymphocyte", "Nucleus", "Macrophage"]


@pytest.mark.parametrize(
    "classes",
    [
        [{"name": "A", "key": 1, "colour": "#000000", "counted": True}],
        [{"name": "A", "key": 1, "colour": "#000000"}, {"name": "B", "key": 2, "colour": "#000000"}],
        [{"name": "A", "key": 1, "colour": "#000000", "counted": True}, {"name": "A", "key": 2, "colour": "#000000"}],
        [{"name": "A", "key": 1, "colour": "#000000", "counted": True}, {"name": "B", "key": 1, "colour": "#000000"}],
        [{"name": "A", "key": 10, "colour": "#000000", "counted": True}, {"name": "B", "key": 1, "colour": "#000000"}],
        [{"name": "A", "key": 1, "colour": "red", "counted": True}, {"name": "B", "key": 2, "colour": "#000000"}],
    ],
)
def test_classes_must_make_sense(classes, people):
    answer = people.client("site_admin").post("/api/studies", {"name": "No", "classes": classes}, format="json")
    assert answer.status_code == 400
    assert answer.json()["code"] in ("study_classes_invalid", "invalid")
    assert not Study.objects.filter(name="No").exists()


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""},
        {"name": "x" * 121},
        {"name": "a\u0000b"},
        {"name": None},
        {"model_mpp": 0},
        {"model_mpp": -1},
        {"radius_um": 0},
        {"radius_um": "far"},
    ],
)
def test_bad_changes_are_refused(body, people):
    answer = people.client("admin").patch(f"/api/studies/{people.study.pk}", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_an_infinite_number_is_refused(people):
    client = people.client("admin")
    for text in ('{"model_mpp": 1e400}', '{"model_mpp": NaN}', '{"model_mpp": Infinity}'):
        answer = client.patch(f"/api/studies/{people.study.pk}", text, content_type="application/json")
        assert answer.status_code == 400


def test_an_admin_tunes_a_study_until_patches_fix_its_scale(people):
    client, url = people.client("admin"), f"/api/studies/{people.study.pk}"
    study = client.patch(url, {"model_mpp": 0.1, "radius_um": 5, "description": "CD3"}, format="json").json()
    assert (study["model_mpp"], study["radius_um"], study["description"]) == (0.1, 5.0, "CD3")
    PatchFactory.create(study=people.study)
    answer = client.patch(url, {"model_mpp": 0.2}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "study_scale_in_use")
    assert client.patch(url, {"model_mpp": 0.1, "name": "Renamed"}, format="json").json()["name"] == "Renamed"
    taken = client.patch(url, {"name": people.stranger.memberships.get().study.name}, format="json")
    assert taken.json()["code"] == "study_name_taken"
    assert client.patch(url, {}, format="json").status_code == 200


def test_people_see_their_own_studies_only(people):
    names = {s["name"] for s in people.client("lab").get("/api/studies").json()["results"]}
    assert names == {people.study.name}
    everything = people.client("site_admin").get("/api/studies").json()
    assert everything["count"] == Study.objects.count() > 1
    assert people.client("lab").get("/api/studies").json()["results"][0]["roles"] == ["lab"]


def test_two_roles_are_one_study_in_the_list(people):
    MembershipFactory.create(study=people.study, user=people.lab, role=Role.PATHOLOGIST)
    answer = people.client("lab").get("/api/studies").json()
    assert (answer["count"], answer["results"][0]["roles"]) == (1, ["lab", "pathologist"])


def test_an_admin_adds_people_and_hands_over_the_password_once(people):
    client, url = people.client("admin"), f"/api/studies/{people.study.pk}/members"
    body = {"username": "rosa", "role": "pathologist", "name": "Rosa Huamán Díaz"}
    made = client.post(url, body, format="json").json()
    assert (made["user"]["name"], made["role"]) == ("Rosa Huamán Díaz", "pathologist")
    assert User.objects.get(username="rosa").check_password(made["password"])
    again = client.post(url, body, format="json")
    assert (again.status_code, again.json()["code"]) == (409, "member_exists")
    second = client.post(url, body | {"role": "lab"}, format="json")
    assert second.status_code == 201
    assert "password" not in second.json()
    listed = client.get(url).json()
    assert {(m["user"]["username"], m["role"]) for m in listed} >= {("rosa", "pathologist"), ("rosa", "lab")}
    assert not any("password" in m for m in listed)


@pytest.mark.parametrize(
    "body", [{"username": "a b", "role": "lab"}, {"username": "", "role": "lab"}, {"username": "x", "role": "king"}, {}]
)
def test_bad_people_are_refused(body, people):
    answer = people.client("admin").post(f"/api/studies/{people.study.pk}/members", body, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_last_admin_stays(people):
    client = people.client("site_admin")
    row = Membership.objects.get(study=people.study, role=Role.ADMIN)
    answer = client.delete(f"/api/members/{row.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "member_last_admin")
    MembershipFactory.create(study=people.study, role=Role.ADMIN)
    assert client.delete(f"/api/members/{row.pk}").status_code == 204
    assert client.delete(f"/api/members/{row.pk}").status_code == 404
    assert people.client("admin").get(f"/api/studies/{people.study.pk}").status_code == 404


def test_who_is_taken_out_sees_nothing_any_more(people):
    row = Membership.objects.get(study=people.study, role=Role.LAB)
    assert people.client("admin").delete(f"/api/members/{row.pk}").status_code == 204
    events = Membership.pgh_event_model.objects.filter(pgh_obj_id=row.pk).order_by("pgh_id")  # type: ignore[attr-defined]
    assert [(e.pgh_label, e.user_id, e.role) for e in events] == [
        (label, people.lab.pk, "lab") for label in ("insert", "delete")
    ]
    assert people.client("lab").get(f"/api/studies/{people.study.pk}").status_code == 404


def test_an_admin_of_another_study_cannot_touch_ours(people):
    row = Membership.objects.get(study=people.study, role=Role.LAB)
    assert people.client("stranger").delete(f"/api/members/{row.pk}").status_code == 404
    assert Membership.objects.filter(pk=row.pk).exists()


def test_the_list_of_studies_takes_the_same_few_queries(people, django_assert_num_queries):
    client = people.client("site_admin")
    client.get("/api/studies")

    def queries() -> int:
        from django.db import connection
        from django.test.utils import CaptureQueriesContext

        with CaptureQueriesContext(connection) as found:
            assert client.get("/api/studies").status_code == 200
        return len(found)

    before = queries()
    for _ in range(5):
        LabelFactory.create(patch=PatchFactory.create(study=StudyFactory.create()))
    assert queries() == before <= 7
    assert LabelClass.objects.count() > 10
