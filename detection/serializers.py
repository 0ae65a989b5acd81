"""The JSON edge of the detection side: what comes in, checked, and what goes out."""

import math
from typing import Any

from rest_framework import serializers

from detection.choices import MOST_WAITING, ModelStatus, RunState
from detection.nn.blocks import ENGINES, HEADS, PRECISIONS
from detection.nn.regions import MAX_CORNERS
from detection.nn.shape import STRIDES_PX

MAX_REGIONS = 200
MAX_SLIDES_AT_ONCE = 100


class FiniteField(serializers.FloatField):
    """A number that is one: no NaN, no infinity."""

    def to_internal_value(self, data: Any) -> float:
        """Refuse what ``float`` alone would let through."""
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


def checked(serializer: type[serializers.Serializer[Any]], values: Any) -> dict[str, Any]:
    """Check what came in.

    Raises:
        ValidationError: in words, by field.
    """
    found = serializer(data=values)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)


class ClientKeySerializer(serializers.Serializer[Any]):
    """A write that a retry may repeat."""

    client_key = serializers.UUIDField(help_text="drawn by the sender; the same key never makes a second row")


class RunProgressSerializer(serializers.Serializer[Any]):
    """How far a run is."""

    done = serializers.IntegerField()
    total = serializers.IntegerField()
    message = serializers.CharField()
    eta_s = serializers.FloatField(allow_null=True, help_text="seconds left, as far as can be told")


class RunErrorSerializer(serializers.Serializer[Any]):
    """Why a run failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class ScoresSerializer(serializers.Serializer[Any]):
    """Scores of a two-class decision."""

    accuracy = serializers.FloatField()
    precision = serializers.FloatField()
    recall = serializers.FloatField()
    f1 = serializers.FloatField()
    confusion = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        min_length=2,
        max_length=2,
        help_text="[[tn, fp], [fn, tp]]",
    )
    count = serializers.IntegerField()


class MetricsSerializer(serializers.Serializer[Any]):
    """Scores on both sides that training never saw."""

    validation = ScoresSerializer()
    test = ScoresSerializer()


class ClassCountsSerializer(serializers.Serializer[Any]):
    """How many patches of either kind."""

    positive = serializers.IntegerField()
    negative = serializers.IntegerField()


class RunSerializer(serializers.Serializer[Any]):
    """What both kinds of run show."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    study = serializers.IntegerField()
    state = serializers.ChoiceField(RunState.choices)
    progress = RunProgressSerializer()
    error = RunErrorSerializer(allow_null=True)
    code_version = serializers.CharField()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ModelSerializer(serializers.Serializer[Any]):
    """A counter, trained here or imported."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    study = serializers.IntegerField()
    status = serializers.ChoiceField(ModelStatus.choices)
    sha256 = serializers.CharField()
    size_bytes = serializers.IntegerField()
    threshold = serializers.FloatField()
    metrics = MetricsSerializer(allow_null=True, help_text="empty: nobody here has judged an imported model")
    training_run = serializers.IntegerField(allow_null=True, help_text="empty: imported")
    imported_by = serializers.CharField(allow_null=True)
    file_name = serializers.CharField(help_text="of an imported file")
    created_at = serializers.DateTimeField()
    promoted_at = serializers.DateTimeField(allow_null=True)
    promoted_by = serializers.CharField(allow_null=True)
    reason = serializers.CharField()


class ModelRefSerializer(serializers.Serializer[Any]):
    """Which model counted."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()


class CountingModelSerializer(ModelRefSerializer):
    """Which model counted, and its own threshold."""

    threshold = serializers.FloatField()


class DetectionRunSerializer(RunSerializer):
    """One search for cells, with everything the number can be traced by."""

    slide = serializers.IntegerField()
    slide_code = serializers.CharField()
    model = CountingModelSerializer()
    slide_sha256 = serializers.CharField()
    model_sha256 = serializers.CharField()
    params = serializers.DictField()
    scale = serializers.FloatField(help_text="level-0 pixels per model pixel")
    regions = serializers.ListField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField())), allow_null=True
    )
    threshold = serializers.FloatField()
    count = serializers.IntegerField(allow_null=True)
    point_count = serializers.IntegerField(allow_null=True)
    area_px = serializers.IntegerField(allow_null=True, help_text="level-0 pixels that were read inside the regions")
    area_mm2 = serializers.FloatField(allow_null=True)
    density_per_mm2 = serializers.FloatField(allow_null=True)
    mpp = serializers.FloatField(allow_null=True, help_text="µm per level-0 pixel when the run began; null: not known")
    scale_changed = serializers.BooleanField(help_text="the slide has another scale now")
    unread_px = serializers.IntegerField(help_text="level-0 pixels inside the regions that could not be read")
    unread_fraction = serializers.FloatField()
    blocks_failed = serializers.IntegerField()


class DetectionParamsSerializer(serializers.Serializer[Any]):
    """What a person may choose of a detection."""

    stride_px = serializers.ChoiceField(STRIDES_PX, required=False, help_text="distance of neighbouring windows")
    gate = serializers.BooleanField(required=False, help_text="skip windows without stain")
    tissue_gate = serializers.BooleanField(required=False, help_text="skip glass before it is read")
    head = serializers.ChoiceField(HEADS, required=False, help_text="low_rank where the model has one")
    precision = serializers.ChoiceField(PRECISIONS, required=False)
    engine = serializers.ChoiceField(ENGINES, required=False, help_text="what computes the convolutions")


class CornerField(serializers.ListField):
    """A corner [x, y] in level-0 pixels."""

    child = FiniteField(min_value=-1e7, max_value=1e7)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=2, max_length=2, **kwargs)


class DetectionStartSerializer(ClientKeySerializer):
    """Where to search and with which model."""

    model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    regions = serializers.ListField(
        child=serializers.ListField(child=CornerField(), min_length=3, max_length=MAX_CORNERS),
        required=False,
        allow_null=True,
        min_length=1,
        max_length=MAX_REGIONS,
        help_text="polygons in level-0 pixels; absent: the whole slide",
    )
    params = DetectionParamsSerializer(required=False)


class DetectionsStartSerializer(ClientKeySerializer):
    """Which slides to count, whole, and with which model."""

    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1), min_length=1, max_length=MAX_SLIDES_AT_ONCE
    )
    model_id = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    params = DetectionParamsSerializer(required=False)


class RefusedSlideSerializer(serializers.Serializer[Any]):
    """A slide of which no count could be started, and why."""

    slide = serializers.IntegerField()
    slide_code = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class DetectionsStartedSerializer(serializers.Serializer[Any]):
    """What became of several slides that were to be counted."""

    runs = DetectionRunSerializer(many=True)
    refused = RefusedSlideSerializer(many=True)


class NewestCountSerializer(serializers.Serializer[Any]):
    """One line of the table of counts: a slide and its newest detection."""

    slide = serializers.IntegerField()
    slide_code = serializers.CharField()
    case_code = serializers.CharField()
    run = DetectionRunSerializer(allow_null=True)


class MineSerializer(serializers.Serializer[Any]):
    """Where to look for finds that are probably wrong, and how many proposals may wait."""

    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        required=False,
        min_length=1,
        max_length=MAX_SLIDES_AT_ONCE,
        help_text="absent: all slides of the study",
    )
    limit = serializers.IntegerField(required=False, default=24, min_value=1, max_value=MOST_WAITING)


class MinedSerializer(serializers.Serializer[Any]):
    """What the search gave."""

    made = serializers.IntegerField(help_text="new proposals")
    waiting = serializers.IntegerField(help_text="proposals that nobody has judged, the new ones too")


class ProposalSerializer(serializers.Serializer[Any]):
    """A patch without a label, to be judged by labelling it."""

    patch_id = serializers.IntegerField()
    slide = serializers.IntegerField()
    slide_code = serializers.CharField()
    x_l0 = serializers.IntegerField()
    y_l0 = serializers.IntegerField()
    score = serializers.FloatField(help_text="of the model, 0 to 1")
    run = serializers.IntegerField(help_text="number of the detection")
    model = serializers.IntegerField(help_text="number of the model")


class ProposalQuerySerializer(serializers.Serializer[Any]):
    """Filter of the list of proposals."""

    slide = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)


class ThresholdSerializer(serializers.Serializer[Any]):
    """The dial: points at or above it count."""

    threshold = FiniteField(min_value=0, max_value=1)


class UnreadAreaSerializer(serializers.Serializer[Any]):
    """A box in level-0 pixels that could not be read."""

    x = serializers.IntegerField()
    y = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    reason = serializers.CharField()


class FoundQuerySerializer(serializers.Serializer[Any]):
    """From where to go on with what a run has found."""

    after = serializers.IntegerField(
        required=False, default=0, min_value=0, max_value=2**31 - 1, help_text="Blocks-Done of the answer before"
    )


class DetectionQuerySerializer(serializers.Serializer[Any]):
    """Filters of the list of detection runs."""

    slide = serializers.IntegerField(required=False, min_value=1)
    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**31 - 1),
        required=False,
        max_length=MAX_SLIDES_AT_ONCE,
        help_text="only of these slides",
    )
    state = serializers.ChoiceField(RunState.choices, required=False)
    latest = serializers.BooleanField(required=False, default=False, help_text="only the newest run of each slide")
