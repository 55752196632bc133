"""What holds for all tests."""

from __future__ import annotations

import signal

# A shell starts what it puts in the background with interruptions ignored, and children inherit
# that; tests of interruptions need them.
signal.signal(signal.SIGINT, signal.default_int_handler)
