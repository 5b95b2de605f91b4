"""What a DirectoryPlatform offers, and keeping the platform itself ready for tenants."""
