"""OneDrive as a drive."""
