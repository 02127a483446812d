"""iCloud Drive as a drive."""
