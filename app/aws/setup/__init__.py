"""The AWS side of a gateway: its topic, configuration set and event destination, made and looked over."""
