"""Years of history by SQL: millions of emails, recipients, attempts, notifications, events and entries of the list.

The rows are spread as in production: ninety days of emails, most of them delivered, of five applications of very
different size; values that are rare for a filter are rare here too. It is fast because it bypasses Postern and the
foreign keys, and builds the indexes once the tables are full. It is only for PostgreSQL, whose plans depend on size.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg

TABLES: Final = (
    "emails",
    "recipients",
    "attempts",
    "notifications",
    "events",
    "idempotency_keys",
    "audit",
    "suppressions",
    "suppression_events",
    "ses_suppressions",
    "webhook_messages",
    "webhook_deliveries",
    "webhook_attempts",
    "outcome_links",
    "user_sessions",
    "sign_in_links",
    "sign_in_failures",
    "hourly_counts",
    "daily_counts",
)
"""The tables that grow with every email or every person: no statement may scan one of them."""

HOOKS: Final = {f"app-{n}": f"01800000-0000-7000-8000-0000000000e{n}" for n in range(1, 6)}
"""The endpoint of each application."""

ROLE_ADDRESS: Final = "office@role.example.net"
"""An address that got one email in fifty."""

_FUNCTIONS: Final = """
create function pg_temp.at(n bigint, total bigint) returns timestamptz language sql stable
    return now() - interval '90 days' + (n::double precision / total) * interval '90 days';
create function pg_temp.id_of(at timestamptz, n bigint) returns uuid language sql stable
    return (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000'
        || lpad(to_hex(n), 12, '0'))::uuid;
create function pg_temp.app_of(n bigint) returns uuid language sql stable
    return ('01800000-0000-7000-8000-00000000000' || case when n % 1000 < 900 then 1 when n % 1000 < 960 then 2
        when n % 1000 < 990 then 3 when n % 1000 < 999 then 4 else 5 end)::uuid;
create function pg_temp.key_of(n bigint) returns text language sql stable
    return case when n % 50 = 7 then 'office@role.example.net'
                else 'person.' || (n % 400000) || '@mail' || (n % 5000) || '.example.net' end;
"""

# The times of history, and the id and address of the email at each: made once, used by every table.
_MOMENTS: Final = """
create temp table moments as
select n, at, pg_temp.id_of(at, n) as id, pg_temp.key_of(n) as key, pg_temp.app_of(n) as app_id
from generate_series(1, %(total)s::bigint) as n, pg_temp.at(n, %(total)s) as at
"""
_FILL: Final = {
    "emails": """
insert into emails (id, app_id, stream, lane, sender, reply_to, subject, headers, tags, actor, reference,
                    supersedes, request_id, sealed_body, sealed_key, on_unconfirmed, expires_at,
                    created_at)
select id, app_id, case when n %% 10000 = 5 then 'rare' else 'default' end, 'bulk',
    'invites@example.com', '[]', case when fresh then 'You are invited' end, '[]',
    case when n %% 3 = 0 then '{}'::jsonb else jsonb_build_object('campaign', 'c' || n * 200 / %(total)s,
        'user', (n %% 100000)::text) end,
    case when n %% 10 = 1 then 'importer' when n %% 4 = 0 then 'team' when n %% 10 > 4 then 'inviter-' || n %% 20000
        when n %% 4 = 1 then 'user-' || n %% 5000 end,
    case when n %% 10 = 1 then 'campaign' when n %% 10 > 4 then 'invitation-' || n
        when n %% 4 < 2 then 'invitation-' || n %% 100000 end,
    case when n %% 100 = 3 then 'daily' when n %% 10 > 4 then 'status-' || n %% 50000 end,
    ('01800000-0000-7000-8000-' || lpad((n / 10)::text, 12, '0'))::uuid,
    case when fresh then '\\x00'::bytea end, case when fresh then '\\x00'::bytea end, 'resend',
    case when n > %(total)s - 3000 then now() + interval '1 day' end, at
from moments, lateral (select n > %(total)s * 89 / 90 or n <= 1000 as fresh) as body
""",
    "recipients": """
insert into recipients (id, email_id, app_id, lane, scope, sender_domain, position, kind, address, key, pseudonym,
                        mailbox_provider, state, cause, due_at, expires_at, attempts, lease_token, lease_until,
                        ses_message_id, unconfirmed_since, opened_at, clicked_at, created_at, updated_at)
select id, id, app_id, 'bulk', 'app/default', 'example.com', 0, 'to', key, key, '',
    case when n %% 3 = 0 then 'gmail' when n %% 5000 = 7 then 'orange' else 'other' end, state,
    case when state = 'bounced' then case n %% 20000 when 945 then 'mailbox_full' else 'mailbox_gone' end end,
    case when state in ('queued', 'scheduled', 'retry_wait') then now() + interval '1 hour' else at end,
    case when n > %(total)s - 3000 then now() + (n %% 7 - 1) * interval '1 hour' end, 1,
    case when state = 'sending' then id end, case when state = 'sending' then now() - interval '1 minute' end,
    case when state in ('sent', 'delivered', 'bounced', 'complained') then 'ses-' || n end,
    case when state = 'unconfirmed' then now() - interval '1 hour' end,
    case when n %% 2000 = 11 then at end, case when n %% 8000 = 11 then at end, at, at
from moments, lateral (select case
        when n > %(total)s - 3000 then
            (array['queued', 'scheduled', 'retry_wait', 'held', 'unconfirmed', 'sending'])[n %% 6 + 1]
        when n %% 1000 < 945 then 'delivered' when n %% 1000 < 975 then 'bounced' when n %% 1000 < 990 then 'sent'
        when n %% 1000 < 994 then 'suppressed' when n %% 1000 < 997 then 'failed' when n %% 1000 < 998 then 'expired'
        when n %% 1000 < 999 then 'canceled' else 'complained' end as state) as one
""",
    "attempts": """
insert into attempts (id, recipient_id, number, outcome, evidence, ses_message_id, started_at, ended_at)
select id, id, 1, case when n > %(total)s - 3000 then 'unknown' else 'accepted' end,
    case when n > %(total)s - 3000 then null else 'response' end, 'ses-' || n, at, at
from moments where n <= %(total)s - 3000 or n %% 6 > 3
""",
    "notifications": """
insert into notifications (id, sns_message_id, topic_arn, kind, raw, state, note, tries, due_at, published_at,
                           received_at, processed_at)
select id, 'sns-' || n, 'arn:aws:sns:us-east-1:123456789012:postern-feedback', 'Notification',
    '{"eventType":"Delivery","mail":{"destination":["' || key || '"],"messageId":"ses-' || n || '"}}',
    case when n <= %(total)s - 2000 then 'processed' else (array['parked', 'quarantined'])[n %% 2 + 1] end,
    case when n > %(total)s - 2000 then 'waits for ses-' || n end, 0,
    case when n > %(total)s - 2000 then now() + interval '1 day' else at end, at,
    at - case when n <= 1000 then interval '2 days' else interval '0' end, at
from moments
""",
    "events": """
insert into events (id, feedback_id, recipient_id, ses_message_id, type, address, key, domain, dedup, occurred_at,
                    mail_sent_at, counts_against, detail, effect, data, recorded_at)
select id, id, id, 'ses-' || n, case when n %% 1000 between 945 and 974 then 'bounce' else 'delivery' end, key, key,
    substr(key, position('@' in key) + 1), n::text, at, at, n %% 997 = 0, 'Delivered.', '', '{}', at
from moments
""",
    "idempotency_keys": """
insert into idempotency_keys (app_id, key, fingerprint, answer, expires_at)
select (select id from apps order by id limit 1), 'invite-' || n, '\\x00', jsonb_build_object('id', n),
    now() + case when n <= 1000 then interval '-1 minute' else n * interval '1 second' end
from generate_series(1, %(total)s::bigint / 5) as n
""",
    "audit": """
insert into audit (id, at, actor, action, key, reason, data)
select id, at, 'operator', 'suppress', key, 'Asked.', '{}' from moments where n %% 5 = 0
""",
    "suppressions": """
insert into suppressions (id, key, scope, address, origin, reason, source, created_at, expires_at, removed_at,
                          removed_by, removal_reason, ses_removal)
select pg_temp.id_of(at, n), key, scope, key,
    case when n %% 20000 = 3 then 'unsubscribe' when n %% 50 = 0 then 'complaint' else 'bounce' end, 'Gone.', '{}', at,
    case when n %% 40 = 1 then at + interval '91 days'
        when n > %(total)s / 2 - 300 then now() - interval '1 second' end,
    case when n %% 4 = 0 then at end, case when n %% 4 = 0 then 'operator' end, case when n %% 4 = 0 then 'Asked.' end,
    case when n %% 4 = 0 then case when n > %(total)s / 2 - 300 then 'pending' else 'done' end end
from generate_series(1, %(total)s::bigint / 2) as n, pg_temp.at(n * 2, %(total)s) as at,
    lateral (select 'listed.' || n || '@mail' || (n %% 5000) || '.example.net' as key,
        case when n %% 20000 = 3 then 'app-5' when n %% 10 = 0 then 'app-1/default' else '*' end as scope) as one
""",
    "suppression_events": """
insert into suppression_events (id, suppression_id, type, scope, origin, actor, reason, at)
select pg_temp.id_of(at, n), pg_temp.id_of(at, n), 'added', '*', 'bounce', 'postern', 'Gone.', at
from generate_series(1, %(total)s::bigint / 2) as n, pg_temp.at(n * 2, %(total)s) as at
""",
    "ses_suppressions": """
insert into ses_suppressions (address, key, reason, updated_at, seen_at)
select key, key, 'BOUNCE', at, at from generate_series(1, %(total)s::bigint / 5) as n,
    pg_temp.at(n * 5, %(total)s) as at,
    lateral (select 'listed.' || n || '@mail' || (n %% 5000) || '.example.net' as key) as one
""",
    "webhook_endpoints": """
insert into webhook_endpoints (id, app_id, url, events, due_at, created_at)
select ('01800000-0000-7000-8000-0000000000e' || n)::uuid, ('01800000-0000-7000-8000-00000000000' || n)::uuid,
    'https://hooks.example.org/', '["email.sent", "email.bounced"]',
    now() + case when n = 2 then interval '1 hour' else interval '0' end, now()
from generate_series(1, 5) as n
""",
    "webhook_messages": """
insert into webhook_messages (id, app_id, type, email_id, recipient_id, sequence, facts, occurred_at)
select id, app_id, 'email.sent', id, id, 1, '{}', at from moments
""",
    "webhook_deliveries": """
insert into webhook_deliveries (id, endpoint_id, message_id, about_id, state, due_at, attempts, created_at, ended_at)
select id, ('01800000-0000-7000-8000-0000000000e' || right(app_id::text, 1))::uuid, id, id,
    case when n %% 5000 = 7 then 'failed' when n %% 1000 between 900 and 959 then 'waiting' else 'delivered' end,
    at, 1, at, at
from moments
""",
    "webhook_attempts": """
insert into webhook_attempts (id, delivery_id, number, outcome, status, detail, response, milliseconds, at)
select id, id, 1, 'accepted', 200, 'It answered 200.', 'ok', 12, at from moments
""",
    "outcome_links": """
insert into outcome_links (id, app_id, kind, value, masked, created_by, created_at, expires_at)
select id, app_id, 'actor', 'user-' || n, false, 'key:none', at, at + interval '30 days' from moments where n %% 5 = 0
""",
    "user_sessions": """
insert into user_sessions (id, token_hash, user_id, user_agent, created_at, seen_at, ends_at)
select moments.id, sha256(n::text::bytea), users.id, 'Firefox', at, at,
    case when n %% 1000 = 7 then at else now() + interval '12 hours' end
from moments join users on users.name = 'person-' || n %% 2000
""",
    "sign_in_links": """
insert into sign_in_links (token_hash, user_id, replaces_password, expires_at)
select token_hash, user_id, true, ends_at from user_sessions
""",
    "sign_in_failures": """
insert into sign_in_failures (name_key, failures, last_at)
select sha256(n::text::bytea), 1, case when n %% 1000 = 7 then at else now() end from moments
""",
    "hourly_counts": """
insert into hourly_counts (app_id, hour, stream, mailbox_provider, what, number)
select app.id, hour, 'stream-' || stream, 'provider-' || provider, what, 1 from apps as app,
    generate_series(date_trunc('day', now()) - interval '8 days', now(), interval '1 hour') as hour,
    generate_series(1, 4) as stream, generate_series(1, 10) as provider, unnest(%(counted)s::text[]) as what
order by hour
""",
    "daily_counts": """
insert into daily_counts (app_id, day, stream, mailbox_provider, what, number)
select app.id, day, 'stream-' || stream, 'provider-' || provider, what, 1 from apps as app,
    generate_series(date_trunc('day', now()) - interval '400 days', now(), interval '1 day') as day,
    generate_series(1, 4) as stream, generate_series(1, 10) as provider, unnest(%(counted)s::text[]) as what
order by day
""",
}
_COUNTED: Final = ["accepted", "sent", "delivered", "bounced", "hard_bounced", "opened"]
_APPS: Final = """
insert into apps (id, name, senders, default_lane, created_at)
select ('01800000-0000-7000-8000-00000000000' || n)::uuid, 'app-' || n, '["@example.com"]', 'bulk', now()
from generate_series(1, 5) as n
"""
_USERS: Final = """
insert into users (id, name, role, created_at)
select gen_random_uuid(), 'person-' || n, case n when 7 then 'admin' else 'viewer' end, now()
from generate_series(0, 1999) as n
"""
_SECONDARY: Final = """
select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename = any(%(tables)s)
"""


def fill(database_url: str, *, emails: int) -> None:
    """Fill an empty, migrated PostgreSQL with `emails` emails and the rows that belong to them."""
    with psycopg.connect(re.sub(r"^postgresql\+psycopg", "postgresql", database_url), autocommit=True) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set synchronous_commit = off")
        connection.execute("set maintenance_work_mem = '256MB'")
        connection.execute(_APPS)
        connection.execute(_USERS)
        connection.execute(_FUNCTIONS)
        connection.execute(_MOMENTS, {"total": emails})
        with _without_indexes(connection):
            for statement in _FILL.values():
                connection.execute(statement.encode(), {"total": emails, "counted": _COUNTED})
        connection.execute(f"vacuum (analyze) {', '.join(TABLES)}".encode())


@contextmanager
def _without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Drop every index that no constraint needs, while the block lasts."""
    found = connection.execute(_SECONDARY, {"tables": list(TABLES)}).fetchall()
    indexes = [(name, made) for name, made in found if name.startswith(("ix_", "uq_suppressions"))]
    for name, _ in indexes:
        connection.execute(f'drop index "{name}"'.encode())
    yield
    for _, made in indexes:
        connection.execute(made.encode())
