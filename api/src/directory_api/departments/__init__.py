"""Departments: the tree that people belong to."""
