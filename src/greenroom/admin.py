"""What is being held, by whom, until when. To look at, and to give up; nothing is edited here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from .core import format_size
from .models import StagedUpload
from .owners import make_stage


@admin.register(StagedUpload)
class StagedUploadAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The list of held uploads."""

    list_display = (
        "client_name",
        "state",
        "size",
        "media_type",
        "held_by",
        "created_at",
        "expires_at",
        "buried_at",
    )
    # What is given up stays in the list until the sweeper has removed its bytes: they take room as long.
    list_filter = ("state", ("buried_at", admin.EmptyFieldListFilter), "media_type")
    list_select_related = ("owner__user",)
    search_fields = ("client_name", "digest", "owner__user__username")
    date_hierarchy = "created_at"
    actions = ("discard",)
    fields = (
        "client_name",
        "state",
        "size",
        "media_type",
        "digest",
        "held_by",
        "created_at",
        "staged_at",
        "promoted_at",
        "expires_at",
        "buried_at",
    )
    readonly_fields = fields

    @admin.display(description=_("size"), ordering="offset")
    def size(self, row: StagedUpload) -> str:
        return format_size(row.offset)

    @admin.display(description=_("held by"), ordering="owner")
    def held_by(self, row: StagedUpload) -> str:
        return str(row.owner)

    @admin.action(description=_("Discard the selected uploads"), permissions=["delete"])
    def discard(self, request: HttpRequest, rows: QuerySet[StagedUpload]) -> None:
        """Give up what is selected. What is being saved, or has been, is absent at once, and goes with the sweeper."""
        stage = make_stage()
        held = list(rows.filter(buried_at=None).values_list("pk", flat=True))
        for upload_id in held:
            stage.remove(upload_id)
        self.message_user(request, _("%d discarded.") % len(held))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """Django's own deletion would leave the bytes behind. (Only Django 6.1 says where the actions are shown.)"""
        location = {} if action_location is None else {"action_location": action_location}
        actions = super().get_actions(request, **location)
        actions.pop("delete_selected", None)
        return actions

    def delete_model(self, request: HttpRequest, obj: StagedUpload) -> None:
        make_stage().remove(obj.pk)
