"""When a request may leave: rates, daily quotas, circuit breakers, retries and their budget."""
