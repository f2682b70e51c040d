"""The AWS account: the comparison of its suppression list with ours."""
