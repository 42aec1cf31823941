"""The Kubernetes API server, through one client: watches, writes and the lease."""
