"""The values that hosts and plug-ins hand to each other: pushes, notifications, outcomes, receipts, errors. Pure."""
