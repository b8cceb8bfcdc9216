"""How properties are tested here: always with the same examples, and so few that it stays fast.
`fuzz` tries many more."""

from hypothesis import settings

bounded = settings(derandomize=True, max_examples=150, deadline=None, database=None)
