"""The SES door: SendEmail and its neighbours of Amazon SES, for applications that call SES through an AWS SDK.

It decides how a request of SES is read and how an answer of SES is written. Which email is accepted, and which address
is suppressed, is decided by the same services as for `/v1`.
"""
