"""canaryd: a progressive-delivery controller for Kubernetes and Istio."""
