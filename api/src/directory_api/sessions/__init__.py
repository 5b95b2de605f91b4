"""Signing in: passwords, access tokens, refresh token families, and who the caller is."""
