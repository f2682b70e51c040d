"""How the AWS account's suppression list compares with ours."""
