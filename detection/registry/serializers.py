"""The JSON edge of the registry."""

from typing import Any

from rest_framework import serializers

from detection.choices import PromotionKind, Verdict
from detection.serializers import (
    ClientKeySerializer,
    MetricsSerializer,
    ModelRefSerializer,
    ModelSerializer,
    RunSerializer,
    ScoresSerializer,
)


class ReasonSerializer(serializers.Serializer[Any]):
    """Why another model counts from now on."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000, default="")


class IntervalSerializer(serializers.Serializer[Any]):
    """A value with the limits of its 95 % interval."""

    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class IntervalsSerializer(serializers.Serializer[Any]):
    """Each score with its interval."""

    accuracy = IntervalSerializer()
    precision = IntervalSerializer()
    recall = IntervalSerializer()
    f1 = IntervalSerializer()


class JudgedSerializer(serializers.Serializer[Any]):
    """One of the two models on the patches, at its own threshold."""

    threshold = serializers.FloatField()
    scores = ScoresSerializer()
    intervals = IntervalsSerializer()


class McNemarSerializer(serializers.Serializer[Any]):
    """McNemar's test; first the candidate, second the current model."""

    only_first = serializers.IntegerField(help_text="patches that only the candidate calls rightly")
    only_second = serializers.IntegerField(help_text="patches that only the current model calls rightly")
    method = serializers.ChoiceField(["exact", "chi_square"])
    statistic = serializers.FloatField(allow_null=True)
    p_value = serializers.FloatField()


class ComparisonResultSerializer(serializers.Serializer[Any]):
    """What two models made of the same patches; differences are candidate minus current."""

    positives = serializers.IntegerField()
    negatives = serializers.IntegerField()
    candidate = JudgedSerializer()
    current = JudgedSerializer()
    difference = IntervalsSerializer()
    mcnemar = McNemarSerializer()
    too_few = serializers.BooleanField(help_text="too few patches of a kind to tell anything apart")
    verdict = serializers.ChoiceField(Verdict.choices)


class DatasetRefSerializer(serializers.Serializer[Any]):
    """Frozen labels."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    content_hash = serializers.CharField()


class ComparisonSerializer(RunSerializer):
    """A candidate against the current model, on the same frozen test patches."""

    candidate = ModelRefSerializer()
    current = ModelRefSerializer()
    dataset = DatasetRefSerializer()
    verdict = serializers.ChoiceField(Verdict.choices, allow_null=True, help_text="empty until it is done")
    left_out = serializers.IntegerField(
        allow_null=True, help_text="test patches that the current model had seen: not compared on"
    )
    unknown_data = serializers.ListField(
        child=serializers.IntegerField(), help_text="numbers of models that may have seen the patches: not known here"
    )
    result = ComparisonResultSerializer(allow_null=True, help_text="empty until done, and where no patch was left")


class EvidenceSerializer(serializers.Serializer[Any]):
    """What speaks for a model against the one that counts."""

    current = ModelRefSerializer(allow_null=True, help_text="empty: no model counts, and the first needs no comparison")
    comparison = ComparisonSerializer(allow_null=True, help_text="empty: not compared yet")


class ModelImportSerializer(RunSerializer):
    """A model file from elsewhere."""

    file_name = serializers.CharField()
    size_bytes = serializers.IntegerField()
    model_id = serializers.IntegerField(allow_null=True)


class ModelImportQuerySerializer(ClientKeySerializer):
    """What is said of a file beside its bytes."""

    file_name = serializers.CharField(required=False, allow_blank=True, max_length=255, default="")


class PromotionSerializer(serializers.Serializer[Any]):
    """One change of the model that counts."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(PromotionKind.choices)
    model = ModelRefSerializer()
    previous = ModelRefSerializer(allow_null=True)
    comparison = serializers.IntegerField(allow_null=True)
    verdict = serializers.ChoiceField(Verdict.choices, allow_null=True)
    reason = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class RollBackSerializer(serializers.Serializer[Any]):
    """Which model counts, and which would come back."""

    current = ModelRefSerializer(allow_null=True)
    former = ModelRefSerializer(allow_null=True)


class StudyRefSerializer(serializers.Serializer[Any]):
    """Whose model it is."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class OriginSerializer(serializers.Serializer[Any]):
    """Who made a model, when, with what."""

    kind = serializers.ChoiceField(["trained", "imported"])
    words = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()
    file_name = serializers.CharField()
    training_run = serializers.IntegerField(allow_null=True, help_text="its number")
    preset = serializers.CharField(allow_null=True)
    windows_beside = serializers.CharField(
        allow_null=True, help_text="windows beside counted cells that it learned from, in words; empty: not known"
    )
    seed = serializers.IntegerField(allow_null=True)
    device = serializers.CharField(allow_null=True)
    versions = serializers.DictField(child=serializers.CharField())


class ClassSidesSerializer(serializers.Serializer[Any]):
    """Patches of one class on each side."""

    name = serializers.CharField()
    sides = serializers.DictField(child=serializers.IntegerField())


class CardDatasetSerializer(serializers.Serializer[Any]):
    """The frozen labels a model was made from."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    seed = serializers.IntegerField()
    rule = serializers.DictField()
    created_at = serializers.DateTimeField()
    classes = ClassSidesSerializer(many=True)
    patches_learned = serializers.IntegerField()
    slides_learned = serializers.IntegerField()
    patches_without_slide = serializers.IntegerField()


class InsideSerializer(serializers.Serializer[Any]):
    """What the checkpoint says of itself."""

    architecture = serializers.CharField()
    shape = serializers.DictField()
    preprocessing = serializers.DictField()
    class_names = serializers.ListField(child=serializers.CharField(), help_text="not counted, counted")
    gate = serializers.DictField(allow_null=True, help_text="of the stain; empty: every window is judged")
    low_rank = serializers.DictField(allow_null=True, help_text="how near the low-rank head comes; empty: it has none")
    config = serializers.DictField()
    model_mpp = serializers.FloatField(allow_null=True)
    patch_px = serializers.IntegerField()
    versions = serializers.DictField(child=serializers.CharField())


class CardThresholdSerializer(serializers.Serializer[Any]):
    """Where scores begin to count, and why there."""

    value = serializers.FloatField()
    how = serializers.CharField()


class ModelCardSerializer(serializers.Serializer[Any]):
    """Everything that is known of a model."""

    model = ModelSerializer()
    study = StudyRefSerializer()
    origin = OriginSerializer()
    dataset_hash = serializers.CharField(help_text="of an imported model: what its file says")
    dataset = CardDatasetSerializer(allow_null=True, help_text="empty: not known here")
    inside = InsideSerializer(allow_null=True, help_text="empty: the file is missing or damaged")
    scores = MetricsSerializer(allow_null=True)
    threshold = CardThresholdSerializer()
    history = PromotionSerializer(many=True)
    limits = serializers.ListField(child=serializers.CharField())
