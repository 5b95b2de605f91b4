"""The only code that the operator and the API both import: names, environment, claims, schema version.

Standard library only, no I/O: whatever is agreed between the two sides is written here once.
"""
