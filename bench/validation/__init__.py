"""Is the flood right? Public cases, run from scenario files alone, beside their references."""
