"""What the tests start."""
