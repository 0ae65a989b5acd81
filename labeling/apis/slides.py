"""Slides as rows."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from labeling import selectors
from labeling.apis.base import ListApi
from labeling.choices import Role, SlideState
from labeling.filters import SlideFilters
from labeling.models import Slide, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.serializers import ScaleChangeSerializer, SlideChangesSerializer, SlideSerializer
from labeling.services import access_record, slide_delete, slide_update

STAFF = member(Role.LAB, Role.ADMIN)


def _answer(slide: Slide) -> Response:
    row = selectors.with_label_count(Slide.objects.filter(pk=slide.pk)).get()
    return Response(SlideSerializer(row).data)


class SlidesApi(ListApi):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study
    serializer_class = SlideSerializer
    filterset_class = SlideFilters
    queryset = Slide.objects.none()

    @extend_schema(operation_id="slide_list")
    def get(self, request: Request, study_id: int) -> Response:
        return self.page_of(selectors.slide_rows(self.found))


class SlideApi(Api):
    access = {"GET": MEMBER, "PATCH": STAFF, "DELETE": STAFF}
    locate = selectors.slide_located
    found: Slide

    @extend_schema(operation_id="slide_detail", responses=SlideSerializer)
    def get(self, request: Request, slide_id: int) -> Response:
        if self.found.state == SlideState.READY:
            access_record(user=person(request), study=self.found.study, slide=self.found, action="open_slide")
        return _answer(self.found)

    @extend_schema(operation_id="slide_update", request=SlideChangesSerializer, responses=SlideSerializer)
    def patch(self, request: Request, slide_id: int) -> Response:
        data = SlideChangesSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        return _answer(slide_update(slide=self.found, changes=dict(data.validated_data)))

    @extend_schema(operation_id="slide_delete", responses={204: None})
    def delete(self, request: Request, slide_id: int) -> Response:
        slide_delete(slide=self.found)
        return Response(status=204)


class ScaleChangesApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.slide_located
    found: Slide

    @extend_schema(operation_id="slide_scale_changes", responses=ScaleChangeSerializer(many=True))
    def get(self, request: Request, slide_id: int) -> Response:
        return Response(ScaleChangeSerializer(selectors.scale_changes(self.found), many=True).data)
