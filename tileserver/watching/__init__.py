"""What operators see of the server: metrics, access log, traces, request ids."""
