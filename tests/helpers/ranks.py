"""Ranks that are threads of one process."""

import itertools
from copy import deepcopy
from queue import Queue
from threading import Thread

from cnntrain.training.team import Ranks


class Threads(Ranks):
    """A rank that is a thread, and takes itself for a host."""

    def __init__(self, rank, size, queues, tag=0):
        self.rank, self.size, self.queues, self.tag = rank, size, queues, tag

    def aside(self):
        return Threads(self.rank, self.size, self.queues, tag=1)

    def exchange(self, sends, source):
        for value, to in sends:
            self.queues[self.rank, to, self.tag].put(
                deepcopy(value)
            )  # as a message, which is another object
        if source is None:
            return None
        return self.queues[source, self.rank, self.tag].get(timeout=20)


def on_all_ranks(size, work):
    """What ``work(team)`` gives on every rank."""
    keys = itertools.product(range(size), range(size), range(2))
    queues = {key: Queue() for key in keys}
    found = [None] * size

    def run(rank):
        found[rank] = work(Threads(rank, size, queues))

    threads = [Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(queue.empty() for queue in queues.values())
    return found
