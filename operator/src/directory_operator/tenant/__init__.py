"""What a DirectoryTenant asks for, as frozen data."""
