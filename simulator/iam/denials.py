"""What AWS says to a caller who may not do something: which action, on which resource.

https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from simulator.iam.arns import arn_of, caller_arn, ses_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Denials:
    """The words of each service, which spell the action each in their way."""

    region: str
    account_id: str

    def of_ses(self, operation: str, named: Mapping[str, Any]) -> str:
        """`named` is what the path and the body of the request name."""
        sender = str(named.get("FromEmailAddress") or "").rpartition("<")[2].removesuffix(">")
        identity = named.get("EmailIdentity") or sender.rpartition("@")[2]
        resource = str(named.get("ResourceArn") or "*")
        if named.get("ConfigurationSetName") and not identity:
            resource = ses_arn("configuration-set", str(named["ConfigurationSetName"]), self.region, self.account_id)
        elif identity:
            resource = ses_arn("identity", str(identity), self.region, self.account_id)
        if operation in ("SendEmail", "SendBulkEmail"):
            return f"User `{self._caller}' is not authorized to perform `ses:{operation}' on resource `{resource}'"
        return self._denial(f"ses:{operation}", resource)

    def of_sns(self, operation: str, fields: Mapping[str, str]) -> str:
        """`fields` are those of the request."""
        subscription = fields.get("SubscriptionArn", "")
        given = fields.get("TopicArn") or fields.get("ResourceArn") or subscription.rpartition(":")[0]
        resource = given or arn_of("sns", fields.get("Name", "*"), self.region, self.account_id)
        return self._denial(f"SNS:{operation}", resource)

    def of_sqs(self, operation: str, content: Mapping[str, Any]) -> str:
        """`content` is the JSON of the request. A batch needs the permission for its single call."""
        name = content.get("QueueName") or urlsplit(str(content.get("QueueUrl", ""))).path.rpartition("/")[2]
        resource = arn_of("sqs", name, self.region, self.account_id)
        return self._denial(f"sqs:{operation.removesuffix('Batch').lower()}", resource)

    def of_sts(self, operation: str) -> str:
        """STS has no resource for what it is asked here."""
        return self._denial(f"sts:{operation}", "*")

    @property
    def _caller(self) -> str:
        return caller_arn(self.region, self.account_id)

    def _denial(self, action: str, resource: str) -> str:
        what = f"{action} on resource: {resource}"
        return (
            f"User: {self._caller} is not authorized to perform: {what} "
            f"because no identity-based policy allows the {action} action"
        )
