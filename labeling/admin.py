"""Django's admin, for site admins."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin

from labeling import models

admin.site.register(models.User, UserAdmin)


@admin.register(models.Study)
class StudyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["name", "model_mpp", "radius_um", "created_at"]


@admin.register(models.LabelClass)
class LabelClassAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["study", "key", "name", "colour", "shape", "counted"]


@admin.register(models.Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["study", "user", "role"]
    list_filter = ["study", "role"]


class ReadOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that only the services write."""

    def has_add_permission(self, request: object) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Nobody."""
        return False


@admin.register(models.Slide)
class SlideAdmin(ReadOnly):
    list_display = ["study", "code", "case_code", "state", "width", "height", "mpp"]
    list_filter = ["study", "state"]


@admin.register(models.Upload)
class UploadAdmin(ReadOnly):
    list_display = ["id", "study", "owner", "size_bytes", "offset_bytes", "created_at"]
    # A file's name may be a patient's.
    exclude = ["file_name"]


@admin.register(models.Label)
class LabelAdmin(ReadOnly):
    list_display = ["patch_id", "reader", "label_class", "created_at"]
    list_select_related = ["reader", "label_class"]


@admin.register(models.DatasetVersion)
class DatasetVersionAdmin(ReadOnly):
    list_display = ["study", "number", "name", "content_hash", "created_at"]


@admin.register(models.DatasetFreeze)
class DatasetFreezeAdmin(ReadOnly):
    list_display = ["study", "state", "message", "error", "dataset", "created_by", "created_at"]
    list_select_related = ["study", "dataset__study", "created_by"]


@admin.register(models.AccessRecord)
class AccessRecordAdmin(ReadOnly):
    list_display = ["created_at", "user", "study", "slide", "action", "detail"]
    list_filter = ["action", "study"]
