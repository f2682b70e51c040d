"""What a form of the console sends, checked as the API checks its bodies: every field known, each fault named."""

from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from app.web.http.known import Known

HIDDEN_FIELD: Final = "form_secret"
"""The field that shows that a page of this session sent the form."""

PAGE_FIELD: Final = "form_page"
"""The field that says which page a form is on, so that this page is shown again when the form is refused."""

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
"""Why somebody makes a change: kept in the audit."""

Checked = Annotated[bool, Field(default=False)]
"""A checkbox, which sends `true` or nothing."""

Several: Final = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
"""For a list: a field that a form sends once or several times, as checkboxes of one name do."""


class Form(Known):
    """Fields of a form or of a filter. An empty field is one that was not filled in."""

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:
        return {name: value for name, value in given.items() if value != ""} if isinstance(given, dict) else given


class NoForm(Form):
    """A form of buttons alone."""


class WithReason(Form):
    """A change that asks for nothing but its reason."""

    reason: Reason
