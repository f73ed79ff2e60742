"""Python imports this by itself where PYTHONPATH names its folder. It sets the clock of the program forward, by as many
seconds as stand in the file that CLOCK_AHEAD_FILE names at that moment: time.time() alone, by which the emulator tells what
is due and what is over. The clock by which it judges signatures stays right, so that a client need not be set forward, too."""

import os
import time

_true_time = time.time
_file = os.environ["CLOCK_AHEAD_FILE"]


def _time_ahead():
    with open(_file) as file:
        return _true_time() + float(file.read())


time.time = _time_ahead
