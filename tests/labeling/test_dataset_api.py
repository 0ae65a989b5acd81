"""Data-set versions over the API: freezing, numbers, what differs."""

import pytest

from labeling.choices import Role, Side
from labeling.models import DatasetVersion
from labeling.services import FreezeChoices, dataset_freeze
from tests.factories import (
    DatasetItemFactory,
    DatasetVersionFactory,
    LabelFactory,
    MembershipFactory,
    PatchFactory,
    SlideFactory,
    StudyFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def labelled(people):
    """20 cells of each class without a slide, by one reader."""
    reader = UserFactory.create(first_name="Lucía", last_name="Paredes")
    for name in ("Positive", "Negative"):
        label_class = people.study.classes.get(name=name)
        for _ in range(20):
            LabelFactory.create(patch=PatchFactory.create(study=people.study), reader=reader, label_class=label_class)
    return reader


def freeze(people, *, seed=0, sources=(), **choices):
    """Freeze, and look at the version."""
    version = dataset_freeze(
        study=people.study, user=people.admin, seed=seed, sources=sources, choices=FreezeChoices(**choices)
    )
    return get(people, f"datasets/{version.pk}")


def get(people, path, who="pathologist"):
    return people.client(who).get(f"/api/{path}")


def test_an_admin_freezes_and_sees_the_numbers(people, labelled):
    found = freeze(people, name="Spring", seed=7).json()
    assert (found["name"], found["number"], found["seed"], found["split"]) == ("Spring", 1, 7, "cluster")
    assert (found["label"], found["reader"], found["created_by"]) == ("majority", None, people.admin.name)
    assert found["counts"] == {
        "train": {"positive": 16, "negative": 16},
        "validation": {"positive": 2, "negative": 2},
        "test": {"positive": 2, "negative": 2},
    }
    assert found["total"] == 40
    assert [(row["name"], row["counted"], row["train"]) for row in found["classes"]] == [
        ("Positive", True, 16),
        ("Negative", False, 16),
    ]
    assert found["per_slide"] == [
        {"slide_id": None, "code": None, "case_code": "", "train": 32, "validation": 4, "test": 4}
    ]
    assert found["readers"] == [
        {"id": labelled.pk, "name": "Lucía Paredes", "train": 32, "validation": 4, "test": 4, "outvoted": 0}
    ]
    assert get(people, f"datasets/{found['id']}").json() == found


def test_the_same_again_is_no_second_version(people, labelled):
    first, again = freeze(people), freeze(people)
    assert first.json() == again.json()
    assert DatasetVersion.objects.count() == 1


def test_choices_reach_the_version(people, labelled):
    found = freeze(people, reader_id=labelled.pk, split="random", sources=["import"]).json()
    assert (found["label"], found["reader"]) == ("reader", {"id": labelled.pk, "name": "Lucía Paredes"})
    assert (found["split"], found["sources"], found["slides"]) == ("random", ["import"], [])
    assert [found[what] for what in ("left_out_taken_back", "left_out_ties", "refused_overlaps")] == [0, 0, 0]


def test_what_was_left_out_is_told_and_unknown_to_versions_of_old(people):
    rule = {"left_out_taken_back": 3, "left_out_ties": 2}
    told = DatasetVersionFactory.create(study=people.study, rule=rule)
    old = DatasetVersionFactory.create(study=people.study)
    counts = [get(people, f"datasets/{one.pk}").json()["left_out_taken_back"] for one in (told, old)]
    assert counts == [3, 0]


def test_every_member_looks_and_nobody_posts(people, labelled):
    freeze(people)
    assert people.client("admin").post(f"/api/studies/{people.study.pk}/datasets", {}, format="json").status_code == 405
    for who in ("pathologist", "lab", "admin", "site_admin"):
        assert get(people, f"studies/{people.study.pk}/datasets", who).json()["count"] == 1
    assert DatasetVersion.objects.count() == 1


def test_the_list_is_newest_first_and_takes_few_queries(people, labelled, django_assert_max_num_queries):
    for seed in range(4):
        freeze(people, seed=seed)
    freeze(people, seed=9, reader_id=labelled.pk)
    DatasetVersionFactory.create()
    client = people.client("lab")
    with django_assert_max_num_queries(9):
        answer = client.get(f"/api/studies/{people.study.pk}/datasets").json()
    assert [row["number"] for row in answer["results"]] == [5, 4, 3, 2, 1]
    assert {row["total"] for row in answer["results"]} == {40}
    assert "samples" not in answer["results"][0]


def test_slides_stand_in_order_with_their_cases(people):
    dataset = DatasetVersionFactory.create(study=people.study)
    for number, case, side in ((12, "B", Side.TEST), (3, "", Side.TRAIN), (3, "", Side.TEST)):
        slide = people.study.slides.filter(number=number).first() or SlideFactory.create(
            study=people.study, number=number, case_code=case
        )
        patch = PatchFactory.create(slide=slide, x_l0=100 + dataset.items.count(), y_l0=100)
        DatasetItemFactory.create(dataset=dataset, patch=patch, side=side)
    DatasetItemFactory.create(dataset=dataset, side=Side.VALIDATION)
    rows = get(people, f"datasets/{dataset.pk}").json()["per_slide"]
    assert [(row["code"], row["case_code"], row["train"], row["validation"], row["test"]) for row in rows] == [
        ("S003", "", 1, 0, 1),
        ("S012", "B", 0, 0, 1),
        (None, "", 0, 1, 0),
    ]


def test_samples_are_a_few_of_each_class_and_side(people):
    dataset = DatasetVersionFactory.create(study=people.study)
    positive, negative = people.study.classes.order_by("key")
    kept = DatasetItemFactory.create_batch(12, dataset=dataset, label_class=positive, side=Side.TRAIN)[:8]
    kept += DatasetItemFactory.create_batch(2, dataset=dataset, label_class=negative, side=Side.TEST)
    samples = get(people, f"datasets/{dataset.pk}").json()["samples"]
    assert [row["patch_id"] for row in samples] == [item.patch_id for item in kept]
    assert {(row["class_id"], row["side"]) for row in samples} == {(positive.pk, "train"), (negative.pk, "test")}


def test_a_version_without_a_rule_is_shown_by_the_classes_as_they_are(people):
    dataset = DatasetVersionFactory.create(study=people.study)
    DatasetItemFactory.create(dataset=dataset, side=Side.TEST)
    found = get(people, f"datasets/{dataset.pk}").json()
    assert found["counts"]["test"] == {"positive": 1, "negative": 0}
    assert (found["split"], found["label"], found["readers"], found["tile_px"]) == ("cluster", "majority", [], None)


def test_what_is_counted_later_does_not_change_a_version(people, labelled):
    found = freeze(people).json()
    people.study.classes.filter(name="Negative").update(counted=True, name="Lymphocyte of another kind")
    assert get(people, f"datasets/{found['id']}").json() == found


def test_two_versions_are_compared_patch_by_patch(people):
    one, other = DatasetVersionFactory.create_batch(2, study=people.study)
    positive, negative = people.study.classes.order_by("key")
    same, reclassed, moved, mine, theirs, more = (PatchFactory.create(study=people.study) for _ in range(6))
    for patch in (same, reclassed, moved, mine):
        DatasetItemFactory.create(dataset=one, patch=patch, label_class=positive)
    for patch in (same, theirs, more):
        DatasetItemFactory.create(dataset=other, patch=patch, label_class=positive)
    DatasetItemFactory.create(dataset=other, patch=reclassed, label_class=negative)
    DatasetItemFactory.create(dataset=other, patch=moved, label_class=positive, side=Side.TEST)
    there = get(people, f"datasets/{one.pk}/diff?with={other.pk}").json()
    back = get(people, f"datasets/{other.pk}/diff?with={one.pk}").json()
    assert there == {"added": 1, "removed": 2, "reclassed": 1, "moved": 1}
    assert back == {**there, "added": 2, "removed": 1}
    assert set(get(people, f"datasets/{one.pk}/diff?with={one.pk}").json().values()) == {0}


def test_only_versions_of_the_same_study_are_compared(people):
    one = DatasetVersionFactory.create(study=people.study)
    study = StudyFactory.create()
    MembershipFactory.create(study=study, user=people.pathologist, role=Role.PATHOLOGIST)
    foreign = DatasetVersionFactory.create(study=study)
    for other in (foreign.pk, DatasetVersionFactory.create().pk, 10**9):
        assert get(people, f"datasets/{one.pk}/diff?with={other}").status_code == 404
    for query in ("", "?with=", "?with=abc", "?with=0"):
        assert get(people, f"datasets/{one.pk}/diff{query}").status_code == 400
