"""One async client for every OpenAI-compatible endpoint, with a ledger that survives any kill.

`run_all` drives a worker over any number of items, `ask_in_order` does so for a command that writes
their results, `ask_all` for one that wants all of them or none; a worker asks through `Chat.ask`.
An answer is on the disk before anyone is told of it, so a run that was killed and is started again
asks nothing twice. Failures are never kept as answers.
"""

from whyser.chat.client import Chat
from whyser.chat.estimate import CostEstimate, estimate
from whyser.chat.faults import ChatError, EndpointError, Stopped
from whyser.chat.job import ask_all, ask_in_order, ledger_of, print_estimate, unfinished
from whyser.chat.ledger import Ledger
from whyser.chat.request import Reply, Request, Token, audio_part, derived_seed
from whyser.chat.run import run_all
from whyser.chat.settings import ChatSettings
from whyser.chat.tally import RequestTally, print_tally

__all__ = [
    "Chat",
    "ChatError",
    "ChatSettings",
    "CostEstimate",
    "EndpointError",
    "Ledger",
    "Reply",
    "Request",
    "RequestTally",
    "Stopped",
    "Token",
    "ask_all",
    "ask_in_order",
    "audio_part",
    "derived_seed",
    "estimate",
    "ledger_of",
    "print_estimate",
    "print_tally",
    "run_all",
    "unfinished",
]
