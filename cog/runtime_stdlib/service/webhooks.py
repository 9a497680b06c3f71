"""Webhooks, delivered in the background: a receiver that is slow, dead or broken delays nobody but itself.

Strategy: post() only queues, so neither a prediction nor its slot ever waits for a receiver. Each prediction is a
channel, which has one request under way at a time; that keeps its webhooks in order. Channels of one server
(scheme, host, port) share an Origin, which may occupy only a few of the delivery threads, fewer while it fails; so the
threads cannot all be stuck with one bad receiver. Of these few, second tries get half. Threads start when there is
work for them and end when there has been none for a while; between two of its tries a webhook occupies none.

A state that is not final is a snapshot: the newest replaces one that is still waiting, but for a channel's first,
which is the start. It gets one try; a final state gets up to thirteen with growing pauses, as in release 0.14.
What may wait in memory is bounded: beyond that the oldest are given up, with a line in the log.
"""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections import deque

from .interrupt import Interrupt, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Deque, Dict, Hashable, List, Mapping, Optional, Tuple, Union

    from .outgoing import Answer, Link, Proxies, Url

RETRIES = 12
RETRIED = (429, 500, 502, 503, 504)
LONGEST_PAUSE = 120.0
CONNECT_TIMEOUT = 5.0
ATTEMPT_TIME = 15.0  # one try, redirects and all
MAX_REDIRECTS = 10

THREADS = 32
THREADS_PER_ORIGIN = 8
THREADS_WHILE_FAILING = 4
IDLE_TIME = 15.0  # how long a thread, and a connection, is kept for the next webhook
MAX_WAITING = 10_000
MAX_WAITING_BYTES = 256 << 20

DELIVERED, AGAIN, DROPPED = range(3)


def backoff(retry: int) -> float:
    """Seconds before a retry (from 1): the first at once, then 0.2, 0.4, 0.8 ..., never more than two minutes."""
    return 0.0 if retry <= 1 else min(LONGEST_PAUSE, 0.1 * 2.0 ** (retry - 1))


def verdict(status: int, final: bool) -> int:
    """What an answer means for a webhook."""
    if 200 <= status < 300:
        return DELIVERED
    return AGAIN if final and status in RETRIED else DROPPED


def asked_pause(retry_after: Optional[str]) -> float:
    """Retry-After in seconds, as far as we are willing to wait."""
    value = (retry_after or "").strip()
    return min(float(value), LONGEST_PAUSE) if value.isascii() and value.isdigit() and len(value) < 9 else 0.0


def redirected(status: int, method: str) -> str:
    """The method after a redirect: 307 and 308 keep it, the others make it a GET, as HTTP clients do."""
    return method if status in (307, 308) else "GET"


class Notice:
    """One state to be told."""

    __slots__ = ("url", "body", "final", "first", "trace", "tries", "pause", "size")

    def __init__(
        self, url: str, body: Union[bytes, Callable[[], bytes]], final: bool, first: bool, trace: Mapping[str, str]
    ) -> None:
        self.url = url
        self.body = body
        self.final = final
        self.first = first
        self.trace = trace
        self.tries = 0
        self.pause = 0.0  # what the receiver asked for
        self.size = len(body) if isinstance(body, bytes) else 0


class Channel:
    """One prediction's webhooks. Invariant: `waiting` has at most the first, one snapshot and the final one."""

    __slots__ = ("key", "origin", "waiting", "sending", "busy", "troubled", "watched", "final_of")

    def __init__(self, key: Hashable, origin: Origin) -> None:
        self.key = key
        self.origin = origin
        self.waiting: List[Notice] = []
        self.sending: Optional[Notice] = None
        self.busy = False  # under way, in the origin's queue, or between two tries
        self.troubled = False
        self.watched: Optional[threading.Event] = None  # somebody waits until all is told or there is trouble
        self.final_of = 0  # id() of the prediction, once its last webhook is here

    def add(self, notice: Notice) -> Optional[Notice]:
        """Put it at the end; returns the one that it replaces."""
        last = self.waiting[-1] if self.waiting else None
        if last is not None and not notice.final and not last.first and not last.final:
            self.waiting[-1] = notice
            return last
        self.waiting.append(notice)
        return None

    def next(self) -> Tuple[Notice, List[Notice]]:
        """The one to send, and those that are no longer worth it: a receiver in trouble only gets the end."""
        skipped: List[Notice] = []
        if self.troubled and self.waiting[-1].final:
            skipped, self.waiting = self.waiting[:-1], self.waiting[-1:]
        return self.waiting.pop(0), skipped


class Origin:
    """One server that receives webhooks. Guarded by the sender's lock."""

    __slots__ = ("key", "channels", "ready", "again", "active", "failing", "links", "queued")

    def __init__(self, key: str) -> None:
        self.key = key
        self.channels = 0  # how many there are
        self.ready: Deque[Channel] = deque()
        self.again: Deque[Channel] = deque()  # those whose next webhook has failed before
        self.active = 0
        self.failing = False
        self.links: List[Tuple[float, Link]] = []  # idle connections, the one used last at the end
        self.queued = False  # in the sender's `_runnable`

    def turn(self) -> Optional[Deque[Channel]]:
        """Whose turn it is: what is new, else what has failed before; None when it may have no further thread."""
        limit = THREADS_WHILE_FAILING if self.failing else THREADS_PER_ORIGIN
        if self.ready and self.active < limit:
            return self.ready
        return self.again if self.again and self.active < limit // 2 else None


class Sender:
    """Delivers webhooks in threads of its own, which start when first needed. All methods are thread-safe."""

    def __init__(
        self,
        version: str,
        *,
        token: Optional[str] = None,
        log: Optional[Callable[[str], None]] = None,
        pause: Callable[[int], float] = backoff,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._headers = {"content-type": "application/json", "user-agent": "cog-worker/" + version}
        self._token = token
        self._log = log if log is not None else lambda line: None
        self._pause = pause
        self._max_waiting = max_waiting
        lock = threading.Lock()
        self._work_to_do = threading.Condition(lock)
        self._all_done = threading.Condition(lock)
        self._channels: Dict[Hashable, Channel] = {}
        self._finals: Dict[int, Channel] = {}  # the same, by id() of the prediction
        self._origins: Dict[str, Origin] = {}
        self._runnable: Deque[Origin] = deque()
        self._later: List[Tuple[float, int, Channel]] = []  # heap: when to try again
        self._number = 0
        self._threads: List[threading.Thread] = []
        self._idle = 0
        self._bytes = 0
        self._closing = False
        self._closed = False
        self._stop = Interrupt()
        self._proxies: Optional[Proxies] = None

    def post(
        self,
        channel: Hashable,
        url: str,
        body: Union[bytes, Callable[[], bytes]],
        final: bool,
        trace: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Queue one webhook and return at once. `channel` is one prediction; nothing may follow its final one."""
        lost: List[Notice] = []
        with self._work_to_do:
            if self._closed:
                lost.append(Notice(url, b"", final, False, {}))
            else:
                known = self._channels.get(channel)
                if known is None:
                    key = "/".join(url.split("/", 3)[:3]).lower()
                    origin = self._origins.get(key)
                    if origin is None:
                        origin = self._origins[key] = Origin(key)
                    origin.channels += 1
                    known = self._channels[channel] = Channel(channel, origin)
                    notice = Notice(url, body, final, True, trace or {})
                else:
                    notice = Notice(url, body, final, False, trace or {})
                replaced = known.add(notice)
                self._bytes += notice.size - (replaced.size if replaced is not None else 0)
                if final:
                    # No reference to the prediction may be left: all that it has would stay in memory for as long as
                    # its receiver is down. Its id may be that of another one by then; who asks by id asks at once.
                    del self._channels[known.key]
                    known.key = known
                    known.final_of = id(channel)
                    self._channels[known] = self._finals[known.final_of] = known
                if not known.busy:
                    self._enqueue(known)
                if len(self._channels) > self._max_waiting or self._bytes > MAX_WAITING_BYTES:
                    lost = self._make_room(known)
        self._report(lost, "too many are waiting" if not self._closed else "the server is stopping")

    def wait(self, channel: Hashable, seconds: float) -> None:
        """Wait until what the channel has is delivered or one try has failed, but no longer than that.

        Release 0.14 sent a synchronous answer after its webhooks; with a receiver that is well, so do we."""
        with self._work_to_do:
            known = self._channels.get(channel) or self._finals.get(id(channel))
            if known is None or known.troubled:
                return
            watched = known.watched = threading.Event()
        watched.wait(seconds)

    def close(self, grace: float) -> None:
        """Deliver what is left for at most `grace` seconds, then give up with a log line."""
        end = time.monotonic() + grace
        with self._work_to_do:
            self._closing = True
            # No time for long pauses: what waits for its next try gets it now.
            while self._later:
                self._enqueue(heapq.heappop(self._later)[2])
            while self._channels:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self._all_done.wait(left)
            self._closed = True
            lost = []
            for channel in self._channels.values():
                if channel.sending is not None:
                    lost.append(channel.sending)
                lost += channel.waiting
            self._channels.clear()
            self._finals.clear()
            self._work_to_do.notify_all()
            threads = list(self._threads)
        self._stop.cancel()
        for thread in threads:
            thread.join(max(0.1, end + 1 - time.monotonic()))
        self._report(lost, "the server is stopping")

    # --- what to do next; the lock is held

    def _enqueue(self, channel: Channel) -> None:
        """Its next webhook is to be sent now."""
        channel.busy = True
        origin = channel.origin
        (origin.again if channel.waiting and channel.waiting[0].tries else origin.ready).append(channel)
        self._wake(origin)

    def _wake(self, origin: Origin) -> None:
        """Have a thread look at the origin, if it may have one."""
        if origin.turn() is None:
            return
        if not origin.queued:
            origin.queued = True
            self._runnable.append(origin)
        elif self._threads:
            return
        self._call_a_thread()

    def _call_a_thread(self) -> None:
        # An idle thread that was called already but has not woken up counts as idle. That is fine: each one that takes
        # work calls the next if there is more.
        if self._idle:
            self._work_to_do.notify()
        elif len(self._threads) < THREADS:
            self._number += 1
            thread = threading.Thread(target=self._work, name=f"webhook-{self._number}", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return  # no more threads: one of those that are there will come by
            self._threads.append(thread)

    def _take(self) -> Optional[Tuple[Channel, Notice]]:
        """The next webhook to send; waits for one, but not for ever. None: this thread is not needed any more."""
        idle_until = 0.0
        while not self._closed:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                self._enqueue(heapq.heappop(self._later)[2])
            while self._runnable:
                origin = self._runnable.popleft()
                origin.queued = False
                line = origin.turn()
                if line is None:
                    continue
                channel = line.popleft()
                if not channel.waiting or self._channels.get(channel.key) is not channel:
                    self._wake(origin)
                    continue  # given up meanwhile
                origin.active += 1
                self._wake(origin)
                notice, skipped = channel.next()
                channel.sending = notice
                for other in skipped:
                    self._bytes -= other.size
                if self._runnable or self._later:
                    self._call_a_thread()  # for what is left, or to keep the time for it
                return channel, notice
            if not idle_until:
                idle_until = now + IDLE_TIME
            elif now >= idle_until:
                if not self._later or self._idle:
                    return None
                idle_until = now + IDLE_TIME
            until = min(idle_until, self._later[0][0]) if self._later else idle_until
            self._idle += 1
            self._work_to_do.wait(max(0.0, until - now))
            self._idle -= 1
        return None

    def _settle(self, channel: Channel, notice: Notice, outcome: int) -> None:
        """What comes after a try."""
        origin = channel.origin
        origin.active -= 1
        channel.sending = None
        channel.troubled = outcome != DELIVERED
        if channel.troubled:
            self._all_done.notify_all()  # nobody waits for a receiver in trouble
        if self._channels.get(channel.key) is not channel:
            self._release(origin)  # it was given up while it was under way
        elif outcome == AGAIN and notice.tries <= RETRIES:
            channel.waiting.insert(0, notice)
            pause = max(self._pause(notice.tries), notice.pause)
            if self._closing:
                pause = min(pause, 0.4)
            if pause:
                self._number += 1
                heapq.heappush(self._later, (time.monotonic() + pause, self._number, channel))
                if self._idle:
                    self._work_to_do.notify()  # to wait for that moment instead of another
            else:
                self._enqueue(channel)
        else:
            self._bytes -= notice.size
            if channel.waiting:
                self._enqueue(channel)
            else:
                channel.busy = False
                self._forget(channel)
        if channel.watched is not None and (channel.troubled or not channel.busy):
            channel.watched.set()
        self._wake(origin)

    def _forget(self, channel: Channel) -> None:
        del self._channels[channel.key]
        if self._finals.get(channel.final_of) is channel:
            del self._finals[channel.final_of]
        channel.origin.channels -= 1
        self._release(channel.origin)
        self._all_done.notify_all()

    def _release(self, origin: Origin) -> None:
        if not origin.channels and not origin.active and not origin.links:
            self._origins.pop(origin.key, None)

    def _make_room(self, newest: Channel) -> List[Notice]:
        """Give up the oldest that wait; returns what is lost."""
        lost: List[Notice] = []
        for channel in list(self._channels.values()):
            if len(self._channels) <= self._max_waiting and self._bytes <= MAX_WAITING_BYTES:
                break
            if channel is newest or not channel.waiting:
                continue
            for notice in channel.waiting:
                self._bytes -= notice.size
                lost.append(notice)
            channel.waiting = []
            if channel.sending is None:
                self._forget(channel)
        if lost:
            self._later = [item for item in self._later if self._channels.get(item[2].key) is item[2]]
            heapq.heapify(self._later)
        return lost

    # --- the threads

    def _work(self) -> None:
        while True:
            with self._work_to_do:
                taken = self._take()
                if taken is None:
                    self._threads = [t for t in self._threads if t is not threading.current_thread()]
                    stale = self._stale_links()
                    break
            channel, notice = taken
            outcome, why = DROPPED, ""
            try:
                outcome, why = self._try(channel, notice)
            except Interrupted:
                why = "the server is stopping"
            except Exception as error:  # a thread's boundary
                why = f"{type(error).__name__}: {error}"
            if outcome == AGAIN and notice.tries > RETRIES:
                outcome, why = DROPPED, f"{why} (tried {notice.tries} times)"
            with self._work_to_do:
                # After close() it is not ours to report any more.
                given_up = outcome == DROPPED and self._channels.get(channel.key) is channel
                self._settle(channel, notice, outcome)
            if given_up:
                self._report([notice], why)
        for link in stale:
            link.close()

    def _stale_links(self) -> List[Link]:
        """Connections that have been idle for too long; all of them when the last thread ends."""
        now = time.monotonic()
        stale: List[Link] = []
        for origin in list(self._origins.values()):
            keep = [item for item in origin.links if self._threads and now - item[0] < IDLE_TIME]
            stale += [item[1] for item in origin.links if item not in keep]
            origin.links = keep
            self._release(origin)
        return stale

    def _report(self, lost: List[Notice], why: str) -> None:
        for notice in lost:
            if notice.final:
                from .outgoing import without_credentials

                where = without_credentials(notice.url).partition("?")[0][:200]
                self._log(f"the last webhook to {where} could not be delivered: {why}")

    # --- one try

    def _try(self, channel: Channel, notice: Notice) -> Tuple[int, str]:
        """Send it; what came of it, and why if nothing did."""
        from .outgoing import ExchangeFailed, UrlInvalid, parse_url

        notice.tries += 1
        if not isinstance(notice.body, bytes):
            notice.body = notice.body()
        origin = channel.origin
        try:
            answer = self._exchange(origin, parse_url(notice.url), notice)
        except UrlInvalid as error:
            return DROPPED, str(error)
        except ExchangeFailed as error:
            self._mark(origin, failing=True)
            return (AGAIN if notice.final else DROPPED), str(error)
        self._mark(origin, failing=False)
        notice.pause = asked_pause(answer.get("retry-after"))
        return verdict(answer.status, notice.final), f"{answer.status} {answer.reason}"

    def _mark(self, origin: Origin, *, failing: bool) -> None:
        if origin.failing != failing:
            with self._work_to_do:
                origin.failing = failing
                self._wake(origin)

    def _exchange(self, origin: Origin, url: Url, notice: Notice) -> Answer:
        from .outgoing import REDIRECTS, ExchangeFailed, basic, resolve_redirect, same_server

        assert isinstance(notice.body, bytes)
        deadline = time.monotonic() + ATTEMPT_TIME
        first = url
        method = "POST"
        for _ in range(MAX_REDIRECTS + 1):
            headers = dict(self._headers) if method == "POST" else {"user-agent": self._headers["user-agent"]}
            if self._token and same_server(first, url):
                headers["authorization"] = "Bearer " + self._token
            elif url.credentials:
                headers["authorization"] = basic(url.credentials)
            headers.update(notice.trace)
            body = notice.body if method == "POST" else None
            answer = self._ask(origin if url is first else None, url, method, headers, body, deadline)
            location = answer.location
            if answer.status not in REDIRECTS or location is None:
                return answer
            url = resolve_redirect(url, location)
            method = redirected(answer.status, method)
        raise ExchangeFailed(f"more than {MAX_REDIRECTS} redirects")

    def _ask(
        self,
        origin: Optional[Origin],
        url: Url,
        method: str,
        headers: Dict[str, str],
        body: Optional[bytes],
        deadline: float,
    ) -> Answer:
        """One request; on a connection that is there already if possible."""
        from .outgoing import ExchangeFailed, Link, Proxies

        link = self._idle_link(origin, url, deadline) if origin is not None else None
        while True:
            if link is None:
                if self._proxies is None:
                    self._proxies = Proxies(os.environ)
                link = Link(url, timeout=ATTEMPT_TIME, interrupt=self._stop, deadline=deadline)
                link.open(self._proxies, timeout=CONNECT_TIMEOUT, check=_check)
            try:
                link.request(method, headers, body)
                answer = link.answer()
                link.drain(answer, method)
            except ExchangeFailed as error:
                link.close()
                if link.used and error.unanswered:
                    link = None  # the server had ended it: that says nothing about this webhook
                    continue
                raise
            except BaseException:
                link.close()
                raise
            if origin is None:
                link.close()
            elif link.rest():
                with self._work_to_do:
                    origin.links.append((time.monotonic(), link))
            return answer

    def _idle_link(self, origin: Origin, url: Url, deadline: float) -> Optional[Link]:
        while True:
            with self._work_to_do:
                if not origin.links:
                    return None
                link = origin.links.pop()[1]
            if link.alive():
                link.lend(url, self._stop, timeout=ATTEMPT_TIME, deadline=deadline)
                return link
            link.close()


def _check(host: str, address: Optional[str]) -> None:
    from .downloads import DownloadFailed, environment_policy
    from .outgoing import UrlInvalid

    try:
        environment_policy().check_metadata(host, address)
    except DownloadFailed as error:
        raise UrlInvalid(str(error)) from error
