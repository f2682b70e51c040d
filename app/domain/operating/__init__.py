"""What the problems of a gateway mean, and what a person does about each."""
