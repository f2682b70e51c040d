"""The resources of a gateway at AWS: which there have to be, and what differs from them."""
