"""What each kind of incident means, and what a person does about it.

Texts between backticks are commands, settings and the like. docs/operations.md has the same sentences, with links.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind: what happened, and what to do."""

    happened: str
    todo: str


KINDS: Final[Mapping[str, Kind]] = {
    "refused_for_policy": Kind(
        happened=(
            "Its server refuses us: for policy, reputation or our DNS. The address is not blamed; `detail` has the "
            "server's last reply and the page of the provider for senders. It closes by itself when the provider "
            "delivers again."
        ),
        todo="Mend what it names (SPF, DKIM, DMARC, a block list), or ask its postmaster.",
    ),
    "webhook_disabled": Kind(
        happened=(
            "An endpoint answered 410, or took no event in five days: it gets no new events, and what waited is kept."
        ),
        todo="Find out with `./postern webhook deliveries`, then `./postern webhook enable`.",
    ),
    "webhook_unsigned": Kind(
        happened="The secret that signs for an endpoint cannot be opened, so nothing is sent to it.",
        todo="Put the missing key back into `SECRET_KEYS`, or give the endpoint a new secret.",
    ),
    "app_budget": Kind(
        happened=(
            "Its emails bounce or are complained about beyond the first line of its budget. It closes by itself below "
            "the line."
        ),
        todo="Find the list that it sends to, before the second line pauses it.",
    ),
    "app_paused": Kind(
        happened=(
            "The second line: the lanes that its budget names are paused, usually the bulk lane. It closes with the "
            "resume."
        ),
        todo="Mend the list, then `./postern app resume NAME --reason WHY`.",
    ),
    "account_reputation": Kind(
        happened=(
            "All applications together come near to the lines of AWS, or are beyond those at which AWS reviews an "
            "account. It closes by itself."
        ),
        todo="`./postern stats` by application; pause what bounces.",
    ),
    "mass_bounces": Kind(
        happened=(
            "Many of its addresses, most of its email, bounced within minutes: its server is the more likely cause. The"
            " addresses wait suppressed."
        ),
        todo="Find out, and decide: `./postern suppressions review`.",
    ),
    "feedback_unsubscribed": Kind(
        happened=(
            "The subscription of this gateway was ended: no bounce and no complaint arrives, and no `unconfirmed` email"
            " is settled."
        ),
        todo=("Subscribe again; CloudTrail's `Unsubscribe` names the caller; bring back what an archive holds since."),
    ),
    "ses_list_shrunk": Kind(
        happened=(
            "So many addresses had left the suppression list of the SES account at once that none was unsuppressed "
            "here. SES erases the list some time after an account was paused; or the credentials are those of another "
            "account."
        ),
        todo=(
            "Look at the account. If it is right: `./postern suppressions sync --direction pull --full "
            "--accept-departures`."
        ),
    ),
    "database_moved": Kind(
        happened=(
            "PostgreSQL failed over, or the database is a copy in another system; a recovery has begun, and nothing is "
            "sent."
        ),
        todo="End it when it may.",
    ),
    "ses_answer_unknown": Kind(
        happened=(
            "SES refused emails in words that this version does not know. Each is tried `MAX_ATTEMPTS` times, and then "
            "`held`."
        ),
        todo=(
            "`detail` has the words. If they are about the account, mend that; report them; resend or discard what is "
            "held."
        ),
    ),
    "ses_sandbox": Kind(
        happened=(
            "The account is in the sandbox, and recipients are not verified. Their email is `held` after `MAX_ATTEMPTS`"
            " tries."
        ),
        todo="Leave the sandbox, or verify them; then resend.",
    ),
    "render_failed": Kind(
        happened="Emails could not be rendered; each is `held` after `MAX_ATTEMPTS` tries, and other email goes on.",
        todo="The log event `render_failed` has the place. Report it; after the upgrade that mends it, resend.",
    ),
    "body_unreadable": Kind(
        happened=(
            "Bodies do not open: they were altered, or erased. Their email is `held` after `MAX_ATTEMPTS` tries."
        ),
        todo="Look for a backup that has them, or discard.",
    ),
    "sealing_key_missing": Kind(
        happened=(
            "A worker lacks the key of some emails, which `detail` names by its id; they wait, and the circuit `keys` "
            "is open while the worker can open none."
        ),
        todo="Put it back and restart the workers.",
    ),
    "unsubscribe_link_missing": Kind(
        happened=(
            "No link can be made for the emails of the stream, since `PUBLIC_URL` is not fit; they wait, by the circuit"
            " of the stream."
        ),
        todo="Set `PUBLIC_URL` and restart the workers.",
    ),
    "poison_row": Kind(
        happened=(
            "A sweep cannot save this row. It stays unchanged, and all others go on; each further try adds to the "
            "count."
        ),
        todo=(
            "The log event `poison_row` has the type and the place of the error, the database's own log its words. "
            "Report both."
        ),
    ),
    "canary_missing": Kind(
        happened=(
            "The canary has not come back, as often as `count` says. Bounces may not arrive. It closes by itself when "
            "one comes back."
        ),
        todo="The detail says where it stopped; `./postern doctor --live` looks for the fault.",
    ),
    "smtp_door_closed": Kind(
        happened=(
            "No SMTP door was seen for two minutes, and one was open before. Its clients keep their email and try "
            "again. It closes by itself when a door opens."
        ),
        todo="Start `./postern smtp`; its log says why it ended.",
    ),
    "feedback_silent": Kind(
        happened=(
            "SES took twenty emails half an hour ago, or three six hours ago, and no notification has arrived since. It"
            " closes by itself when one arrives."
        ),
        todo="`./postern doctor --live` looks for the fault: the subscription, the topic, a proxy, the queue.",
    ),
    "feedback_refused": Kind(
        happened=(
            "Three notifications or more within ten minutes that named this topic of ours were refused for good, and "
            "SNS has dropped them. Counted once a minute at most for each process."
        ),
        todo=(
            "The detail has the last reason. `forged`: a stranger posts in the name of our topic, and nothing is lost. "
            "`raw_delivery`: turn it off. Else report it."
        ),
    ),
    "feedback_doubted": Kind(
        happened="The same, for what may be a fault of our own: answered 503, and SNS tries again for an hour.",
        todo="Mend what the reason names, then bring back what is in the dead-letter queue.",
    ),
    "queue_message_refused": Kind(
        happened=(
            "Messages of this queue are not from AWS for a topic of ours, or made Postern fail five times. They are "
            "kept aside and deleted from the queue; nothing followed from them."
        ),
        todo=(
            "`./postern feedback refused` shows them, and `--retry` has them judged again once a setting is mended. "
            "`raw_delivery`: turn it off for the subscription. Else find out who may write to the queue; report what "
            "`crashed`."
        ),
    ),
    "queue_message_waits": Kind(
        happened=(
            "Messages of this queue came three times or more and cannot be stored now. They stay in it. Noted once a "
            "minute at most for each process."
        ),
        todo="Mend what the reason names: they are tried again by themselves.",
    ),
    "queue_not_polled": Kind(
        happened="SQS has refused or not been reached five times in a row.",
        todo="The detail has SQS's code: look at the permissions, the URL of the queue and the network.",
    ),
    "foreign_account": Kind(
        happened="Events name it, and it sends none of our email: they are set aside, and no address is suppressed.",
        todo="Check who may publish to the topic. If it is yours: `FEEDBACK_ACCOUNTS`, then retry them.",
    ),
    "foreign_configuration_set": Kind(
        happened=(
            "Events of our account name another set than ours. Events about our email count, others are set aside."
        ),
        todo="Give the other sender a topic of its own, or name the set in `FEEDBACK_CONFIGURATION_SETS`.",
    ),
    "unreadable_notification": Kind(
        happened="A notification of AWS that this version cannot read in full; it is set aside.",
        todo="Look at it (`./postern feedback`), report its form; after an upgrade retry it.",
    ),
    "sweep_skipped": Kind(
        happened="A sweep failed at this item. It stays unchanged and is tried again at each turn; all others go on.",
        todo="The log event `sweep_skipped` has the type and the place of the error. Report it.",
    ),
    "poison_notification": Kind(
        happened="Notifications broke their reader five times by it and are set aside; all others go on.",
        todo="The log event `notification_failed` has the place. Report it; then retry them.",
    ),
}
_UNKNOWN: Final = Kind(
    happened="This version does not know this kind of incident.",
    todo="The detail says what happened; docs/operations.md of the version that noted it says what to do.",
)


def kind_of(name: str) -> Kind:
    """The kind of this name; one that says so if another version has noted it."""
    return KINDS.get(name, _UNKNOWN)
