"""One file to a highly available Docker Swarm on AWS, rehearsed for real on one machine."""

__version__ = "0.1.0"
