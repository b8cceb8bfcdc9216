"""TimeOff: leave management for a small company."""
