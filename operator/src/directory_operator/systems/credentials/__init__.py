"""The tenant's Secret: every password and key, stored before any backend learns of it."""
