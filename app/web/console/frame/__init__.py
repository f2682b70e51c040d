"""What all pages of the console share: who may open them, how they are drawn, what a form and a list are."""
