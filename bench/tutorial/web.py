"""The Flask app of the tutorial, with one route. `gunicorn bench.tutorial.web:app`."""

from flask import Flask, Response, jsonify, request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bench.tutorial.models import Email, make_session
from bench.tutorial.worker import send

app = Flask(__name__)


@app.get("/")
def alive() -> str:
    """It is."""
    return "ok"


@app.post("/v1/emails")
def submit() -> Response:
    """Accept an email and queue its task."""
    body = request.get_json()
    key = request.headers.get("Idempotency-Key")
    with make_session() as session:
        if (known := _known(session, key)) is not None:
            return jsonify(id=known.id)
        email = Email(
            app="bench",
            idempotency_key=key,
            sender=body["from"],
            recipient=body["to"],
            subject=body["subject"],
            text=body["text"],
        )
        session.add(email)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()
            known = _known(session, key)
            return jsonify(id=known.id if known else None)
        mail_id = email.id
    send.delay(mail_id)
    return jsonify(id=mail_id)


def _known(session: Session, key: str | None) -> Email | None:
    if key is None:
        return None
    return session.scalar(select(Email).where(Email.app == "bench", Email.idempotency_key == key))
