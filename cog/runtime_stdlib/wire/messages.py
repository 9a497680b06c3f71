"""What crosses the sockets between server and worker: tuples whose first item is one of these words.

On a slot (one prediction at a time):

    server -> worker   (PREDICT, mode, id, values, leaves, context)
                       (CANCEL,)                     async workers; sync ones get SIGUSR1
    worker -> server   (LOGGED, stream, bytes)       what this prediction wrote, async workers only
                       (YIELDED, [value, ...])       items of an iterator, in order
                       (STARTED_ITERATOR,)           the output is an array from now on
                       (DONE, status, value, error, metrics, mismatch)

On the control channel:

    worker -> server   (DESCRIBED, predict spec, train spec)   plain data or None each
                       (READY, slots)                          the slots' sockets travel beside it (SCM_RIGHTS)
                       (SETUP_FAILED, early, text)             text: the traceback for the health document

A value is the JSON text as bytes, or, when files are in it, a list whose items are bytes (JSON text) and
tuples (path, name, media type, delete): the text is cut where the files' URLs belong.
A leaf is (where, kind, local path or None, name or None); see worker/bind.
The parent never writes on the control channel: its end closing is how a worker learns that the server is gone.
"""

from __future__ import annotations

PREDICT = 1
CANCEL = 2
LOGGED = 3
YIELDED = 4
STARTED_ITERATOR = 5
DONE = 6
DESCRIBED = 7
READY = 8
SETUP_FAILED = 9

SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELED = "canceled"

# As `mismatch` of a failed DONE: a synchronous client is told 500, as the reference does.
FILE_MISSING = "a file of the output is missing"
