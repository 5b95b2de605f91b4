"""The images of this project, and of what its local cluster runs, as archives that containerd imports: made by buildah
from the build files in the checkout, kept in the cache and named by what they are made of.
"""
