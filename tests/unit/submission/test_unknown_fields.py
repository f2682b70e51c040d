"""An unknown field names the known one that it nearly is, and no sentence is pydantic's."""

from typing import Any

import pytest
from flask import Flask
from pydantic import BaseModel
from pydantic_core._pydantic_core import list_all_errors

from app.domain.errors import ValidationFailed
from app.web.http.faults.near_names import nearest
from app.web.http.faults.sentences import sentence_of
from app.web.http.faults.validation import attempt, check
from app.web.openapi.document import declared
from app.web.submission import batches, emails
from app.web.submission import check as checks
from app.web.submission.email_requests import EmailBody
from app.web.suppression import explain, files, reviews, suppressions, unsubscribe

EMAIL: dict[str, Any] = {"from": "a@example.com", "to": "kim@example.net", "subject": "Hi", "text": "Hello"}


def fault(body: Any) -> tuple[str, str]:
    """The first fault of a body: its pointer and its sentence."""
    with pytest.raises(ValidationFailed) as refused:
        check(EmailBody, body)
    return refused.value.faults[0].pointer, refused.value.detail


@pytest.mark.parametrize(
    "name, known",
    [
        ("replyTo", "reply_to"),
        ("reply-to", "reply_to"),
        ("ReplyTo", "reply_to"),
        ("reply_too", "reply_to"),
        ("scheduledAt", "scheduled_at"),
        ("subjct", "subject"),
        ("From", "from"),
        ("attachement", "attachments"),
    ],
)
def test_an_unknown_field_names_the_known_one(name: str, known: str) -> None:
    """In the sentence of the answer, which is all that SDKs show."""
    pointer, sentence = fault(EMAIL | {name: "x"})
    assert pointer == f"/{name}"
    assert f"did you mean `{known}`?" in sentence


@pytest.mark.parametrize(
    "name, known", [("contentType", "content_type"), ("contentId", "content_id"), ("Filename", "filename")]
)
def test_the_fields_of_an_attachment_are_suggested_for_an_attachment(name: str, known: str) -> None:
    """At every depth the names of that object are suggested, not those around it."""
    _, sentence = fault(EMAIL | {"attachments": [{"content": "aGk=", "filename": "a.txt", name: "x"}]})
    assert f"did you mean `{known}`?" in sentence


def test_a_field_that_is_like_none_is_not_guessed_at() -> None:
    """A wrong suggestion would be worse than none."""
    assert "did you mean" not in fault(EMAIL | {"zebra": 1})[1]
    assert nearest("zebra", {"subject", "to"}) is None


@pytest.mark.parametrize("error", list_all_errors(), ids=lambda error: error["type"])
def test_every_error_of_pydantic_has_our_words(error: Any) -> None:
    """Whatever type of error a model raises, a caller reads a sentence of ours."""
    sentence = sentence_of(error["type"], error["example_message_python"])
    assert not any(
        words in sentence for words in ("Input should", "Value error", "should be", "should have", "Extra inputs")
    )
    assert sentence.endswith(".")


def models() -> dict[str, type[BaseModel]]:
    """Every body and every query string that a route reads, by its name."""
    routes = [
        emails.emails,
        batches.batches,
        checks.check,
        explain.explain,
        suppressions.suppressions,
        reviews.suppression_reviews,
        files.list_files,
        unsubscribe.unsubscribe,
    ]
    app = Flask("test")
    for blueprint in routes:
        app.register_blueprint(blueprint)
    found = (model for _, operation in declared(app) for model in (operation.body, operation.query))
    return {model.__name__: model for model in (EmailBody, *found) if model is not None}


KINDS: tuple[Any, ...] = (None, True, 0, 1.5, "", "text", "a" * 3000, [], [[]], ["", 1], {}, {"a": 1}, [{"a": 1}])


@pytest.mark.parametrize("value", KINDS, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("name", models())
def test_no_value_of_a_wrong_kind_is_answered_in_the_words_of_pydantic(name: str, value: Any) -> None:
    """Each kind of JSON value in each field of each request is taken, or refused in our words, with its place."""
    model = models()[name]
    whole = EMAIL if model is EmailBody else {}
    for field in [field.alias or own for own, field in model.model_fields.items()]:
        found = attempt(model, whole | {field: value})
        for one in found if isinstance(found, tuple) else ():
            assert one.detail.endswith((".", "?")), (field, one)
            assert not any(words in one.detail for words in ("should", "nput", "pydantic", "Value error")), (field, one)


def test_the_field_that_was_meant_comes_first_and_is_not_missing_too() -> None:
    """SDKs show one sentence: the one that helps."""
    with pytest.raises(ValidationFailed) as refused:
        check(
            EmailBody, {"from": "a@example.com", "to": "kim@example.net", "text": "Hello", "subjct": "Hi", "zebra": 1}
        )
    assert "did you mean `subject`?" in refused.value.detail
    assert [one.pointer for one in refused.value.faults] == ["/subjct", "/zebra"]


@pytest.mark.parametrize(
    "change, words",
    [
        ({"tags": [{"name": "a b", "value": "x"}]}, "of the form ["),
        ({"tags": [{"name": f"t{number}", "value": "x"} for number in range(76)]}, "Give at most 75 items."),
    ],
)
def test_a_bound_is_named_in_the_sentence(change: dict[str, Any], words: str) -> None:
    """The caller learns what is allowed, not only that this is not."""
    assert words in fault(EMAIL | change)[1]
