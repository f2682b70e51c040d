"""The pages of the console about the AWS account."""
