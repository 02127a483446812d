"""Google Drive as a drive."""
