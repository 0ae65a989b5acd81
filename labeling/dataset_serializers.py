"""JSON of data-set versions, in and out."""

from rest_framework import serializers

from labeling.choices import FreezeState, Side, Source, Split, Verdict
from labeling.models import DatasetFreeze
from labeling.serializers import MAX_L0, LeasedSerializer, Plain, ReaderSerializer
from labeling.splits import GUARD_PX

MAX_GUARD_PX = 10_000
MAX_SLIDES = 10_000


class NewFreezeSerializer(Plain):
    """What is to be frozen, and how."""

    client_key = serializers.UUIDField(help_text="drawn by the sender; the same key never makes a second freeze")
    name = serializers.CharField(
        max_length=120, required=False, allow_blank=True, help_text="unique in the study; empty: numbered"
    )
    reader = serializers.IntegerField(
        min_value=1, required=False, allow_null=True, help_text="who decides where readers differ; null: the majority"
    )
    split = serializers.ChoiceField(Split.choices, default=Split.CLUSTER)
    guard_px = serializers.IntegerField(
        min_value=0, max_value=MAX_GUARD_PX, default=GUARD_PX, help_text="of the split by place: level-0 pixels"
    )
    seed = serializers.IntegerField(min_value=0, max_value=MAX_L0, default=0)
    sources = serializers.ListField(
        child=serializers.ChoiceField(Source.choices), required=False, help_text="absent: all"
    )
    slides = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, max_length=MAX_SLIDES, help_text="absent: all"
    )


class FreezeSerializer(LeasedSerializer[DatasetFreeze]):
    """The wish that labels be frozen: how far it is, and the version it came to."""

    state = serializers.ChoiceField(choices=FreezeState.choices, read_only=True)
    name = serializers.CharField(source="asked.choices.name", read_only=True, help_text="empty: it gets a number")
    split = serializers.ChoiceField(choices=Split.choices, source="asked.choices.split", read_only=True)
    created_by = serializers.CharField(source="created_by.name", read_only=True)

    class Meta:
        model = DatasetFreeze
        fields = [
            "id",
            "study",
            "state",
            "name",
            "split",
            "progress",
            "error",
            "dataset",
            "created_by",
            "created_at",
            "finished_at",
        ]
        read_only_fields = fields


class KindCountsSerializer(Plain):
    """Patches of counted classes, and of the others."""

    positive = serializers.IntegerField()
    negative = serializers.IntegerField()


class DatasetCountsSerializer(Plain):
    """Patches of either kind on each side."""

    train = KindCountsSerializer()
    validation = KindCountsSerializer()
    test = KindCountsSerializer()


class PerSideSerializer(Plain):
    """Patches on each side."""

    train = serializers.IntegerField()
    validation = serializers.IntegerField()
    test = serializers.IntegerField()


class DatasetClassSerializer(PerSideSerializer):
    """Patches of one class, as it was called and counted at the freeze."""

    class_id = serializers.IntegerField()
    name = serializers.CharField()
    counted = serializers.BooleanField()


class DatasetSlideSerializer(PerSideSerializer):
    """Patches of one slide; null for imported patches, which lie on none."""

    slide_id = serializers.IntegerField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    case_code = serializers.CharField(allow_blank=True)


class DatasetReaderSerializer(PerSideSerializer):
    """Patches that one reader labelled; a patch of two readers counts for both."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    outvoted = serializers.IntegerField(help_text="patches whose class here is another than this reader's")


class DatasetSampleSerializer(Plain):
    """A patch to look at."""

    patch_id = serializers.IntegerField()
    class_id = serializers.IntegerField()
    side = serializers.ChoiceField(Side.choices)


class DatasetSerializer(Plain):
    """A version: labels of a study, frozen with their split."""

    id = serializers.IntegerField()
    study = serializers.IntegerField()
    number = serializers.IntegerField()
    name = serializers.CharField()
    content_hash = serializers.CharField()
    seed = serializers.IntegerField()
    split = serializers.ChoiceField(Split.choices)
    label = serializers.ChoiceField(Verdict.choices)  # type: ignore[assignment]
    reader = ReaderSerializer(allow_null=True)
    guard_px = serializers.IntegerField(allow_null=True)
    tile_px = serializers.IntegerField(allow_null=True)
    sources = serializers.ListField(child=serializers.ChoiceField(Source.choices))
    slides = serializers.ListField(child=serializers.IntegerField())
    left_out_taken_back = serializers.IntegerField(
        help_text="labels whose reader called the same cell something else later"
    )
    left_out_ties = serializers.IntegerField(help_text="patches on which readers are level")
    refused_overlaps = serializers.IntegerField(help_text="patches that came too near another side")
    total = serializers.IntegerField()
    counts = DatasetCountsSerializer()
    created_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class DatasetDetailSerializer(DatasetSerializer):
    """A version with all its numbers."""

    classes = DatasetClassSerializer(many=True)
    per_slide = DatasetSlideSerializer(many=True)
    readers = DatasetReaderSerializer(many=True)
    samples = DatasetSampleSerializer(many=True)


class DatasetDiffQuerySerializer(Plain):
    """Which version to compare with."""

    def get_fields(self) -> dict[str, serializers.Field]:  # type: ignore[type-arg]
        """Name the parameter ``with``, a word that Python keeps for itself."""
        return {"with": serializers.IntegerField(min_value=1, help_text="another version of the same study")}


class DatasetDiffSerializer(Plain):
    """How a version differs from another, in patches."""

    added = serializers.IntegerField(help_text="only in this version")
    removed = serializers.IntegerField(help_text="only in the other")
    reclassed = serializers.IntegerField(help_text="in both, with another class")
    moved = serializers.IntegerField(help_text="in both, on another side")
