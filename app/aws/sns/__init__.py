"""What SNS sends: envelopes, signatures, certificates, topics, and the confirmation of subscriptions."""
