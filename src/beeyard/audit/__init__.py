"""The audit log: what an entry is, whether the log is as it was written, and its head in S3."""
