"""The runner: beside the engine of a node, it runs what the controller hands it."""
