"""What a cluster needs besides nodes, each from the Go module of its project: programs from source, manifests from the
module, changed here for images of our own and one small node.
"""
