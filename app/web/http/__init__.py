"""The machinery of HTTP: routing, authentication, request bodies, answers, problems and the OpenAPI document."""
