"""Spans of OpenTelemetry's own SDK, made by the example's callback."""

import importlib.util
from pathlib import Path

import pytest

import adjoint
from adjoint.base.errors import ParseError
from adjoint.testing import ScriptedLM

PATH = Path(__file__).parents[2] / "examples" / "tracing.py"


@pytest.fixture
def tracer():
    """A tracer, and the list of its finished spans."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="opentelemetry-sdk is not installed (dependency group peers)")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    provider, exporter = sdk.TracerProvider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider.get_tracer("test"), exporter.get_finished_spans


def traced(tracer):
    spec = importlib.util.spec_from_file_location("tracing", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.OpenTelemetry(tracer)


def test_each_call_is_a_span_inside_of_the_call_around_it(tracer):
    steps = [
        '[[next_thought]]\nAdd.\n[[next_tool_name]]\nadd\n[[next_tool_args]]\n{"a": 2}',
        "[[next_thought]]\nDone.\n[[next_tool_name]]\nfinish\n[[next_tool_args]]\n{}",
        "[[reasoning]]\nOne more.\n[[answer]]\n3",
    ]

    def add(a: int) -> int:
        return a + 1

    made, finished = tracer
    with adjoint.context(lm=ScriptedLM(steps), callbacks=[traced(made)]), made.start_as_current_span("request"):
        assert adjoint.ReAct("question -> answer", tools=[add])(question="2 + 1?").answer == "3"
    spans = {span.context.span_id: span for span in finished()}
    inside = [(span.name, spans[span.parent.span_id].name if span.parent else None) for span in spans.values()]
    assert sorted(inside, key=str) == [
        ("ChainOfThought", "ReAct"), ("Predict", "ChainOfThought"), ("Predict", "ReAct"), ("Predict", "ReAct"),
        ("ReAct", "request"), ("add", "ReAct"), ("finish", "ReAct"), ("request", None),
        ("scripted", "Predict"), ("scripted", "Predict"), ("scripted", "Predict"),
    ]  # fmt: skip
    assert len({span.context.trace_id for span in spans.values()}) == 1
    assert next(span.attributes for span in spans.values() if span.name == "add") == {"a": "2", "outputs": "3"}


def test_a_call_that_fails_is_a_span_with_its_error(tracer):
    made, finished = tracer
    with adjoint.context(lm=ScriptedLM(["many", "lots", "plenty"]), callbacks=[traced(made)]), pytest.raises(ParseError):
        adjoint.Predict("q -> n: int")(q="How many?")
    failed = {span.name: span.events[0].name for span in finished() if not span.status.is_ok}
    assert failed == {"Predict": "exception"}
