"""The path of policy versions: proposed by one person, approved by others, in force from a ledger index on."""
