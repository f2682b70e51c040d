"""What a benchmark stands on: databases, processes, and a stand-in for SES."""
