"""To be told to end, as by Ctrl-C: for a command that has to take down what it has started."""

import signal


def heed_sigterm() -> None:
    """SIGTERM ends the command as SIGINT does.

    A running event loop then cancels its work, which can put itself in order. Raised in the middle
    of what the loop does, a KeyboardInterrupt leaves it half done, and others wait for it for ever.
    """
    # The event loop takes SIGINT over only from this handler. What a shell has started in the
    # background ignores it, and would ignore SIGTERM with it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
