"""Streaming: pieces of fields as they are written, the prediction last, and both colours of a program."""

import asyncio
import contextlib
import json

import pytest

import adjoint
from adjoint import (
    BAMLAdapter,
    ChainOfThought,
    ChatAdapter,
    JSONAdapter,
    Predict,
    Prediction,
    StreamListener,
    StreamResponse,
    XMLAdapter,
    streamify,
)
from adjoint.base.errors import LMError, ParseError, TransportError, UsageError
from adjoint.lm.types import Delta, Message
from adjoint.modules.server_sent import streaming_response
from adjoint.testing import ScriptedLM

REPLY = "[[reasoning]]\nTwo and two.\nThat is four.\n[[answer]]\n4 \n"


def told(items, field):
    return "".join(item.chunk for item in items if isinstance(item, StreamResponse) and item.signature_field_name == field)


async def collect(streamed, **inputs):
    return [item async for item in streamed(**inputs)]


def run(program, *answers, inputs=None, lm=None, **options):
    with adjoint.context(lm=lm or ScriptedLM(list(answers)), ledger=None):
        return asyncio.run(collect(streamify(program, **options), **(inputs or {"question": "2+2?"})))


def test_each_field_arrives_in_pieces_and_the_prediction_last():
    *pieces, last = run(ChainOfThought("question -> answer: int"), REPLY)
    assert (last.answer, told(pieces, "reasoning"), told(pieces, "answer")) == (4, "Two and two.\nThat is four.", "4")
    assert len(pieces) > 5
    assert [piece.signature_field_name for piece in pieces if piece.is_last_chunk] == ["reasoning", "answer"]
    assert {piece.predict_name for piece in pieces} == {"predict"}


def test_listeners_choose_fields_and_predictors():
    listener = StreamListener(signature_field_name="answer", predict_name="predict")
    *pieces, last = run(ChainOfThought("question -> answer"), REPLY, stream_listeners=[listener])
    assert {piece.signature_field_name for piece in pieces} == {"answer"}
    assert isinstance(last, Prediction)


def test_the_prediction_may_be_left_out():
    pieces = run(
        Predict("question -> answer"),
        "four",
        stream_listeners=[StreamListener("answer")],
        include_final_prediction_in_output_stream=False,
    )
    assert told(pieces, "answer") == "four"
    assert not any(isinstance(item, Prediction) for item in pieces)


def test_what_is_not_written_in_pieces_comes_as_one():
    with adjoint.context(lm=ScriptedLM(["four"], identity="me")):
        first = asyncio.run(collect(streamify(Predict("question -> answer")), question="?"))
        again = asyncio.run(collect(streamify(Predict("question -> answer")), question="?"))
    assert (told(first, "answer"), again[0]) == ("four", StreamResponse("self", "answer", "four", is_last_chunk=True))


REPLIES = [
    (ChatAdapter(), "[[draft]]\nA long [[text]]\n[[n]]\n2"),
    (ChatAdapter(), "[[ ## draft ## ]]\nA long [[text]]\n\n[[ ## n ## ]]\n2\n\n[[ ## completed ## ]]"),
    (JSONAdapter(), '{"draft": "A long [[text]]", "n": 2}'),
    (BAMLAdapter(), 'Here:\n```json\n{"n": 2, "draft": "A long [[text]]"}\n```'),
    (XMLAdapter(), "<draft>A long [[text]]</draft>\n<n>2</n>"),
]


@pytest.mark.parametrize(("adapter", "reply"), REPLIES, ids=lambda item: getattr(item, "name", ""))
def test_every_form_of_reply_is_cut_into_its_fields(adapter, reply):
    with adjoint.context(adapter=adapter):
        *pieces, last = run(Predict("question -> draft, n: int"), reply)
    assert (told(pieces, "draft"), told(pieces, "n"), last.n) == ("A long [[text]]", "2", 2)
    assert sum(piece.signature_field_name == "draft" for piece in pieces) > 1


def test_of_two_steps_the_second_is_cut_into_fields():
    second = ScriptedLM(["[[draft]]\nA long text\n[[n]]\n2"])
    with adjoint.context(adapter=adjoint.TwoStepAdapter(second)):
        *pieces, last = run(Predict("question -> draft, n: int"), "It is a long text, with 2.")
    assert (told(pieces, "draft"), told(pieces, "n"), last.n) == ("A long text", "2", 2)
    assert len(pieces) > 3


def test_a_plain_iterator_streams_without_async():
    with adjoint.context(lm=ScriptedLM(["four and more"]), ledger=None):
        *pieces, last = streamify(Predict("question -> answer"), async_streaming=False)(question="?")
    assert told(pieces, "answer") == last.answer == "four and more"


def test_programs_of_several_calls_stream_all_of_them_in_any_colour():
    class Two(adjoint.Module):
        def __init__(self):
            self.first, self.second = Predict("question -> draft"), Predict("draft -> answer")

        def forward(self, question):
            return self.second(draft=self.first(question=question).draft)

    *pieces, last = run(Two(), "a draft here", "the answer")
    assert [(told(pieces, name), name) for name in ("draft", "answer")] == [("a draft here", "draft"), ("the answer", "answer")]
    assert len(last.tape.nodes) == 2


def test_an_error_of_the_program_ends_the_stream():
    with pytest.raises(ParseError):
        run(Predict("question -> n: int"), "x", "x", "x")


class Broken(ScriptedLM):
    """Breaks off in the middle, the first time."""

    async def stream(self, request):
        yield Delta("four a")
        raise TransportError("the line is dead")


def test_a_reply_that_broke_off_after_it_was_heard_is_not_asked_again():
    lm = Broken([])
    with pytest.raises(LMError, match="broke off after a part of it was shown"):
        run(Predict("question -> answer"), lm=lm)


def test_who_stops_listening_stops_the_program():
    async def first():
        async with contextlib.aclosing(streamify(Predict("question -> answer"))(question="?")) as items:
            async for item in items:
                return item
        return None

    with adjoint.context(lm=ScriptedLM(["four and more"]), ledger=None):
        assert asyncio.run(first()).chunk == "four"


class Provider(adjoint.StatusMessageProvider):
    def tool_start_status_message(self, instance, inputs):
        return f"calling {instance.name} with {inputs}"

    def lm_end_status_message(self, outputs):
        return f"got {len(outputs.text)} characters"


def test_status_messages_say_what_is_going_on():
    def look(city: str) -> str:
        return "big"

    step = '[[next_thought]]\n?\n[[next_tool_name]]\nlook\n[[next_tool_args]]\n{"city": "Rome"}'
    items = run(adjoint.ReAct("question -> answer", tools=[look], max_iters=1), step, REPLY, status_message_provider=Provider())
    messages = [item.message for item in items if isinstance(item, adjoint.StatusMessage)]
    assert messages == [f"got {len(step)} characters", "calling look with {'city': 'Rome'}", f"got {len(REPLY)} characters"]


def test_asyncify_and_syncify_give_the_other_colour():
    def double(n):
        return 2 * n

    async def triple(n):
        return 3 * n

    ask = Predict("q -> a")
    assert asyncio.run(adjoint.asyncify(double)(2)) == 4
    assert adjoint.syncify(triple)(2) == 6
    assert adjoint.asyncify(triple) is triple
    assert adjoint.syncify(ask) is ask
    with adjoint.context(lm=ScriptedLM(["x"]), ledger=None):
        assert asyncio.run(adjoint.asyncify(ask)(q="?")).a == "x"


def test_the_scripted_lm_streams_what_it_says():
    async def pieces():
        return [item async for item in ScriptedLM(["four and more"]).stream(ask())]

    def ask():
        from adjoint.lm.types import Request

        return Request((Message("user", "?"),))

    *parts, last = asyncio.run(pieces())
    assert "".join(part.text for part in parts) == last.text == "four and more"


def test_a_stream_is_passed_on_as_server_sent_events():
    async def sent(items):
        return [line async for line in streaming_response(items)]

    async def odd():
        yield "data: {}\n\n"
        yield 3

    with adjoint.context(lm=ScriptedLM(["Rain."]), ledger=None):
        lines = asyncio.run(sent(adjoint.streamify(Predict("q -> answer"))(q="?")))
    chunk = json.loads(lines[0].removeprefix("data: "))["chunk"]
    assert chunk == {"predict_name": "self", "field": "answer", "text": "Rain", "last": False}
    assert lines[-2:] == ['data: {"prediction": {"answer": "Rain."}}\n\n', "data: [DONE]\n\n"]
    with pytest.raises(UsageError, match="not 3"):
        asyncio.run(sent(odd()))
