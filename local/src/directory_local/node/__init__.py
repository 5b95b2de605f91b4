"""A real single-node Kubernetes with real pods, in network and mount namespaces of its own."""
