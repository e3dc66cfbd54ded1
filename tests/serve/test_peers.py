"""The clients that people have, as they are: OpenAI's, DSPy and TextGrad, with the examples of the documentation."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.serve.conftest import MESSAGES

from adjoint.serve import Server
from adjoint.testing import ScriptedLM

PAGE = (Path(__file__).parents[2] / "docs" / "serve.md").read_text(encoding="utf-8")
EXAMPLES = {
    re.search(r"import (\w+)|from (\w+)", code).group(0).split()[1]: code
    for code in re.findall(r"^```py\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
}


def needs(package):
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed (dependency groups dev and peers)")


def script(code, server, cache):
    """What a script prints that has a process of its own, as users' scripts have, and reaches nothing but the server."""
    code = code.replace("http://127.0.0.1:8321", server.url)
    environment = {
        **os.environ,
        "XDG_CACHE_HOME": str(cache),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "DSPY_CACHEDIR": str(cache),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@needs("openai")
def test_the_example_of_openai_s_client_runs(pocket, tmp_path):
    assert script(EXAMPLES["openai"], pocket, tmp_path) == "[lamp]\n[|lamp|]||"


@needs("dspy")
def test_the_example_of_dspy_runs_and_its_program_gets_better(pocket, tmp_path):
    assert script(EXAMPLES["dspy"], pocket, tmp_path).endswith("0.0 100.0\n")


@needs("textgrad")
def test_the_example_of_textgrad_runs(pocket, tmp_path):
    assert script(EXAMPLES["textgrad"], pocket, tmp_path) == "[lamp]\n"


TEXTGRAD = """
import textgrad as tg
from openai import OpenAI
from textgrad.engine.local_model_openai_api import ChatExternalClient

engine = ChatExternalClient(client=OpenAI(base_url="http://127.0.0.1:8321/v1", api_key="none"), model_string="critic")
tg.set_backward_engine(engine, override=True)
prompt = tg.Variable("Handle the ticket.", requires_grad=True, role_description="system prompt")
answer = tg.BlackboxLLM(engine, system_prompt=prompt)(tg.Variable("a ticket", requires_grad=False, role_description="ticket"))
tg.TextLoss("Say what is wrong with the answer.")(answer).backward()
print([gradient.value for gradient in prompt.gradients])
tg.TGD(parameters=[prompt]).step()
print(prompt.value)
"""


def critic(request):
    system, said = request.messages[0].text, request.messages[-1].text
    if "<IMPROVED_VARIABLE>" in system + said:
        return "<IMPROVED_VARIABLE>Give the item.</IMPROVED_VARIABLE>"
    return "Ask for the item." if "<OBJECTIVE_FUNCTION>" in said else "no idea"


@needs("textgrad")
def test_textgrad_s_backward_and_step_run_with_a_model_that_reads_long_prompts(tmp_path):
    with Server(lm=ScriptedLM(critic, name="critic")) as server:
        assert script(TEXTGRAD, server, tmp_path) == "['Ask for the item.']\nGive the item.\n"


DSPY = """
import dspy

dspy.configure(lm=dspy.LM("openai/marked", api_base="http://127.0.0.1:8321/v1", api_key="none"))
print(dspy.ChainOfThought("word -> plural, count: int")(word="lamp").toDict())
"""
MARKED = "[[ ## reasoning ## ]]\nOne more.\n\n[[ ## plural ## ]]\nlamps\n\n[[ ## count ## ]]\n2\n\n[[ ## completed ## ]]"


@needs("dspy")
def test_dspy_s_own_adapter_reads_the_replies_of_a_model_that_writes_its_marks(tmp_path):
    with Server(lm=ScriptedLM(lambda request: MARKED, name="marked")) as server:
        assert script(DSPY, server, tmp_path) == "{'reasoning': 'One more.', 'plural': 'lamps', 'count': 2}\n"


@pytest.fixture
def client(pocket):
    openai = pytest.importorskip("openai", reason="openai is not installed (dependency group dev)")
    with openai.OpenAI(base_url=f"{pocket.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def test_openai_s_client_reads_every_kind_of_answer(client):
    chat = client.chat.completions.create(model="pocket", messages=MESSAGES, logprobs=True, n=2, temperature=1.0, seed=3)
    assert len(chat.choices) == 2 and chat.usage.total_tokens > 0
    assert chat.choices[0].logprobs.content[0].logprob <= 0
    text = client.completions.create(model="pocket", prompt=["the plural of dog", "the plural of cat"], max_tokens=3)
    assert [choice.index for choice in text.choices] == [0, 1]
    assert [model.id for model in client.models.list()] == ["pocket"]
    assert client.models.retrieve("pocket").owned_by == "adjoint"
    asked = {"model": "pocket", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    *_, last = client.chat.completions.create(**asked)
    assert last.usage.completion_tokens > 0
    with client.chat.completions.stream(model="pocket", messages=MESSAGES) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "[lamp]"


def test_openai_s_client_gets_its_own_errors(client):
    import openai

    with pytest.raises(openai.NotFoundError, match="not served here"):
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError, match="top_p") as refused:
        client.chat.completions.create(model="pocket", messages=MESSAGES, top_p=0.1, temperature=1)
    assert refused.value.code == "invalid_request"
    with Server(lm=ScriptedLM([]), token="a-token") as server:
        stranger = client.with_options(base_url=f"{server.url}/v1")
        with pytest.raises(openai.AuthenticationError, match="token"):
            stranger.models.list()
        assert [model.id for model in client.with_options(base_url=f"{server.url}/v1", api_key="a-token").models.list()] == [
            "scripted"
        ]


def test_openai_s_client_hears_of_a_stream_that_breaks_off(client):
    import openai

    from adjoint.base.errors import TransportError
    from adjoint.lm.types import Delta

    class Breaking:
        name = "breaking"

        async def __call__(self, request):
            raise AssertionError

        async def stream(self, request):
            yield Delta("half a ")
            raise TransportError("the line went dead")

    with Server(lm=Breaking()) as server:
        stream = client.with_options(base_url=f"{server.url}/v1").chat.completions.create(
            model="breaking", messages=MESSAGES, stream=True
        )
        with pytest.raises(openai.APIError, match="the line went dead"):
            list(stream)
