"""The web pages: what a browser sees, and nothing of the rules."""
