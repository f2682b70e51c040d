"""Why an address gets no email: the question, the layers that answer it, and the conclusion."""
