"""What a key with the function manage may do."""
