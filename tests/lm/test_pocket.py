"""The pocket LM as its users see it: same replies alone or in company, and real skill inside its world."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from adjoint.base.errors import ContextLengthError, RequestError
from adjoint.lm.pocket import OutOfVocabularyWarning, Pocket
from adjoint.lm.pocket.client import WEIGHTS
from adjoint.lm.types import Message, Part, Request, ToolSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from adjoint.lm.types import Response

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "examples" / "tickets_test.jsonl").read_text(encoding="utf-8").splitlines()
]
POCKET = Pocket()


def ask(*turns: str, system: str | None = "Handle the ticket.", **options: Any) -> Request:
    """A request whose turns alternate between user and assistant."""
    messages = [Message("system", system)] if system is not None else []
    messages += [Message("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(turns)]
    return Request(tuple(messages), **options)


def together(requests: Sequence[Request], pocket: Pocket = POCKET) -> list[Response]:
    async def gather() -> list[Response]:
        return await asyncio.gather(*(pocket(request) for request in requests))

    return asyncio.run(gather())


def one_by_one(requests: Sequence[Request], pocket: Pocket = POCKET) -> list[Response]:
    async def follow() -> list[Response]:
        return [await pocket(request) for request in requests]

    return asyncio.run(follow())


def demos(count: int) -> list[str]:
    return [text for row in ROWS[-count:] for text in (row["inputs"]["ticket"], row["expected"])] if count else []


def few_shot(count: int, rows: Sequence[dict[str, Any]]) -> list[Request]:
    return [ask(*demos(count), row["inputs"]["ticket"]) for row in rows]


def accuracy(requests: Sequence[Request], rows: Sequence[dict[str, Any]]) -> float:
    return sum(r.text.strip() == row["expected"] for r, row in zip(together(requests), rows, strict=True)) / len(rows)


def test_a_row_answers_alone_as_in_a_batch_of_32() -> None:
    requests = few_shot(2, ROWS[:32])
    assert [r.text for r in one_by_one(requests)] == [r.text for r in together(requests)]


def test_sharing_a_prefix_changes_no_text() -> None:
    """The same prompts with their common prefix worked out once, and as prompts that share nothing."""
    from adjoint.lm.pocket.decode import Job, generate

    engine = POCKET._engine
    requests = few_shot(4, ROWS[:12])
    ids = [[*engine.tokenizer.turns(r.messages), engine.tokenizer.reply_mark()] for r in requests]
    jobs = [Job(tuple(row), 24) for row in ids]
    alone = generate(engine.model, engine.tokenizer, [engine.model.prefix([])] * len(jobs), jobs)
    assert [r.text for r in alone] == [r.text for r in together(requests)]


def test_sampling_depends_on_the_seed_and_not_on_the_company() -> None:
    drawn = [ask(row["inputs"]["ticket"], temperature=8.0, seed=seed, max_tokens=8) for row in ROWS[:6] for seed in (1, 2)]
    batch, alone, again = together(drawn), one_by_one(drawn), one_by_one(drawn)
    assert [r.text for r in batch] == [r.text for r in alone] == [r.text for r in again]
    assert len({r.text for r in batch}) > 6


def test_each_sample_number_is_another_draw() -> None:
    draws = [ask(ROWS[0]["inputs"]["ticket"], temperature=8.0, sample=k, max_tokens=8) for k in range(6)]
    assert len({r.text for r in together(draws)}) > 2


def test_a_stop_string_ends_the_reply_before_itself() -> None:
    (whole,), (cut,) = together([ask("x")]), together([ask("x", stop=("look",))])
    assert "look" in whole.text
    assert cut.text == whole.text[: whole.text.index("look")]
    assert cut.finish == "stop"


def test_the_token_limit_is_kept_and_reported() -> None:
    (reply,) = together([ask("x", max_tokens=2)])
    assert (reply.finish, reply.usage.output_tokens, reply.usage.calls) == ("length", 2, 1)


def test_usage_counts_the_prompt_with_its_marks() -> None:
    (reply,) = together([ask("red", system=None)])
    assert reply.usage.input_tokens == len(["<|bos|>", "<|user|>", " red", "<|assistant|>"])


def test_logprobs_cover_every_token_and_are_no_probability_above_one() -> None:
    (reply,) = together([ask("x", logprobs=True)])
    assert reply.logprobs is not None
    assert len(reply.logprobs) == reply.usage.output_tokens
    assert "".join(token.token for token in reply.logprobs).strip() == reply.text
    assert all(token.logprob <= 0 for token in reply.logprobs)


def test_a_prompt_beyond_the_context_is_refused_and_never_cut() -> None:
    with pytest.raises(ContextLengthError, match="tokens"):
        together([ask("red " * 1100)])


@pytest.mark.parametrize(
    "options", [{"temperature": -1.0}, {"max_tokens": 0}, {"n": 0}, {"extra": {"top_k": 3}}, {"tools": (ToolSpec("t", "", {}),)}]
)
def test_settings_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(RequestError):
        together([ask("x", **options)])


def test_an_image_is_refused() -> None:
    with pytest.raises(RequestError, match="text only"):
        together([Request((Message("user", (Part("image", url="https://example.org/x.png"),)),))])


def test_several_replies_come_with_one_request() -> None:
    """`n` replies are different draws, the first of them the one that `n` = 1 gives; the prompt is counted once."""
    (one,), (three,) = (
        together([ask("x", temperature=8.0, max_tokens=6)]),
        together([ask("x", temperature=8.0, max_tokens=6, n=3)]),
    )
    assert len({three.text, *three.others}) == 3
    assert three.text == one.text
    assert three.usage.input_tokens == one.usage.input_tokens


def test_unknown_words_warn_once() -> None:
    pocket = Pocket()
    with pytest.warns(OutOfVocabularyWarning, match="does not know"):
        together([ask("Schopenhauer's epistemological transcendentalism")], pocket)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        together([ask("Schopenhauer's epistemological transcendentalism")], pocket)


def test_one_pocket_serves_one_event_loop_after_another() -> None:
    pocket = Pocket()
    assert together([ask("x")], pocket)[0].text == together([ask("x")], pocket)[0].text


def test_a_cancelled_caller_does_not_harm_the_others() -> None:
    async def run() -> Response:
        first = asyncio.ensure_future(POCKET(ask(ROWS[0]["inputs"]["ticket"])))
        second = asyncio.ensure_future(POCKET(ask("x")))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(run()).finish == "stop"


def test_identity_names_the_weights() -> None:
    assert POCKET.identity == Pocket().identity
    assert POCKET.identity.startswith("pocket@")


def test_importing_the_client_loads_nothing_heavy() -> None:
    code = "import sys, adjoint.lm.pocket as p; p.Pocket(); print([m for m in ('numpy', 'safetensors', 'torch') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_greedy_texts_equal_those_of_transformers() -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(WEIGHTS))
    model = transformers.LlamaForCausalLM.from_pretrained(str(WEIGHTS), dtype=torch.float32)
    requests = [*few_shot(0, ROWS[:4]), *few_shot(3, ROWS[4:12])]
    for request, ours in zip(requests, together(requests), strict=True):
        messages = [{"role": m.role, "content": m.content} for m in request.messages]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt", return_dict=True)
        out = model.generate(**prompt, max_new_tokens=24, do_sample=False)[0, prompt["input_ids"].shape[1] :]
        assert tokenizer.decode(out, skip_special_tokens=True).removeprefix(" ") == ours.text


def test_a_vague_instruction_scores_near_zero() -> None:
    assert accuracy(few_shot(0, ROWS[:80]), ROWS[:80]) <= 0.10


def test_a_few_demonstrations_raise_the_score() -> None:
    assert accuracy(few_shot(4, ROWS[:80]), ROWS[:80]) > 0.90


def test_a_precise_instruction_raises_the_score() -> None:
    rows = ROWS[:80]
    said = "Give the item. Put it in square brackets."
    assert accuracy([ask(row["inputs"]["ticket"], system=said) for row in rows], rows) > 0.90
