"""The river bed between surveyed cross-sections, in coordinates that follow the channel."""
