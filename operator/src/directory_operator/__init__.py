"""The operator: watches DirectoryTenant and DirectoryPlatform objects and keeps what they ask for true."""
