"""The platform on one machine: its processes, their binaries, certificates and secrets, and the commands around them.

Used by `make up` and by the tests, which start the same parts on free ports in a folder of their own.
"""
