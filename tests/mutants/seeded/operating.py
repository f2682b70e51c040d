"""Mutants of operating: a broker that gives wrong answers, a database that moved, a server that waits for clients."""

from typing import Final

from tests.mutants.mutant import Mutant

_FAILOVER: Final = "tests/integration/operating/test_failover.py"
_EXPIRY: Final = "tests/integration/operating/test_expiry.py"
_POOLER: Final = "tests/integration/operating/troubles/test_pooler.py"
_OLD: Final = "tests/integration/operating/test_old_emails.py"
_ARCHIVE: Final = "tests/integration/operating/archive/test_archive.py"
_TALLIES: Final = "tests/integration/operating/test_tallies.py"
_TIMINGS: Final = "tests/integration/operating/test_timings.py"
_TLS: Final = "tests/integration/worker/test_broker_tls.py"
_REVISIONS: Final = "tests/unit/operating/test_revisions.py"
_UPGRADE: Final = "tests/unit/operating/test_upgrade_plan.py"
_LINE: Final = "tests/unit/web/test_line.py"
_EXCHANGE: Final = "tests/unit/web/test_exchange.py"
_BROKER: Final = "tests/unit/worker/test_queue.py"
_EVICTION: Final = "tests/integration/operating/troubles/test_eviction.py"

OF_THE_HOUSE: Final = (
    Mutant(
        name="Celery reads the URL of its broker by itself",
        file="app/queue.py",
        edits=(("        broker_write_url=url,\n", ""),),
        killed_by=f"{_BROKER}::test_the_environment_does_not_undo_the_spelling",
    ),
    Mutant(
        name="a RabbitMQ that confirms nothing holds up its callers",
        file="app/broker_url.py",
        edits=(("_AMQP_PATIENCE_S: Final = BROKER_PATIENCE_S / 3", "_AMQP_PATIENCE_S: Final = BROKER_PATIENCE_S"),),
        killed_by=f"{_BROKER}::test_a_rabbitmq_that_confirms_nothing_is_waited_for_as_briefly_as_a_redis",
    ),
    Mutant(
        name="a Redis that deletes keys is well",
        file="app/store/engine/redis_trouble.py",
        edits=(('    if not memory.get("maxmemory") or policy', "    if policy or policy"),),
        killed_by=f"{_EVICTION}::test_what_a_full_redis_deletes_changes_no_recipient[allkeys-lru]",
    ),
    Mutant(
        name="Sentinels get the password of the primary",
        file="app/store/engine/sentinel.py",
        edits=(("sentinel_kwargs=shared | address.login_of_sentinels", "sentinel_kwargs=shared | address.login"),),
        killed_by="tests/unit/operating/test_sentinel.py::test_each_server_gets_its_own_login_and_both_get_tls",
    ),
    Mutant(
        name="a server that took over is trusted",
        file="app/store/sending/claims.py",
        edits=(("    if not found[0].server_known:\n", "    if found[0].server_known is None:\n"),),
        killed_by=f"{_FAILOVER}::test_after_a_fail_over_to_a_standby_that_was_behind_nothing_is_sent_twice",
    ),
    Mutant(
        name="a fail-over is remembered and begins no recovery",
        file="app/services/operating/failover.py",
        edits=(("            if begins:\n", "            if begins and move.after is None:\n"),),
        killed_by=f"{_FAILOVER}::test_after_a_fail_over_to_a_standby_that_was_behind_nothing_is_sent_twice",
    ),
    Mutant(
        name="a copy passes for a synchronous standby",
        file="app/services/operating/failover.py",
        edits=(("not (self._loses_nothing and _is_same_system(move))", "not self._loses_nothing"),),
        killed_by=f"{_FAILOVER}::test_a_copy_in_another_system_is_no_fail_over",
    ),
    Mutant(
        name="a standby is read",
        file="app/store/engine/postgres_connections.py",
        edits=(("    _refuse_standbys(engine)\n", ""),),
        killed_by=f"{_FAILOVER}::test_a_standby_is_refused_in_plain_words",
    ),
    Mutant(
        name="a sweep ends one batch of expired emails",
        file="app/services/operating/upkeep.py",
        edits=(("for _ in range(_BATCHES):", "for _ in range(1):"),),
        killed_by=f"{_EXPIRY}::test_all_that_has_expired_ends_in_one_sweep[sqlite]",
    ),
    Mutant(
        name="what a person decides about held email is counted nowhere",
        file="app/services/sending/unconfirmed.py",
        edits=(
            ("            note_moves(connection, moves_of(rows, moved))\n", "            note_moves(connection)\n"),
        ),
        killed_by=f"{_TALLIES}::test_what_a_person_discards_is_counted_as_canceled[sqlite]",
    ),
    Mutant(
        name="a row that was not written is counted",
        file="app/services/isolation.py",
        edits=(
            ("return [row for row in rows if _saved(connection, row)]", "[_saved(connection, row) for row in rows]"),
        ),
        killed_by=f"{_TALLIES}::test_a_row_that_cannot_be_written_is_not_counted[sqlite]",
    ),
    Mutant(
        name="an old email that waits is deleted",
        file="app/store/submission/old_emails.py",
        edits=(("if row.state in WAITING}", "if row.state not in State}"), ("import WAITING", "import State")),
        killed_by=f"{_OLD}::test_an_email_that_has_not_ended_is_kept[sqlite-held]",
    ),
    Mutant(
        name="an email is as old as its id says",
        file="app/store/submission/old_emails.py",
        edits=(("emails.c.created_at < accepted_before, ", ""),),
        killed_by=f"{_OLD}::test_a_younger_email_is_kept[sqlite]",
    ),
    Mutant(
        name="the events behind the list are deleted with their emails",
        file="app/services/operating/retention.py",
        edits=(("keep_events=kept", "keep_events=[]"),),
        killed_by=f"{_OLD}::test_the_list_keeps_its_entries_and_their_evidence[sqlite]",
    ),
    Mutant(
        name="what an archive wrote and did not delete is written again behind it",
        file="app/services/operating/archive/archive.py",
        edits=(("                        parts.pop()\n", "                        parts = parts[:]\n"),),
        killed_by=f"{_ARCHIVE}::test_a_run_that_died_before_its_commit_is_gone_on_with[sqlite]",
    ),
    Mutant(
        name="young emails are archived",
        file="app/services/operating/archive/archive.py",
        edits=(("if before > now - self._youngest:", "if before > now:"),),
        killed_by=f"{_ARCHIVE}::test_a_date_that_is_too_fresh_is_refused[sqlite]",
    ),
    Mutant(
        name="a delivery that ends a row of bounces is deleted",
        file="app/domain/suppression/evidence.py",
        edits=(("return ends_a_row and event.occurred_at == delivered_at", "return False"),),
        killed_by=f"{_OLD}::test_a_delivery_that_ended_a_row_of_bounces_still_ends_it[sqlite]",
    ),
    Mutant(
        name="an event is settled about a recipient that was deleted meanwhile",
        file="app/services/feedback/settle.py",
        edits=(("[one.still_there(rows) for one in read]", "read"),),
        killed_by=f"{_OLD}::test_an_event_that_comes_while_its_email_is_deleted_is_settled",
    ),
    Mutant(
        name="any certificate gets the password of the broker",
        file="app/broker_url.py",
        edits=(
            (
                '{"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True}',
                '{"ssl_cert_reqs": ssl.CERT_NONE, "ssl_check_hostname": False}',
            ),
        ),
        killed_by=f"{_TLS}::test_a_certificate_that_is_not_trusted_gets_no_password",
    ),
    Mutant(
        name="readiness only pings Redis",
        file="app/store/engine/redis_trouble.py",
        edits=(("lambda: redis.set(KEY, 1, px=LASTS_MS)", "redis.ping"),),
        killed_by="tests/integration/operating/troubles/test_redis_trouble.py",
    ),
    Mutant(
        name="an alert is announced again and again",
        file="app/services/operating/alerts/watch.py",
        edits=(
            (
                "if concern not in announced and alerts.open_alert(",
                "if alerts.all_open(connection) or alerts.open_alert(",
            ),
        ),
        killed_by="tests/integration/operating/alerts/test_watch.py"
        "::test_an_incident_is_announced_when_it_opens_and_when_it_closes[sqlite]",
    ),
    Mutant(
        name="statements are prepared behind a pooler",
        file="app/store/engine/database.py",
        edits=(('{"prepare_threshold": None} if pooled', "{} if pooled"),),
        killed_by=f"{_POOLER}::test_no_statement_is_prepared_on_the_server",
    ),
    Mutant(
        name="a role behind a pooler needs no timeouts",
        file="app/store/engine/pooler.py",
        edits=(("if not 0 < setting <= bounds_ms[name]", "if setting < 0"),),
        killed_by=f"{_POOLER}::test_the_refusal_says_what_to_run",
    ),
    Mutant(
        name="a timeout of a role may be any",
        file="app/store/engine/pooler.py",
        edits=(("if not 0 < setting <= bounds_ms[name]", "if setting == 0"),),
        killed_by=f"{_POOLER}::test_a_bound_that_is_longer_than_ours_is_refused_and_a_shorter_one_is_in_force",
    ),
    Mutant(
        name="an archive loses what the sweep deleted after a run that died",
        file="app/store/submission/archived_emails.py",
        edits=(
            (
                "return len(_THERE(connection, email_ids).all()) == len(email_ids)",
                "return _THERE(connection, email_ids).first() is not None",
            ),
        ),
        killed_by=f"{_ARCHIVE}::test_what_the_sweep_deletes_after_a_run_that_died_is_not_lost[sqlite]",
    ),
    Mutant(
        name="an archive takes back what a killed run is about to delete",
        file="app/store/submission/archived_emails.py",
        edits=(("    _LOCK(connection, email_ids)\n", ""),),
        killed_by="tests/integration/operating/archive/test_archive_kills.py::"
        "test_an_archive_that_is_killed_at_any_moment_loses_nothing",
    ),
    Mutant(
        name="nothing says by whom emails were archived until all are",
        file="app/services/operating/archive/archive.py",
        edits=(("if batch.emails and not moved.emails:", "if batch.emails and after is None:"),),
        killed_by=f"{_ARCHIVE}::test_a_run_that_died_before_its_commit_is_gone_on_with[sqlite]",
    ),
    Mutant(
        name="code runs with a database that it cannot bear",
        file="app/domain/operating/revisions.py",
        edits=(("if oldest_code is None or oldest_code in self.contained:", "if oldest_code != self.head:"),),
        killed_by=f"{_REVISIONS}::test_code_runs_with_its_own_revision_and_with_later_ones_that_bear_it",
    ),
    Mutant(
        name="an upgrade promises that old code may go on",
        file="app/domain/operating/upgrade_plan.py",
        edits=(("return not any(one.oldest_code in later for one in steps)", "return bool(later) or not steps"),),
        killed_by=f"{_UPGRADE}::test_old_code_goes_on_unless_a_migration_needs_code_of_a_later_revision",
    ),
    Mutant(
        name="what was observed is counted again with each write",
        file="app/services/timings.py",
        edits=(("counts, self._counts = self._counts, defaultdict(int)", "counts = self._counts"),),
        killed_by="tests/unit/operating/test_histograms.py::test_what_was_taken_is_not_taken_again",
    ),
    Mutant(
        name="what was observed is forgotten while the database is away",
        file="app/services/timings.py",
        edits=(("self._unwritten.update(self._timings.take())", "self._unwritten = self._timings.take()"),),
        killed_by=f"{_TIMINGS}::test_what_could_not_be_written_is_written_later",
    ),
    Mutant(
        name="a scheduled email waits from its acceptance on",
        file="app/services/sending/render.py",
        edits=(("return self._draft.scheduled_at or self._draft.created_at", "return self._draft.created_at"),),
        killed_by=f"{_TIMINGS}::test_a_scheduled_email_waits_from_its_time_on",
    ),
    Mutant(
        name="a replayed event is a late one",
        file="app/services/webhooks/turn.py",
        edits=(("if called.is_taken and due.attempts == due.tries:", "if called.is_taken:"),),
        killed_by=f"{_TIMINGS}::test_an_event_is_timed_until_an_endpoint_takes_it",
    ),
)

OF_THE_SERVER: Final = (
    Mutant(
        name="a thread waits for the rest of a short body",
        file="server/arrival.py",
        edits=(("if self._length <= HELD_LIMIT and len(come) < whole else", "if self._length < 0 else"),),
        killed_by=f"{_LINE}::test_a_request_has_arrived_with_its_last_byte_however_it_is_cut",
    ),
    Mutant(
        name="a client may take its answer for ever",
        file="server/line.py",
        edits=(("if view and time.monotonic() > self._whole(", "if view and 0.0 > self._whole("),),
        killed_by=f"{_LINE}::test_a_request_and_an_answer_have_an_end_as_a_whole",
    ),
    Mutant(
        name="a connection is kept after a request that was refused",
        file="server/exchange.py",
        edits=(("self._refuse(conn.line, error)\n", "return not self._refuse(conn.line, error)\n"),),
        killed_by=f"{_EXCHANGE}::test_a_connection_ends_after_a_request_that_failed[ambiguous]",
    ),
)
