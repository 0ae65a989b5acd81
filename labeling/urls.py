"""Addresses under /api/."""

from django.urls import URLPattern, path

from labeling.apis import auth, datasets, images, members, patches, slides, studies, system, uploads

urlpatterns: list[URLPattern] = [
    path("auth/me", auth.MeApi.as_view()),
    path("auth/login", auth.LoginApi.as_view()),
    path("auth/logout", auth.LogoutApi.as_view()),
    path("system", system.SystemApi.as_view()),
    path("studies", studies.StudiesApi.as_view()),
    path("studies/<int:study_id>", studies.StudyApi.as_view()),
    path("studies/<int:study_id>/members", members.MembersApi.as_view()),
    path("members/<int:membership_id>", members.MemberApi.as_view()),
    path("studies/<int:study_id>/slides", slides.SlidesApi.as_view()),
    path("slides/<int:slide_id>", slides.SlideApi.as_view()),
    path("slides/<int:slide_id>/thumbnail", images.ThumbnailApi.as_view()),
    path(images.TILE_ROUTE, images.TileApi.as_view()),
    path("studies/<int:study_id>/uploads", uploads.UploadsApi.as_view()),
    path("uploads/<uuid:upload_id>", uploads.UploadApi.as_view()),
    path("slides/<int:slide_id>/patches", patches.ClickApi.as_view()),
    path("slides/<int:slide_id>/markers", patches.MarkersApi.as_view()),
    path("patches/<int:patch_id>/labels", patches.LabelsApi.as_view()),
    path("patches/<int:patch_id>/image", images.PatchImageApi.as_view()),
    path("studies/<int:study_id>/patches", patches.PatchesApi.as_view()),
    path("studies/<int:study_id>/datasets", datasets.DatasetsApi.as_view()),
    path("datasets/<int:dataset_id>", datasets.DatasetApi.as_view()),
    path("datasets/<int:dataset_id>/diff", datasets.DatasetDiffApi.as_view()),
    path("studies/<int:study_id>/dataset-freezes", datasets.FreezesApi.as_view()),
    path("dataset-freezes/<int:freeze_id>", datasets.FreezeApi.as_view()),
    path("dataset-freezes/<int:freeze_id>/cancel", datasets.FreezeCancelApi.as_view()),
    path("studies/<int:study_id>/patch-summary", patches.PatchSummaryApi.as_view()),
]
