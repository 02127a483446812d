"""Google Drive as a drive: ``drive.py`` has the calls, the other modules what they are made of."""
