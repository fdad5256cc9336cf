"""The Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_save, pre_save


class GreenroomConfig(AppConfig):
    """Connects promotion to Django's save, registers the checks, sets the workers up, and keeps logs quiet."""

    name = "greenroom"
    verbose_name = "Greenroom"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, conf, promotion, quiet

        checks.register_all()
        conf.configure_workers()
        quiet.keep_quiet()

        pre_save.connect(promotion.promote_before_save, dispatch_uid="greenroom.promote")
        post_save.connect(promotion.close_after_save, dispatch_uid="greenroom.close")
