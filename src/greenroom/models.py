"""The tables: who holds what, and which form has saved it."""

from __future__ import annotations

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils.translation import gettext_lazy as _

from .core.upload import State

if not apps.is_installed("greenroom"):
    # Whoever imports a field gets here first; Django itself would speak of an app_label that nobody has forgotten.
    raise ImproperlyConfigured('Greenroom is used and not installed. Add "greenroom" to INSTALLED_APPS.')


class StagedCrowd(models.Model):
    """Those whose uploads are counted together: everybody, or the new owners from one address.

    Its row is what makes their ceilings atomic: whoever counts writes to it, and the next one waits for that. It has what
    was counted at `counted_at` and all that has come since: never too little.
    """

    key = models.CharField(max_length=64, primary_key=True)
    counted_at = models.DateTimeField(null=True)
    uploads = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("crowd of owners")
        verbose_name_plural = _("crowds of owners")

    def __str__(self) -> str:
        return self.key


class StagedOwner(models.Model):
    """Somebody who holds uploads. Its row is what makes an owner's ceilings atomic, and counts as that of a crowd.

    `address` is the keyed hash of where a new owner has come from (`greenroom.addresses`), which counts, and is
    kept, until `new_until`.
    """

    key = models.CharField(max_length=100, primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("user"), null=True, blank=True, on_delete=models.CASCADE
    )
    seen_at = models.DateTimeField(_("seen at"))
    counted_at = models.DateTimeField(null=True)
    uploads = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    address = models.CharField(max_length=64, blank=True, default="")
    new_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("owner of uploads")
        verbose_name_plural = _("owners of uploads")
        indexes = [
            models.Index(
                fields=["address", "new_until"],
                condition=models.Q(new_until__isnull=False),
                name="greenroom_new_owners",
            )
        ]

    def __str__(self) -> str:
        return str(self.user) if self.user else _("Visitor %(key)s") % {"key": self.key[-6:]}


class StagedUpload(models.Model):
    """The record of one upload (`greenroom.core.upload.Upload`). Only the ledger writes here."""

    id = models.CharField(max_length=22, primary_key=True)
    owner = models.ForeignKey(
        StagedOwner, verbose_name=_("owner"), related_name="held", on_delete=models.CASCADE
    )
    state = models.CharField(
        _("state"),
        max_length=10,
        choices=[
            (State.RECEIVING.value, _("being received")),
            (State.STAGED.value, _("held")),
            (State.PROMOTED.value, _("saved")),
        ],
    )
    client_name = models.CharField(_("name"), max_length=255)
    client_type = models.CharField(max_length=100, blank=True)
    length = models.BigIntegerField(null=True)
    reserved = models.BigIntegerField()
    offset = models.BigIntegerField(_("bytes"))
    epoch = models.BigIntegerField()
    digest = models.CharField(_("digest"), max_length=100, blank=True)
    media_type = models.CharField(_("type"), max_length=100, blank=True)
    stamp = models.CharField(max_length=100, blank=True)
    picture = models.JSONField(null=True)
    policy = models.CharField(max_length=32, blank=True, default="")
    terms = models.TextField(blank=True)
    created_at = models.DateTimeField(_("created at"))
    staged_at = models.DateTimeField(_("held since"), null=True)
    promoted_at = models.DateTimeField(_("saved at"), null=True)
    expires_at = models.DateTimeField(_("held until"), db_index=True)
    buried_at = models.DateTimeField(_("given up at"), null=True)

    class Meta:
        verbose_name = _("held upload")
        verbose_name_plural = _("held uploads")
        ordering = ["-created_at", "id"]
        indexes = [
            # Of what is being received alone, for `counting.coming`; by a column that does not change meanwhile.
            models.Index(
                fields=["state"], condition=models.Q(state=State.RECEIVING.value), name="greenroom_receiving"
            ),
            # Of what came by an intake policy alone, for `counting.count_under`.
            models.Index(fields=["policy"], condition=models.Q(policy__gt=""), name="greenroom_of_policy"),
            # Of the tombstones alone: no upload that comes in pays for it.
            models.Index(
                fields=["buried_at"], condition=models.Q(buried_at__isnull=False), name="greenroom_buried"
            ),
        ]

    def __str__(self) -> str:
        return self.client_name


class StagedUse(models.Model):
    """One form's one chance to save one upload, taken.

    `key` is the digest of owner, use and content; that it is unique is what makes a save happen once.
    `holder` is the process that took it (`greenroom.holders`), `post` the digest of the form that it sent.
    `location` is where the saving request was redirected to, once it is `answered`.
    """

    key = models.CharField(max_length=64, primary_key=True)
    upload = models.ForeignKey(StagedUpload, related_name="uses", on_delete=models.CASCADE)
    closed = models.BooleanField(default=False)
    claimed_at = models.DateTimeField()
    holder = models.CharField(max_length=255, blank=True)
    post = models.CharField(max_length=64, blank=True)
    answered = models.BooleanField(default=False)
    location = models.TextField(blank=True)

    class Meta:
        verbose_name = _("use of an upload")
        verbose_name_plural = _("uses of uploads")

    def __str__(self) -> str:
        return self.key[:8]


class StagedSweep(models.Model):
    """What the last sweep read from its clocks; one row. Only where the ledger's clock is a host's (`greenroom.clocks`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    read_at = models.DateTimeField()
    boot = models.CharField(max_length=64, blank=True)
    uptime = models.FloatField()

    class Meta:
        verbose_name = _("reading of the sweeper")
        verbose_name_plural = _("readings of the sweeper")

    def __str__(self) -> str:
        return str(self.read_at)
