"""Mutants of the answers to SNS: messages refused for good, messages trusted, and messages never shown."""

from typing import Final

from tests.mutants.mutant import Mutant

_SHARED = "tests/unit/feedback/test_certificates_shared.py"
_REJECTIONS = "tests/unit/feedback/test_rejections.py"
_WEB = "tests/integration/feedback/test_web_feedback.py"
_SET_ASIDE = "tests/integration/feedback/test_set_aside.py"
_NOT_SENT = "tests/integration/feedback/test_not_sent_by_ses.py"

OF_SNS: Final = (
    Mutant(
        name="frequent names have no budget of their own",
        file="app/aws/sns/fetch_budget.py",
        edits=(("recent = self._spent[min(came.bit_length() - 1, _MOST_DOUBLINGS)]", "recent = self._spent[0]"),),
        killed_by=f"{_SHARED}::test_a_flood_of_made_up_names_does_not_starve_the_right_one",
    ),
    Mutant(
        name="a fetched certificate is not shared",
        file="app/aws/sns/certificate_cache.py",
        edits=(
            ("            self._shelf.keep(url, fetched, until=answer.certificate.not_after)\n", "            pass\n"),
        ),
        killed_by=f"{_SHARED}::test_a_certificate_fetched_by_another_process_is_not_fetched_again",
    ),
    Mutant(
        name="a certificate in SQL is trusted without its seal",
        file="app/services/feedback/shared_certificates.py",
        edits=(("if not any(", "if False and not any("),),
        killed_by=f"{_WEB}::test_a_certificate_written_by_a_stranger_is_not_believed[sqlite-proof]",
    ),
    Mutant(
        name="one wrong clock refuses for good",
        file="app/aws/sns/verifier.py",
        edits=(("is_certain = envelope.timestamp < self._second_clock() - self._max_age", "is_certain = True"),),
        killed_by=f"{_REJECTIONS}::test_each_reason_is_given_with_its_status",
    ),
    Mutant(
        name="a pinned certificate that AWS no longer uses refuses for good",
        file="app/aws/sns/certificates.py",
        edits=(("return rejected(Reason.PINNED_DOES_NOT_MATCH)", "return rejected(Reason.FORGED)"),),
        killed_by=f"{_REJECTIONS}::test_each_reason_is_given_with_its_status",
    ),
    Mutant(
        name="a header that a proxy has changed refuses for good",
        file="app/domain/feedback/rejections.py",
        edits=(
            (
                "Reason.HEADERS_DISAGREE: Rejection(ServiceUnavailable",
                "Reason.HEADERS_DISAGREE: Rejection(NotAuthentic",
            ),
        ),
        killed_by=f"{_REJECTIONS}::test_only_a_lasting_cause_is_final",
    ),
    Mutant(
        name="a body that was cut off is refused for good",
        file="app/web/feedback/sns.py",
        edits=(("if len(raw) >= (request.content_length or 0):", "if len(raw) >= 0:"),),
        killed_by=f"{_WEB}::test_each_rejection_is_logged_with_its_reason_and_its_topic[sqlite]",
    ),
    Mutant(
        name="an unreadable notification counts as settled",
        file="app/services/feedback/taken.py",
        edits=(("if self.doubt is not None and self.doubt.sets_aside:", "if False:"),),
        killed_by=f"{_SET_ASIDE}::test_an_unreadable_notification_is_set_aside_listed_and_an_incident[sqlite-no JSON]",
    ),
    Mutant(
        name="events of another account suppress",
        file="app/services/feedback/settle.py",
        edits=(("believed = [one for one in portion if one.believed]", "believed = portion"),),
        killed_by=f"{_SET_ASIDE}::test_an_event_of_another_account_suppresses_nothing_and_is_kept[sqlite-False]",
    ),
    Mutant(
        name="an email's outcome is lost when its configuration set was changed",
        file="app/domain/feedback/provenance.py",
        edits=(("sets_aside=not is_ours)", "sets_aside=True)"),),
        killed_by=f"{_SET_ASIDE}::test_an_event_of_another_set_about_our_email_counts_and_is_an_incident[sqlite]",
    ),
    Mutant(
        name="an email that SES did not send counts as a complaint",
        file="app/domain/feedback/delivery_events.py",
        edits=(("        if ses_event.complaint.was_not_sent:\n            return Event.SES_BOUNCED\n", ""),),
        killed_by=f"{_NOT_SENT}::test_a_complaint_about_an_email_that_ses_did_not_send_is_no_complaint"
        "[sqlite-OnAccountSuppressionList]",
    ),
)
