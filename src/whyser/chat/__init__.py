"""One async client for every OpenAI-compatible endpoint, with a ledger that survives any kill.

`run_all` runs a worker on any number of items; `ask_in_order` is for a command that writes the
results, `ask_all` for one that needs all results or none. A worker sends its requests through
`Chat.ask`. Every answer is on disk before it is used, so a killed run that starts again asks
nothing twice. Failures are never stored as answers.
"""

from whyser.chat.client import Chat
from whyser.chat.estimate import estimate
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
