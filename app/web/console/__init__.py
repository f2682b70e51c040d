"""The console: pages for people who operate, support and administer, over the services that the API uses."""
