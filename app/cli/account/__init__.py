"""Commands of the AWS account."""
