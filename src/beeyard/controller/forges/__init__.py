"""Forges (GitHub, Gitea, Forgejo, GitLab): their webhooks in, and commit statuses out."""
