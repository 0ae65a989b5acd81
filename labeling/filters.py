"""Allow-listed filters and orderings of the lists."""

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from labeling.choices import SlideState, Source
from labeling.models import Patch, Slide
from labeling.selectors import standing_labels


class SlideFilters(filters.FilterSet):  # type: ignore[misc]
    """Slides by state, case, or a word in code, case and note."""

    state = filters.ChoiceFilter(choices=SlideState.choices)
    case_code = filters.CharFilter()
    search = filters.CharFilter(method="filter_search", max_length=100)
    ordering = filters.OrderingFilter(fields=["number", "created_at", "case_code", "state", "label_count"])

    class Meta:
        model = Slide
        fields: list[str] = []

    def filter_search(self, slides: QuerySet[Slide], name: str, word: str) -> QuerySet[Slide]:
        """Find a word in code, case code and note."""
        wanted = Q(case_code__icontains=word) | Q(note__icontains=word)
        digits = word.strip().upper().removeprefix("S").lstrip("0")
        if digits.isascii() and digits.isdigit() and len(digits) < 10:
            wanted |= Q(number=int(digits))
        return slides.filter(wanted)


class PatchFilters(filters.FilterSet):  # type: ignore[misc]
    """Patches by the class shown, slide, source or reader."""

    class_id = filters.NumberFilter(field_name="class_id", min_value=1)
    slide = filters.NumberFilter(field_name="slide_id", min_value=1)
    source = filters.ChoiceFilter(choices=Source.choices)
    reader = filters.NumberFilter(method="filter_reader", min_value=1)
    ordering = filters.OrderingFilter(fields=["id", "created_at"])

    class Meta:
        model = Patch
        fields: list[str] = []

    def filter_reader(self, patches: QuerySet[Patch], name: str, reader: int) -> QuerySet[Patch]:
        """Keep patches that a reader has labelled."""
        return patches.filter(pk__in=standing_labels().filter(reader_id=int(reader)).values("patch"))
