"""Labels and the patches under them."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.pagination import LongPages
from labeling import selectors
from labeling.apis.base import ListApi
from labeling.choices import Role
from labeling.filters import PatchFilters
from labeling.models import Label, Patch, Slide, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.serializers import (
    ClickSerializer,
    MarkerSerializer,
    PatchLabelSerializer,
    PatchSerializer,
    PatchSummarySerializer,
    SayingSerializer,
)
from labeling.services import label_add, patch_label

PATHOLOGIST = member(Role.PATHOLOGIST)


class ClickApi(Api):
    access = {"POST": PATHOLOGIST}
    locate = selectors.slide_located
    found: Slide

    @extend_schema(
        operation_id="patch_label",
        request=ClickSerializer,
        responses={201: MarkerSerializer, 200: MarkerSerializer},
    )
    def post(self, request: Request, slide_id: int) -> Response:
        data = ClickSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        said = patch_label(user=person(request), slide=self.found, **data.validated_data)
        body = MarkerSerializer(said.label, context={"request": request}).data
        return Response(body, status=201 if said.made else 200)


class MarkersApi(ListApi):
    access = {"GET": MEMBER}
    locate = selectors.slide_located
    found: Slide
    serializer_class = MarkerSerializer
    pagination_class = LongPages
    filter_backends = []
    queryset = Label.objects.none()

    @extend_schema(operation_id="marker_list")
    def get(self, request: Request, slide_id: int) -> Response:
        return self.page_of(selectors.marker_rows(self.found))


class LabelsApi(Api):
    access = {"POST": PATHOLOGIST}
    locate = selectors.patch_located
    found: Patch

    @extend_schema(
        operation_id="label_add",
        request=SayingSerializer,
        responses={201: PatchLabelSerializer, 200: PatchLabelSerializer},
    )
    def post(self, request: Request, patch_id: int) -> Response:
        data = SayingSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        said = label_add(user=person(request), patch=self.found, **data.validated_data)
        body = PatchLabelSerializer(said.label, context={"request": request}).data
        return Response(body, status=201 if said.made else 200)


class PatchesApi(ListApi):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study
    serializer_class = PatchSerializer
    filterset_class = PatchFilters
    queryset = Patch.objects.none()

    @extend_schema(operation_id="patch_list")
    def get(self, request: Request, study_id: int) -> Response:
        page = self.paginate_queryset(self.filter_queryset(selectors.patch_rows(self.found, person(request))))
        readers = selectors.readers_of([patch.shown_label_id for patch in page or ()])
        serializer = PatchSerializer(page, many=True, context={"request": request, "readers": readers})
        return self.get_paginated_response(serializer.data)


class PatchSummaryApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.study_located
    found: Study

    @extend_schema(operation_id="patch_summary", responses=PatchSummarySerializer)
    def get(self, request: Request, study_id: int) -> Response:
        return Response(PatchSummarySerializer(selectors.patch_summary(self.found, person(request))).data)
