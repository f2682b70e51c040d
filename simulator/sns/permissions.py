"""Whether SES may publish to a topic.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
"""

from simulator.iam.policies import Wish, allows
from simulator.sns.topics import Topic


def ses_may_publish(topic: Topic, *, account_id: str, source_arn: str) -> bool:
    """Return whether SES may publish for a configuration set or identity; a topic without a policy lets it."""
    policy = topic.attributes.get("Policy")
    if policy is None:
        return True
    context = {"aws:SourceAccount": account_id, "aws:SourceArn": source_arn}
    wish = Wish(service="ses.amazonaws.com", action="SNS:Publish", resource=topic.arn, context=context)
    return allows(policy, wish)
