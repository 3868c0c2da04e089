"""What a gateway reports about its work: events, log lines, traces, the journal, OpenTelemetry and Prometheus."""
