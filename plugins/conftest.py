"""What the tests of all plug-ins share: hypothesis sets no time for an example, because a busy machine needs longer."""

from hypothesis import settings

settings.register_profile("no deadline", settings(), deadline=None)
settings.load_profile("no deadline")
