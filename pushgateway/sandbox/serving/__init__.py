"""A sandbox as an HTTP server on a loopback port, and its page. Needs the extra `pushgateway-core[sandbox]`."""
