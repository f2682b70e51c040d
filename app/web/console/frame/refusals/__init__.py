"""The page of a form that was refused, with what was typed and what is wrong."""
