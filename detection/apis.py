"""The API of training and detection: one class per address."""

from collections.abc import Iterator
from typing import Any

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from detection import counts, exports, mining, selectors, services
from detection.models import DetectionRun, Proposal, TrainingRun, Trial
from detection.serializers import (
    DetectionQuerySerializer,
    DetectionRunSerializer,
    DetectionsStartedSerializer,
    DetectionsStartSerializer,
    DetectionStartSerializer,
    FoundQuerySerializer,
    MinedSerializer,
    MineSerializer,
    NewestCountSerializer,
    ProposalQuerySerializer,
    ProposalSerializer,
    ThresholdSerializer,
    UnreadAreaSerializer,
    checked,
)
from detection.training_serializers import (
    TrainingRunDetailSerializer,
    TrainingRunSerializer,
    TrainingStartSerializer,
    TrialDetailSerializer,
)
from labeling.apis.base import FOREVER, AnyAccept, ListApi, not_modified, unchanged
from labeling.choices import Role
from labeling.models import Slide, Study
from labeling.permissions import MEMBER, Api, member, person
from labeling.selectors import slide_located, study_located

BYTES = (200, "application/octet-stream")
BLOCKS_DONE = "Blocks-Done"


class TrainingRunsApi(ListApi):
    queryset = TrainingRun.objects.none()
    access = {"GET": MEMBER, "POST": member(Role.ADMIN)}
    locate = study_located
    found: Study

    @extend_schema(operation_id="training_run_list", responses=TrainingRunSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        runs = self.paginate_queryset(selectors.training_runs().filter(study=self.found)) or []
        counts = selectors.dataset_counts(runs)
        rows = [selectors.training_run_words(run, counts) for run in runs]
        return self.get_paginated_response(TrainingRunSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="training_run_start",
        request=TrainingStartSerializer,
        responses={201: TrainingRunDetailSerializer, 200: TrainingRunDetailSerializer},
    )
    def post(self, request: Request, study_id: int) -> Response:
        wanted = checked(TrainingStartSerializer, request.data)
        key = wanted.pop("client_key")
        run, created = services.training_start(
            study=self.found, user=person(request), client_key=key, wish=services.TrainingWish(**wanted)
        )
        return _training_answer(run.pk, status=201 if created else 200)


def _training_answer(run_id: int, status: int = 200) -> Response:
    words = selectors.training_run_detail(selectors.training_run_at(run_id))
    return Response(TrainingRunDetailSerializer(words).data, status=status)


class TrainingRunApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.training_run_at
    found: TrainingRun

    @extend_schema(operation_id="training_run_detail", responses=TrainingRunDetailSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        return _training_answer(run_id)


class TrainingCancelApi(Api):
    access = {"POST": member(Role.ADMIN)}
    locate = selectors.training_run_at
    found: TrainingRun

    @extend_schema(operation_id="training_run_cancel", request=None, responses=TrainingRunDetailSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        services.training_cancel(run=self.found)
        return _training_answer(run_id)


class TrainingStopApi(Api):
    access = {"POST": member(Role.ADMIN)}
    locate = selectors.training_run_at
    found: TrainingRun

    @extend_schema(operation_id="training_run_stop", request=None, responses=TrainingRunDetailSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        services.training_stop(run=self.found)
        return _training_answer(run_id)


class TrialApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.trial_at
    found: Trial

    @extend_schema(operation_id="trial_detail", responses=TrialDetailSerializer)
    def get(self, request: Request, run_id: int, number: int) -> Response:
        return Response(TrialDetailSerializer(selectors.trial_detail(self.found)).data)


class DetectionRunsApi(ListApi):
    queryset = DetectionRun.objects.none()
    access = {"GET": MEMBER, "POST": member(Role.LAB, Role.ADMIN)}
    locate = study_located
    found: Study

    @extend_schema(
        operation_id="detection_run_list",
        parameters=[DetectionQuerySerializer],
        responses=DetectionRunSerializer(many=True),
    )
    def get(self, request: Request, study_id: int) -> Response:
        wanted = checked(DetectionQuerySerializer, request.query_params)
        found = self.paginate_queryset(selectors.detection_runs_of(self.found, **wanted)) or []
        rows = [selectors.detection_run_words(run) for run in found]
        return self.get_paginated_response(DetectionRunSerializer(rows, many=True).data)

    @extend_schema(
        operation_id="detection_runs_start",
        request=DetectionsStartSerializer,
        responses={201: DetectionsStartedSerializer},
    )
    def post(self, request: Request, study_id: int) -> Response:
        wanted = checked(DetectionsStartSerializer, request.data)
        key, chosen = wanted.pop("client_key"), wanted.pop("slides")
        slides = selectors.slides_chosen(self.found, chosen)
        started = services.detections_start(
            study=self.found,
            slides=slides,
            user=person(request),
            client_key=key,
            wish=services.DetectionWish(**wanted),
        )
        return Response(DetectionsStartedSerializer(_started_words(started)).data, status=201)


def _started_words(started: list[services.Started]) -> dict[str, Any]:
    made = {run.pk: run for run in selectors.detection_runs().filter(pk__in=[s.run.pk for s in started if s.run])}
    return {
        "runs": [selectors.detection_run_words(made[one.run.pk]) for one in started if one.run],
        "refused": [
            {
                "slide": one.slide.pk,
                "slide_code": one.slide.code,
                "code": one.refusal.code,
                "message": one.refusal.message,
            }
            for one in started
            if one.refusal
        ],
    }


class CountsApi(ListApi):
    queryset = Slide.objects.none()
    access = {"GET": MEMBER}
    locate = study_located
    found: Study

    @extend_schema(operation_id="count_list", responses=NewestCountSerializer(many=True))
    def get(self, request: Request, study_id: int) -> Response:
        page = self.paginate_queryset(counts.slides_to_count(self.found)) or []
        rows = [counts.count_words(row) for row in counts.count_rows(page)]
        return self.get_paginated_response(NewestCountSerializer(rows, many=True).data)


class CountsCsvApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = study_located
    found: Study

    @extend_schema(operation_id="count_csv", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, study_id: int) -> HttpResponseBase:
        services.counts_export_record(study=self.found, user=person(request))
        page = f"/studies/{study_id}/slides"
        rows = counts.count_rows(counts.slides_to_count(self.found))
        return _download(
            counts.export_counts(
                rows, link_of=lambda run: request.build_absolute_uri(f"{page}/{run.slide_id}/detect?run={run.pk}")
            ),
            name=f"counts-{study_id}.csv",
            content_type="text/csv; charset=utf-8",
        )


class ProposalsApi(ListApi):
    queryset = Proposal.objects.none()
    access = {"GET": MEMBER, "POST": member(Role.PATHOLOGIST, Role.ADMIN)}
    locate = study_located
    found: Study

    @extend_schema(
        operation_id="proposal_list", parameters=[ProposalQuerySerializer], responses=ProposalSerializer(many=True)
    )
    def get(self, request: Request, study_id: int) -> Response:
        slide = checked(ProposalQuerySerializer, request.query_params).get("slide")
        slides = None if slide is None else selectors.slides_chosen(self.found, [slide])
        page = self.paginate_queryset(mining.waiting_proposals(self.found, slides)) or []
        rows = [mining.proposal_words(row) for row in page]
        return self.get_paginated_response(ProposalSerializer(rows, many=True).data)

    @extend_schema(operation_id="proposal_mine", request=MineSerializer, responses={201: MinedSerializer})
    def post(self, request: Request, study_id: int) -> Response:
        wanted = checked(MineSerializer, request.data)
        slides = selectors.slides_chosen(self.found, wanted["slides"]) if "slides" in wanted else None
        mined = mining.proposals_mine(study=self.found, user=person(request), slides=slides, limit=wanted["limit"])
        return Response(MinedSerializer(mined).data, status=201)


def _detection_answer(run_id: int, status: int = 200) -> Response:
    run = selectors.detection_run_at(run_id)
    return Response(DetectionRunSerializer(selectors.detection_run_words(run)).data, status=status)


class DetectionStartApi(Api):
    access = {"POST": member(Role.LAB, Role.ADMIN)}
    locate = slide_located
    found: Slide

    @extend_schema(
        operation_id="detection_run_start",
        request=DetectionStartSerializer,
        responses={201: DetectionRunSerializer, 200: DetectionRunSerializer},
    )
    def post(self, request: Request, slide_id: int) -> Response:
        wanted = checked(DetectionStartSerializer, request.data)
        key = wanted.pop("client_key")
        run, created = services.detection_start(
            slide=self.found, user=person(request), client_key=key, wish=services.DetectionWish(**wanted)
        )
        return _detection_answer(run.pk, status=201 if created else 200)


class DetectionRunApi(Api):
    access = {"GET": MEMBER, "PATCH": member(Role.LAB, Role.ADMIN)}
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(operation_id="detection_run_detail", responses=DetectionRunSerializer)
    def get(self, request: Request, run_id: int) -> Response:
        return Response(DetectionRunSerializer(selectors.detection_run_words(self.found)).data)

    @extend_schema(operation_id="detection_run_update", request=ThresholdSerializer, responses=DetectionRunSerializer)
    def patch(self, request: Request, run_id: int) -> Response:
        wanted = checked(ThresholdSerializer, request.data)
        services.detection_set_threshold(run=self.found, threshold=wanted["threshold"])
        return _detection_answer(run_id)


class DetectionCancelApi(Api):
    access = {"POST": member(Role.LAB, Role.ADMIN)}
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(operation_id="detection_run_cancel", request=None, responses=DetectionRunSerializer)
    def post(self, request: Request, run_id: int) -> Response:
        services.detection_cancel(run=self.found)
        return _detection_answer(run_id)


class DetectionPointsApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(
        operation_id="detection_run_points",
        responses={BYTES: OpenApiResponse(OpenApiTypes.BINARY, "little-endian float32 x_l0, y_l0, score, shuffled")},
    )
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        path, etag = exports.points_path(self.found), f'"{self.found.points_sha256}"'
        if unchanged(request, etag):
            return not_modified(etag)
        response = FileResponse(path.open("rb"), content_type="application/octet-stream")
        response["ETag"] = etag
        response["Cache-Control"] = FOREVER
        response["X-Content-Type-Options"] = "nosniff"
        return response


class DetectionFoundApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(
        operation_id="detection_run_found",
        parameters=[
            FoundQuerySerializer,
            OpenApiParameter(BLOCKS_DONE, int, OpenApiParameter.HEADER, response=True, description="the next after"),
        ],
        responses={BYTES: OpenApiResponse(OpenApiTypes.BINARY, "float32 x_l0, y_l0, score of a run that still runs")},
    )
    def get(self, request: Request, run_id: int) -> HttpResponse:
        points, blocks = exports.found_after(self.found, checked(FoundQuerySerializer, request.query_params)["after"])
        response = HttpResponse(points.astype("<f4").tobytes(), content_type="application/octet-stream")
        response[BLOCKS_DONE] = str(blocks)
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class DetectionUnreadApi(Api):
    access = {"GET": MEMBER}
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(operation_id="detection_run_unread", responses=UnreadAreaSerializer(many=True))
    def get(self, request: Request, run_id: int) -> Response:
        return Response(UnreadAreaSerializer(selectors.unread_areas(self.found), many=True).data)


def _download(pieces: Iterator[str], *, name: str, content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


class DetectionCsvApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(operation_id="detection_run_csv", responses={(200, "text/csv"): OpenApiTypes.STR})
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        exports.points_path(self.found)
        services.export_record(run=self.found, user=person(request), kind="csv")
        return _download(
            exports.export_csv(self.found),
            name=f"detection-{self.found.pk}.csv",
            content_type="text/csv; charset=utf-8",
        )


class DetectionGeoJsonApi(Api):
    access = {"GET": MEMBER}
    content_negotiation_class = AnyAccept
    locate = selectors.detection_run_at
    found: DetectionRun

    @extend_schema(operation_id="detection_run_geojson", responses={(200, "application/geo+json"): OpenApiTypes.OBJECT})
    def get(self, request: Request, run_id: int) -> HttpResponseBase:
        exports.points_path(self.found)
        services.export_record(run=self.found, user=person(request), kind="geojson")
        return _download(
            exports.export_geojson(self.found),
            name=f"detection-{self.found.pk}.geojson",
            content_type="application/geo+json",
        )
