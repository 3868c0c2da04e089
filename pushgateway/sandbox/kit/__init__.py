"""What every vendor's sandbox is built of. Pure: no socket, no thread, no clock or random of its own."""
