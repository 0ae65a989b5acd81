"""Rows for tests: one factory per model of the labelling side."""

import hashlib
import io
import uuid

import factory
import numpy as np
from PIL import Image

from labeling import models
from labeling.choices import Role, Shape, Side, SlideState, Source


def png_of(seed: int, side: int = 70) -> bytes:
    """Draw a noisy square from a seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def digest(text: str) -> str:
    """Hash a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class UserFactory(factory.django.DjangoModelFactory[models.User]):
    """A person without a password: hashing one takes longer than most tests."""

    class Meta:
        model = models.User

    username = factory.Sequence(lambda n: f"person{n}")
    first_name = "Ana"
    last_name = factory.Sequence(lambda n: f"Quispe {n}")
    password = "!"


class StudyFactory(factory.django.DjangoModelFactory[models.Study]):
    class Meta:
        model = models.Study
        skip_postgeneration_save = True

    name = factory.Sequence(lambda n: f"Study {n}")
    created_by = factory.SubFactory(UserFactory)

    @factory.post_generation
    def classes(self, create, extracted, **_):
        """Positive and Negative, unless told ``classes=False``."""
        if create and extracted is not False:
            LabelClassFactory.create(study=self, name="Positive", key=1, counted=True)
            LabelClassFactory.create(study=self, name="Negative", key=2, colour="#7070e1", shape=Shape.CROSS)


class LabelClassFactory(factory.django.DjangoModelFactory[models.LabelClass]):
    class Meta:
        model = models.LabelClass

    study = factory.SubFactory(StudyFactory, classes=False)
    name = factory.Sequence(lambda n: f"Class {n}")
    key = 1
    colour = "#fa3e3e"


class MembershipFactory(factory.django.DjangoModelFactory[models.Membership]):
    class Meta:
        model = models.Membership

    study = factory.SubFactory(StudyFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.PATHOLOGIST


class UploadFactory(factory.django.DjangoModelFactory[models.Upload]):
    class Meta:
        model = models.Upload

    study = factory.SubFactory(StudyFactory)
    owner = factory.SubFactory(UserFactory)
    file_name = "field.png"
    size_bytes = 1000


class SlideFactory(factory.django.DjangoModelFactory[models.Slide]):
    """A slide that is ready; its file lies nowhere unless a test puts it there."""

    class Meta:
        model = models.Slide

    study = factory.SubFactory(StudyFactory)
    number = factory.Sequence(lambda n: n + 1)
    sha256 = factory.Sequence(lambda n: digest(f"slide {n}"))
    size_bytes = 1000
    format = "pyramid"
    width = 600
    height = 500
    state = SlideState.READY
    uploaded_by = factory.SubFactory(UserFactory)


class PatchFactory(factory.django.DjangoModelFactory[models.Patch]):
    """An imported patch; ``PatchFactory(slide=…, x_l0=…, y_l0=…)`` makes one on a slide."""

    class Meta:
        model = models.Patch

    study = factory.LazyAttribute(lambda o: o.slide.study if o.slide else StudyFactory.create())
    slide = None
    png = factory.Sequence(png_of)
    sha256 = factory.LazyAttribute(lambda o: hashlib.sha256(o.png).hexdigest())
    source = factory.LazyAttribute(lambda o: Source.CLICK if o.slide else Source.IMPORT)


class LabelFactory(factory.django.DjangoModelFactory[models.Label]):
    class Meta:
        model = models.Label

    patch = factory.SubFactory(PatchFactory)
    reader = factory.SubFactory(UserFactory)
    label_class = factory.LazyAttribute(lambda o: o.patch.study.classes.first())
    client_key = factory.LazyFunction(uuid.uuid4)


class DatasetVersionFactory(factory.django.DjangoModelFactory[models.DatasetVersion]):
    class Meta:
        model = models.DatasetVersion

    study = factory.SubFactory(StudyFactory)
    number = factory.Sequence(lambda n: n + 1)
    name = factory.Sequence(lambda n: f"Frozen {n}")
    content_hash = factory.Sequence(lambda n: digest(f"data set {n}"))
    created_by = factory.SubFactory(UserFactory)


class DatasetItemFactory(factory.django.DjangoModelFactory[models.DatasetItem]):
    class Meta:
        model = models.DatasetItem

    dataset = factory.SubFactory(DatasetVersionFactory)
    patch = factory.LazyAttribute(lambda o: PatchFactory.create(study=o.dataset.study))
    label_class = factory.LazyAttribute(lambda o: o.dataset.study.classes.first())
    side = Side.TRAIN


class AccessRecordFactory(factory.django.DjangoModelFactory[models.AccessRecord]):
    class Meta:
        model = models.AccessRecord

    user = factory.SubFactory(UserFactory)
    study = factory.SubFactory(StudyFactory)
    action = "open_slide"
