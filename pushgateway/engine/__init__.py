"""Everything between a push that was handed in and its outcome: queue, batching, limits, retries, access tokens."""
