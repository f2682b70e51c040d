"""Mutants of keys, and of sending failed emails again: missing and expired keys, and emails that may not go twice."""

from typing import Final

from tests.mutants.mutant import Mutant

_ROTATION: Final = "tests/integration/operating/test_key_rotation.py"
_SECRET: Final = "tests/integration/cli/test_secret.py"
_API_KEYS: Final = "tests/integration/apps/test_keys.py"
_APPS: Final = "tests/integration/apps/test_apps.py"
_SES_KEYS: Final = "tests/integration/apps/test_ses_keys.py"
_SIGNED: Final = "tests/unit/apps/test_authenticate_sigv4.py"
_TRYING: Final = "tests/integration/apps/test_test_keys.py"
_ISOLATED: Final = "tests/integration/apps/test_test_isolation.py"
_TEAM: Final = "tests/integration/apps/test_team_keys.py"
_FAILED: Final = "tests/integration/submission/test_resend_failed.py"

OF_KEYS: Final = (
    Mutant(
        name="a team key writes to Bcc outside of its team",
        file="app/services/submission/accept.py",
        edits=((', ("/bcc", submission.bcc))', ")"),),
        killed_by=f"{_TEAM}::test_an_email_to_another_address_is_refused[bcc]",
    ),
    Mutant(
        name="a rotation makes a live key of a team key",
        file="app/services/apps/issue_keys.py",
        edits=(("frozenset(map(Scope, old.scopes)), old.kind, ", "frozenset(map(Scope, old.scopes)), KeyKind.LIVE, "),),
        killed_by=f"{_TEAM}::test_a_key_that_replaces_another_one_has_its_kind",
    ),
    Mutant(
        name="a team key works without its kind",
        file="app/services/apps/trusted_keys.py",
        edits=(("return key if key is not None and key.access_key_id == access_key_id else None", "return key"),),
        killed_by=f"{_TEAM}::test_a_key_is_known_under_its_own_kind_only",
    ),
    Mutant(
        name="a test email is handed to SES",
        file="app/services/sending/call_ses.py",
        edits=(("if not attempt.recipient.is_test:", "if attempt is not None:"),),
        killed_by=f"{_TRYING}::test_no_transport_is_asked[sqlite]",
    ),
    Mutant(
        name="the delivery of a test email is timed as one by SES",
        file="app/services/feedback/apply.py",
        edits=((" and (recipient is None or not recipient.is_test):", ":"),),
        killed_by=f"{_ISOLATED}::test_no_time_of_it_is_observed",
    ),
    Mutant(
        name="a test email of a dead worker waits for a proof",
        file="app/services/sending/unconfirmed.py",
        edits=(("one for one in quiet if not rows[one.recipient_id].is_test", "one for one in quiet"),),
        killed_by=f"{_ISOLATED}::test_a_test_email_of_a_worker_that_died_is_tried_again[hold]",
    ),
    Mutant(
        name="a test email is counted",
        file="app/services/moves.py",
        edits=((" for before, after in pairs if not after.is_test]", " for before, after in pairs]"),),
        killed_by=f"{_ISOLATED}::test_nothing_is_counted",
    ),
    Mutant(
        name="a test email is evidence about an address",
        file="app/services/feedback/interpret.py",
        edits=(("if recipient is not None and recipient.is_test:", "if recipient is None and ses_event is None:"),),
        killed_by=f"{_ISOLATED}::test_no_address_is_suppressed_or_pardoned",
    ),
    Mutant(
        name="the key of the pseudonyms is never sealed again",
        file="app/store/privacy/pseudonyms.py",
        edits=(("if not self._key_ring.seals_as(sealed.key):", "if self._key_ring is None:"),),
        killed_by=f"{_ROTATION}::test_a_key_sealed_under_an_older_key_is_sealed_again[sqlite]",
    ),
    Mutant(
        name="a probe writes the key of the pseudonyms",
        file="app/services/operating/key_rotation.py",
        edits=(
            (
                "        try:\n            self._pseudonyms.check()\n        except UnknownSealingKey as error:",
                "        try:\n            self._pseudonyms.renew()\n        except UnknownSealingKey as error:",
            ),
        ),
        killed_by=f"{_ROTATION}::test_a_probe_changes_nothing[sqlite]",
    ),
    Mutant(
        name="a key that a process lacks is a lost body",
        file="app/store/submission/sealing.py",
        edits=(
            (
                "            raise UnknownSealingKey(key_id_of(wrapped).hex())\n        try:",
                '            raise Unsealable("no key")\n        try:',
            ),
        ),
        killed_by=f"{_ROTATION}::test_a_process_without_the_key_ends_no_email[sqlite]",
    ),
    Mutant(
        name="reseal locks erased bodies",
        file="app/store/operating/sealed_rows.py",
        edits=((", table.c.sealed_key.is_not(None)", ""),),
        killed_by=f"{_SECRET}::test_a_body_that_is_erased_meanwhile_stays_erased[sqlite]",
    ),
    Mutant(
        name="check does not count rows under a missing key",
        file="app/services/operating/key_rotation.py",
        edits=(
            (
                "rows.setdefault(key_id, Counter())[kind.name] += number",
                "rows.get(key_id, Counter())[kind.name] += number",
            ),
        ),
        killed_by=f"{_SECRET}::test_a_missing_key_is_named_by_its_id_with_exit_code_2[sqlite]",
    ),
    Mutant(
        name="an email that SES took and rejected is sent again",
        file="app/domain/sending/state_machine.py",
        edits=(("if not (facts.taken_by_ses or facts.attempt_open):", "if not facts.attempt_open:"),),
        killed_by="tests/unit/sending/test_state_machine.py::test_an_email_that_ses_may_have_is_not_resent_as_failed",
    ),
    Mutant(
        name="a failed email that may have left is sent again",
        file="app/domain/sending/state_machine.py",
        edits=(("if not (facts.taken_by_ses or facts.attempt_open):", "if not facts.taken_by_ses:"),),
        killed_by="tests/unit/sending/test_state_machine.py::test_an_email_that_ses_may_have_is_not_resent_as_failed",
    ),
    Mutant(
        name="a failed email without its body waits again",
        file="app/services/submission/resend_failed.py",
        edits=(
            ("if not emails.lock_body(connection, email_id):", "if emails.lock_body(connection, email_id) is None:"),
        ),
        killed_by=f"{_FAILED}::test_an_email_without_its_body_is_not_sent_again[sqlite]",
    ),
    Mutant(
        name="retention does not check again",
        file="app/store/submission/emails.py",
        edits=(
            (
                "update(emails).where(are_found, ~still_needed)",
                "update(emails).where(are_found)",
            ),
        ),
        killed_by=f"{_FAILED}::test_retention_checks_an_email_again_after_locking_it[postgresql]",
    ),
    Mutant(
        name="an expired key is accepted",
        file="app/store/apps/keys.py",
        edits=(("& (api_keys.c.expires_at.is_(None) | (api_keys.c.expires_at > now()))", ""),),
        killed_by="tests/integration/apps/test_authenticate.py::test_an_expired_key_is_refused[sqlite]",
    ),
    Mutant(
        name="a rotated key never expires",
        file="app/store/apps/keys.py",
        edits=(
            ("replaced.values(replaced_by=public_id, expires_at=expires_at)", "replaced.values(replaced_by=public_id)"),
        ),
        killed_by=f"{_API_KEYS}::test_the_old_key_is_valid_for_the_overlap_and_no_longer[sqlite]",
    ),
    Mutant(
        name="an overlap lets a key last longer",
        file="app/services/apps/issue_keys.py",
        edits=(("min(now + overlap, old.expires_at or now + overlap)", "now + overlap"),),
        killed_by=f"{_API_KEYS}::test_an_overlap_makes_no_key_last_longer[sqlite]",
    ),
    Mutant(
        name="two rotations at once make two keys",
        file="app/store/apps/keys.py",
        edits=(("query.with_for_update(of=api_keys)", "query"),),
        killed_by=f"{_API_KEYS}::test_two_rotations_at_once_make_one_key[postgresql]",
    ),
    Mutant(
        name="an archived application is accepted",
        file="app/services/apps/authenticate.py",
        edits=(("if key.app.archived_at is not None:", "if key.app.archived_at is None and key.app.name is None:"),),
        killed_by=f"{_APPS}::test_an_archived_application_accepts_nothing[sqlite]",
    ),
    Mutant(
        name="a body need not be the one that was signed",
        file="app/domain/apps/sigv4_claims.py",
        edits=(
            (
                'raise _mismatch(f"The header {_PAYLOAD} is not the SHA-256 of the body that arrived.")',
                "return self.payload",
            ),
        ),
        killed_by=f"{_SIGNED}::test_a_request_is_refused_with_the_code_of_aws[a body of another hash]",
    ),
    Mutant(
        name="an expired signature is accepted",
        file="app/domain/apps/sigv4_claims.py",
        edits=(("if self.signed_at + lasts < now:", "if self.signed_at + lasts < self.signed_at:"),),
        killed_by=f"{_SIGNED}::test_a_signature_is_good_for_its_time[late]",
    ),
    Mutant(
        name="a session token in a header is accepted",
        file="app/domain/apps/sigv4_claims.py",
        edits=(("if _TOKEN.lower() in headers or _TOKEN in parameters:", "if _TOKEN in parameters:"),),
        killed_by=f"{_SIGNED}::test_a_request_is_refused_with_the_code_of_aws[a session token]",
    ),
    Mutant(
        name="a secret that this process cannot open is called wrong",
        file="app/services/apps/authenticate_sigv4.py",
        edits=(
            (
                "        except (UnknownSealingKey, Unsealable) as error:\n            log",
                "        except (UnknownSealingKey, Unsealable) as error:\n            return None\n            log",
            ),
        ),
        killed_by=f"{_SIGNED}::test_a_secret_that_does_not_open_is_our_fault[another ring]",
    ),
    Mutant(
        name="a plus that was signed is read as a space",
        file="app/domain/apps/sigv4_claims.py",
        edits=(('    if "+" in request.query:\n', '    if "+ " in request.query:\n'),),
        killed_by="tests/integration/ses/test_signatures.py::test_a_query_has_one_meaning",
    ),
    Mutant(
        name="a revoked key is trusted for minutes",
        file="app/services/apps/trusted_keys.py",
        edits=(("_TRUSTED_FOR_S: Final = 4.0", "_TRUSTED_FOR_S: Final = 400.0"),),
        killed_by=f"{_SES_KEYS}::test_a_revoked_key_is_refused_within_five_seconds_and_its_sealed_secret_deleted[sqlite]",
    ),
    Mutant(
        name="a revoked key keeps its sealed secret",
        file="app/store/apps/keys.py",
        edits=(
            (
                "revoked.values(revoked_at=now(), sealed_secret=None, sealed_key=None)",
                "revoked.values(revoked_at=now())",
            ),
        ),
        killed_by=f"{_SES_KEYS}::test_a_revoked_key_is_refused_within_five_seconds_and_its_sealed_secret_deleted[sqlite]",
    ),
)
