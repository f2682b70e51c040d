"""What the pages about suppressions call things, for people who know no SMTP."""

from typing import Final

from app.domain.suppression.files.rows import RowVerdict
from app.domain.suppression.rules import Change, Origin
from app.services.suppression.browse import Part
from app.services.suppression.explanation.layer import LayerName, LayerVerdict

ORIGINS: Final = {
    Origin.BOUNCE: "Bounced",
    Origin.COMPLAINT: "Reported as spam",
    Origin.UNSUBSCRIBE: "Unsubscribed",
    Origin.MANUAL: "Added by hand",
    Origin.SES_ACCOUNT: "On SES's list",
    Origin.ERASURE: "Asked to be forgotten",
}

PARTS: Final = {
    Part.LIVE: "Suppressed now",
    Part.REVIEW: "Waiting for a review",
    Part.EXPIRING: "Ending by themselves",
    Part.PAST: "Over",
}

LAYERS: Final = {
    LayerName.LIST: "The address",
    LayerName.DOMAIN: "Its whole domain",
    LayerName.REVIEW: "A review of many bounces",
    LayerName.SES_ACCOUNT: "SES's list of this account",
    LayerName.SES_GLOBAL: "SES's list for all its customers",
    LayerName.SOFT_BOUNCES: "Passing failures",
    LayerName.SENDING: "Sending here",
    LayerName.LAST_EMAILS: "The last emails",
}

VERDICTS: Final = {
    LayerVerdict.BLOCKS: ("bad", "stops email"),
    LayerVerdict.DELAYS: ("warn", "delays email"),
    LayerVerdict.WARNS: ("warn", "warning"),
    LayerVerdict.CLEAR: ("good", "no objection"),
    LayerVerdict.UNKNOWN: ("unsure", "not known"),
}

CHANGES: Final = {
    Change.ADDED: "suppressed",
    Change.REPLACED: "suppressed for another reason",
    Change.PROLONGED: "given another end",
    Change.COVERED: "unsubscribed as well",
    Change.WITHDRAWN: "unsubscription taken back",
    Change.REVIEW: "put under review",
    Change.CONFIRMED: "confirmed in a review",
    Change.REMOVED: "unsuppressed",
    Change.RESTORED: "suppressed again: the removal was undone",
    Change.EXPIRED: "ended by itself",
}

ROWS: Final = {
    RowVerdict.ADDED: ("good", "added", "The address is new on the list."),
    RowVerdict.REPLACED: ("good", "replaces", "It takes the place of a weaker or shorter entry."),
    RowVerdict.KEPT: ("unsure", "on the list already", "An entry that says as much is there."),
    RowVerdict.REMOVED_SINCE: ("unsure", "unsuppressed since", "A person took it off after the time of the row."),
    RowVerdict.OVER: ("unsure", "over", "The entry has ended already."),
    RowVerdict.REFUSED: ("bad", "refused", "The row breaks a rule."),
}
