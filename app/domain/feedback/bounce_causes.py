"""The causes of a bounce: what it is evidence of, and what each means in plain words.

`app.domain.feedback.bounce_reader` decides which one it is, `app.domain.suppression.rules` what follows for the address
and `app.domain.feedback.delivery_events` what becomes of the email.
"""

from enum import StrEnum


class BounceCause(StrEnum):
    """Where the fault lies, as far as the bounce can show it."""

    MAILBOX_GONE = "mailbox_gone"
    DOMAIN_GONE = "domain_gone"
    MAILBOX_FULL = "mailbox_full"
    MAILBOX_BUSY = "mailbox_busy"
    REFUSED_UNCLEAR = "refused_unclear"
    RECIPIENT_RULE = "recipient_rule"
    SES_LIST = "ses_list"
    SES_GLOBAL_LIST = "ses_global_list"
    OPTED_OUT = "opted_out"
    OUR_FAULT = "our_fault"
    OUR_RATE = "our_rate"
    SPAM_VERDICT = "spam_verdict"
    RELAY_DENIED = "relay_denied"
    PROVIDER_TROUBLE = "provider_trouble"
    PASSING = "passing"
    THIS_MESSAGE = "this_message"
    AUTO_REPLY = "auto_reply"
    STILL_TRYING = "still_trying"
    NOT_ATTEMPTED = "not_attempted"
    UNDETERMINED = "undetermined"
    UNKNOWN = "unknown"


IN_PLAIN_WORDS = {
    BounceCause.MAILBOX_GONE: "The mailbox does not exist or refuses all mail.",
    BounceCause.DOMAIN_GONE: "There is no such domain, or it takes no email; that counts towards a pause.",
    BounceCause.MAILBOX_FULL: "The mailbox is full; that counts towards a pause and does not suppress by itself.",
    BounceCause.MAILBOX_BUSY: "The mailbox takes no more email at the moment; that counts towards a pause.",
    BounceCause.REFUSED_UNCLEAR: "The server refused the email for good, and its reply does not say why.",
    BounceCause.RECIPIENT_RULE: "A rule of the recipient or its organisation refuses it; that counts towards a pause.",
    BounceCause.SES_LIST: "The address is on the suppression list of the SES account; SES did not try to deliver.",
    BounceCause.SES_GLOBAL_LIST: "SES did not try: an email of another sender bounced. SES forgets it within 14 days.",
    BounceCause.OPTED_OUT: "The person opted out of this list at SES; SES did not try to deliver.",
    BounceCause.OUR_FAULT: "The receiving server refused us for policy or reputation; the address is not to blame.",
    BounceCause.OUR_RATE: "The receiving server takes email from us or from SES more slowly; no address is to blame.",
    BounceCause.SPAM_VERDICT: "A filter of the receiving server took the email for spam; the address is not to blame.",
    BounceCause.RELAY_DENIED: "The server does not take email for this domain; that counts towards a pause.",
    BounceCause.PROVIDER_TROUBLE: "The receiving server was in trouble or out of reach; it counts towards a pause.",
    BounceCause.PASSING: "A passing failure; it counts towards a pause and does not suppress by itself.",
    BounceCause.THIS_MESSAGE: "The message was refused for its size or content; the address is not to blame.",
    BounceCause.AUTO_REPLY: "An automatic reply, such as out of office.",
    BounceCause.STILL_TRYING: "The delivery is delayed, not failed.",
    BounceCause.NOT_ATTEMPTED: "SES's own address validation stopped the email; no mailbox refused it.",
    BounceCause.UNDETERMINED: "SES could not determine the reason of the bounce; it suppresses no address.",
    BounceCause.UNKNOWN: "A bounce of a type that this version does not know; it suppresses no address.",
}
