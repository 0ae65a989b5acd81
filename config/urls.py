"""All addresses: the API, Django's admin, and one page for everything else."""

from django.contrib import admin
from django.urls import include, path, re_path

from config import views

urlpatterns = [
    path("api/health/live", views.LiveApi.as_view()),
    path("api/health/ready", views.ReadyApi.as_view()),
    path("api/", include("labeling.urls")),
    path("api/", include("detection.urls")),
    path("api/", views.NoSuchApi.as_view()),
    re_path(r"^api/.+$", views.NoSuchApi.as_view()),
    path("admin/", admin.site.urls),
    re_path(r"^(?!static/|assets/).*$", views.page),
]
