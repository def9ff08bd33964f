"""The path of custody, what an owner does with its records later: recall, correct, hold, erase, purge, account for."""
