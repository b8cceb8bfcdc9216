"""The image of the controller and its runners: a runtime that seldom changes, beeyard on top."""
