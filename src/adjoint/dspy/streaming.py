"""`dspy.streaming`: pieces of outputs, and messages on what is going on."""

from adjoint.base.paths import inside
from adjoint.modules.server_sent import streaming_response
from adjoint.modules.streaming import (
    StatusMessage,
    StatusMessageProvider,
    StreamListener,
    StreamResponse,
    apply_sync_streaming,
    streamify,
)

__all__ = [
    "StatusMessage",
    "StatusMessageProvider",
    "StreamListener",
    "StreamResponse",
    "apply_sync_streaming",
    "streamify",
    "streaming_response",
]

inside(__name__, "messages", "streamify", "streaming_listener")
