"""`/console/lanes`: pause a lane when its email must wait, and resume it."""

from flask import Response

from app.domain.users.roles import Role
from app.queue import Lane
from app.services.users.sessions import Session, caller_of
from app.web.console.frame.access import lead_to
from app.web.console.frame.forms import WithReason
from app.web.console.frame.pages import Pages, url_after
from app.web.http.context import current_gateway

console_lanes = Pages("console_lanes", __name__)


class OneLane(WithReason):
    """Which lane, and why."""

    lane: Lane


@console_lanes.change(
    "/console/lanes/pause",
    role=Role.OPERATOR,
    summary="Pause a lane.",
    form=OneLane,
    done="The lane is paused: its email is accepted and kept, and goes out once somebody resumes the lane.",
)
def pause_lane(session: Session, form: OneLane) -> Response:
    """Pause it, and show what is held back."""
    current_gateway().pause_lanes.pause(caller_of(session), form.lane, reason=form.reason)
    return lead_to(url_after("console_incidents.show_incidents"))


@console_lanes.change(
    "/console/lanes/resume",
    role=Role.OPERATOR,
    summary="Resume a lane.",
    form=OneLane,
    done="The lane is sending again.",
)
def resume_lane(session: Session, form: OneLane) -> Response:
    """Resume it, and show what is still held back."""
    current_gateway().pause_lanes.resume(caller_of(session), form.lane, reason=form.reason)
    return lead_to(url_after("console_incidents.show_incidents"))
