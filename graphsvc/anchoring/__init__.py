"""Outside parties that vouch for the log: witnesses and time-stamping authorities."""
