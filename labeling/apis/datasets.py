"""Data-set versions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import NotFoundError
from labeling import dataset_selectors, selectors
from labeling.apis.base import ListApi
from labeling.choices import Role
from labeling.dataset_serializers import (
    DatasetDetailSerializer,
    DatasetDiffQuerySerializer,
    DatasetDiffSerializer,
    DatasetSerializer,
    NewDatasetSerializer,
)
from labeling.models import DatasetVersion, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.services import FreezeChoices, dataset_freeze


def _answer(dataset: DatasetVersion, status: int = 200) -> Response:
    return Response(DatasetDetailSerializer(dataset_selectors.dataset_words(dataset)).data, status=status)


class DatasetsApi(ListApi):
    access = {"GET": MEMBER, "POST": member(Role.ADMIN)}
    locate = selectors.study_located
    found: Study
    queryset = DatasetVersion.objects.none()

    @extend_schema(operation_id="dataset_list", responses=DatasetSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        page = self.paginate_queryset(dataset_selectors.dataset_rows(self.found)) or []
        words = dataset_selectors.dataset_list_words(page)
        return self.get_paginated_response(DatasetSerializer(words, many=True).data)

    @extend_schema(
        operation_id="dataset_freeze",
        request=NewDatasetSerializer,
        responses={201: DatasetDetailSerializer, 200: DatasetDetailSerializer},
    )
    def post(self, request: Request, study_id: int) -> Response:
        data = NewDatasetSerializer(data=request.data)
        data.is_valid(raise_exception=True)
        wanted = dict(data.validated_data)
        there = set(dataset_selectors.dataset_rows(self.found).values_list("pk", flat=True))
        dataset = dataset_freeze(
            study=self.found,
            user=person(request),
            seed=wanted["seed"],
            sources=wanted.get("sources", ()),
            slides=wanted.get("slides", ()),
            choices=FreezeChoices(
                name=wanted.get("name", ""),
                reader_id=wanted.get("reader"),
                split=wanted["split"],
                guard_px=wanted["guard_px"],
            ),
        )
        return _answer(dataset, status=200 if dataset.pk in there else 201)


class DatasetApi(Api):
    access = {"GET": MEMBER}
    locate = dataset_selectors.dataset_located
    found: DatasetVersion

    @extend_schema(operation_id="dataset_detail", responses=DatasetDetailSerializer)
    def get(self, request: Request, dataset_id: int) -> Response:
        return _answer(self.found)


class DatasetDiffApi(Api):
    access = {"GET": MEMBER}
    locate = dataset_selectors.dataset_located
    found: DatasetVersion

    @extend_schema(
        operation_id="dataset_diff", parameters=[DatasetDiffQuerySerializer], responses=DatasetDiffSerializer
    )
    def get(self, request: Request, dataset_id: int) -> Response:
        query = DatasetDiffQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        other = dataset_selectors.dataset_located(query.validated_data["with"])
        if other.study_id != self.found.study_id:
            raise NotFoundError(selectors.ABSENT)
        return Response(DatasetDiffSerializer(dataset_selectors.dataset_diff(self.found, other)).data)
