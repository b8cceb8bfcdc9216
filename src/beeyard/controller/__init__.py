"""The controller: pipelines, their API and the git remote, as a service of the cluster."""
