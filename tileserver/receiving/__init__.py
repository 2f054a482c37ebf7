"""Files come in over HTTP."""
