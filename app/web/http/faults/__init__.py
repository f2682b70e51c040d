"""The faults of a request: what pydantic finds, as pointers, codes and sentences of ours."""
