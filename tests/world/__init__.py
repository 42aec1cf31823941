"""The test world: a real Kubernetes API, Envoy and Prometheus without containers. See README.md."""
