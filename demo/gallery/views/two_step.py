"""A picture is uploaded in one view and saved in another, by two forms, each with its own crop.

The session carries short strings only: the token of the picture, and of what is typed so far.
"""

from typing import Any

from django.contrib import messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from greenroom.core.errors import NotHeld, Refused
from greenroom.files import StagedFile
from greenroom.wording import say

from ..forms import CoverForm, PortraitForm, UploadForm
from ..models import Profile

FORMS = {"portrait": PortraitForm, "cover": CoverForm}


def upload(request: HttpRequest) -> HttpResponse:
    form = UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        request.session["two_step"] = {"picture": form.cleaned_data["picture"].token}
        return redirect("two-step-details")
    return render(request, "gallery/two_step.html", {"form": form, "waiting": "two_step" in request.session})


def details(request: HttpRequest) -> HttpResponse:
    kept = request.session.get("two_step", {})
    profile = Profile.objects.filter(pk=kept.get("profile")).first() or Profile()
    if request.method == "POST":
        forms = {
            name: FORMS[name](request.POST, request.FILES)
            for name in request.POST.getlist("form")
            if name in FORMS
        }
        chosen = [request.POST["save"]] if request.POST.get("save") in forms else list(forms)
        for name in chosen:
            forms[name] = FORMS[name](request.POST, request.FILES, instance=profile)
        if not forms:
            return redirect("two-step-details")
        if save(forms, chosen):
            rest = {name: draft_of(form) for name, form in forms.items() if name not in chosen}
            request.session["two_step"] = {**kept, "profile": profile.pk, "drafts": rest}
            return redirect(profile)
    else:
        try:
            picture = request.stage.open(kept.get("picture"))
        except NotHeld:
            return start_anew(request, "No picture is waiting. Choose one first.")
        except Refused as refusal:  # somebody has changed the held bytes: they are not used
            return start_anew(request, say(refusal))
        forms = {
            name: kind(instance=profile, initial={name: picture, **opened(request, kept, name)})
            for name, kind in FORMS.items()
            if not getattr(profile, name)
        }
    return render(request, "gallery/details.html", {"forms": forms, "profile": profile})


def start_anew(request: HttpRequest, message: str) -> HttpResponse:
    """Back to step one. Without the session's entry, or step one would say that a picture is waiting."""
    request.session.pop("two_step", None)
    messages.warning(request, message)
    return redirect("two-step")


def save(forms: dict[str, ModelForm], chosen: list[str]) -> bool:
    """Save the chosen forms, if they are valid and no crop that was typed into the others would be lost."""
    valid = [forms[name].is_valid() for name in chosen]
    for name, form in forms.items():
        lost = name not in chosen and form.has_error(name) and not form.has_error(name, "required")
        valid.append(not lost)
    if all(valid):
        for name in chosen:
            forms[name].save()
    return all(valid)


def draft_of(form: ModelForm) -> dict[str, str]:
    """What is typed into a form that is not saved yet; of its picture the token, in which the crop is."""
    form.is_valid()
    return {
        name: value.token if isinstance(value, StagedFile) else value
        for name, value in form.cleaned_data.items()
    }


def opened(request: HttpRequest, kept: dict[str, Any], name: str) -> dict[str, Any]:
    """A draft, for `initial=`."""
    draft = dict(kept.get("drafts", {}).get(name, {}))
    try:
        return {**draft, name: request.stage.open(draft[name])} if name in draft else draft
    except NotHeld:
        draft.pop(name)
        return draft
    except Refused as refusal:
        messages.warning(request, say(refusal))
        draft.pop(name)
        return draft
