"""One suite per protocol, run by every implementation and by the fakes."""
