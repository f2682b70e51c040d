"""All pages of the console."""

from typing import Final

from app.web.console.account.account import console_account
from app.web.console.apps.app import console_app
from app.web.console.apps.apps import console_apps
from app.web.console.apps.budgets import console_budgets
from app.web.console.apps.keys import console_keys
from app.web.console.apps.streams import console_streams
from app.web.console.feedback.notifications import console_notifications
from app.web.console.frame.assets import console_assets
from app.web.console.frame.pages import Pages
from app.web.console.operating.audit import console_audit
from app.web.console.operating.front_page import front_page
from app.web.console.operating.incidents import console_incidents
from app.web.console.reporting.outcome_links import console_outcome_links
from app.web.console.reporting.outcomes import console_outcomes
from app.web.console.reporting.overview import overview
from app.web.console.sending.held import console_held
from app.web.console.sending.lanes import console_lanes
from app.web.console.submission.email import console_email
from app.web.console.submission.email_content import console_email_content
from app.web.console.submission.emails import console_emails
from app.web.console.submission.find import find
from app.web.console.suppression.address import console_address
from app.web.console.suppression.files import console_files
from app.web.console.suppression.reviews import console_reviews
from app.web.console.suppression.suppressions import console_suppressions
from app.web.console.users.openid import openid
from app.web.console.users.own_account import own_account
from app.web.console.users.sign_in import sign_in
from app.web.console.users.users import console_users
from app.web.console.webhooks.deliveries import console_deliveries
from app.web.console.webhooks.endpoint import console_endpoint
from app.web.console.webhooks.failed_deliveries import console_failed_deliveries

CONSOLE: Final[tuple[Pages, ...]] = (
    console_assets,
    front_page,
    sign_in,
    openid,
    own_account,
    overview,
    find,
    console_emails,
    console_email,
    console_email_content,
    console_outcomes,
    console_outcome_links,
    console_held,
    console_lanes,
    console_suppressions,
    console_address,
    console_reviews,
    console_files,
    console_apps,
    console_app,
    console_keys,
    console_budgets,
    console_streams,
    console_failed_deliveries,
    console_endpoint,
    console_deliveries,
    console_incidents,
    console_notifications,
    console_account,
    console_audit,
    console_users,
)
