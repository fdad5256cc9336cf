"""What the demo's templates need beside Django's own tags."""

from typing import Any

from django import template

register = template.Library()


@register.inclusion_tag("gallery/summary.html")
def summary(*forms: Any) -> dict[str, bool]:
    """Above a form that came back: that nothing is saved yet, and why."""
    errors = [error for form in forms if form for field in form.errors.as_data().values() for error in field]
    return {"came_back": bool(errors), "is_preview": all(error.code == "preview" for error in errors)}
