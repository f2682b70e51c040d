"""The network beyond AWS, the database and Redis: today the DNS."""
