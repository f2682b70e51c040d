"""The documentation of the API: the OpenAPI document, built from the routes, and the pages that show it."""
