"""What an operator sees to: backups and check-ups."""
