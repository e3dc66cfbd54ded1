"""Every call of a program as a span of OpenTelemetry: modules, what they ask of LMs, and the tools that they call.

    pip install opentelemetry-sdk && python examples/tracing.py

shows the spans of one run of the embedded model. `opentelemetry-instrument` or an exporter of your own sends them to any collector.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace

import adjoint
from adjoint.program.events import active_call

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer


class OpenTelemetry(adjoint.BaseCallback):
    """A callback that opens a span for each call, inside of the span of the call around it."""

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("adjoint")
        self._open: dict[str | None, Span] = {}

    def _started(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        around = self._open.get(active_call())
        context = None if around is None else trace.set_span_in_context(around)
        name = getattr(instance, "name", "") or type(instance).__name__
        self._open[call_id] = self._tracer.start_span(
            name, context, attributes={key: str(value) for key, value in inputs.items()}
        )

    def _ended(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        span = self._open.pop(call_id)
        if exception is not None:
            span.record_exception(exception)
            span.set_status(trace.StatusCode.ERROR, str(exception))
        span.set_attribute("outputs", str(outputs))
        span.end()

    on_module_start = on_tool_start = _started
    on_module_end = on_tool_end = on_lm_end = _ended

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        asked = "\n".join(f"{message.role}: {message.text}" for message in inputs["request"].messages)
        self._started(call_id, instance, {"gen_ai.request.model": instance.name, "prompt": asked})


if __name__ == "__main__":
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    trace.set_tracer_provider(TracerProvider())
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    adjoint.configure(lm=adjoint.LM("pocket"), callbacks=[OpenTelemetry()])
    print(adjoint.ChainOfThought("question -> answer")(question="What is the capital of France?"))
