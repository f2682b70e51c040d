"""What `postern doctor` finds out about the gateway itself; the AWS account is checked in `app.aws.setup.checks`."""
