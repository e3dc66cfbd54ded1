"""Ten whole programs as DSPy's users write them; only the import is another one."""

import asyncio
import json
from typing import Literal

import pytest
from pydantic import BaseModel

import adjoint as dspy
from adjoint.testing import ScriptedLM


@pytest.fixture(autouse=True)
def no_retriever_afterwards():
    """The programs configure one for the whole process, as their authors do."""
    yield
    dspy.configure(rm=None)


def use(answers):
    """Answers of the model, instead of a provider."""
    dspy.configure(lm=ScriptedLM(answers), ledger=None)


def cot(**outputs):
    return "\n".join(f"[[{name}]]\n{value}" for name, value in outputs.items())


# 1. Multi-hop questions -------------------------------------------------------------------------------------------------

PAGES = {
    "Where was Ada Lovelace born?": ["Ada Lovelace was born in London in 1815."],
    "Which river flows through London?": ["The Thames flows through London."],
}


class Hop(dspy.Signature):
    """Write a search query that finds what is still missing."""

    context: list[str] = dspy.InputField(desc="may hold relevant facts")
    question: str = dspy.InputField()
    query: str = dspy.OutputField()


class MultiHop(dspy.Module):
    def __init__(self, hops=2):
        super().__init__()
        self.generate_query = [dspy.ChainOfThought(Hop) for _ in range(hops)]
        self.retrieve = dspy.Retrieve(k=1)
        self.generate_answer = dspy.ChainOfThought("context: list[str], question -> answer")

    def forward(self, question):
        context = []
        for hop in self.generate_query:
            query = hop(context=context, question=question).query
            context += self.retrieve(query).passages
        answer = self.generate_answer(context=context, question=question)
        return dspy.Prediction(context=context, answer=answer.answer)


def test_multi_hop_questions():
    use(
        [
            cot(reasoning="Where first.", query="Where was Ada Lovelace born?"),
            cot(reasoning="Now the river.", query="Which river flows through London?"),
            cot(reasoning="London, so the Thames.", answer="The Thames"),
        ]
    )
    dspy.configure(rm=lambda query, k: PAGES[query][:k])
    program = MultiHop()
    found = program(question="Which river flows through the city where Ada Lovelace was born?")
    assert found.answer == "The Thames"
    assert found.context == [page for pages in PAGES.values() for page in pages]
    assert [name for name, _ in program.named_predictors()] == [
        "generate_query.0.predict",
        "generate_query.1.predict",
        "generate_answer.predict",
    ]
    assert {edge.source.op for edge in found.tape.nodes[-1].parents["context"]} == {"retrieve"}


# 2. Retrieval-augmented generation ----------------------------------------------------------------------------------------

CORPUS = ["Cats sleep sixteen hours a day.", "Dogs were tamed first.", "A group of crows is called a murder."]


class RAG(dspy.Module):
    def __init__(self, search):
        self.search = search
        self.respond = dspy.ChainOfThought("context, question -> response")

    def forward(self, question):
        context = self.search(question).passages
        return self.respond(context=context, question=question)


def test_rag_is_evaluated_and_compiled():
    def words(texts):
        return [[float(word in text.lower()) for word in ("cats", "dogs", "crows")] for text in texts]

    search = dspy.Embeddings(embedder=dspy.Embedder(words), corpus=CORPUS, k=1)
    use(lambda request: cot(reasoning="Read it.", response="sixteen" if "sixteen" in request.messages[-1].text else "unknown"))
    rag = RAG(search)
    trainset = [
        dspy.Example(question=f"How long do cats sleep{'?' * n}", response="sixteen").with_inputs("question") for n in range(4)
    ]

    def metric(example, pred, trace=None):
        return example.response == pred.response

    assert dspy.Evaluate(devset=trainset, metric=metric, num_threads=4, display_progress=False)(rag).mean == 1.0
    compiled = dspy.BootstrapFewShot(metric=metric, max_bootstrapped_demos=2, max_labeled_demos=0).compile(rag, trainset=trainset)
    assert len(compiled.respond.predict.demos) == 2
    assert rag.respond.predict.demos == []


# 3. Classification ----------------------------------------------------------------------------------------------------------


class Emotion(dspy.Signature):
    """Classify emotion."""

    sentence: str = dspy.InputField()
    sentiment: Literal["sadness", "joy", "love", "anger", "fear", "surprise"] = dspy.OutputField()


def test_classification_saves_and_loads(tmp_path):
    use(lambda request: "Joy." if "!" in request.messages[-1].text else "sadness")
    classify = dspy.Predict(Emotion)
    assert [classify(sentence=text).sentiment for text in ("We won!", "It rains")] == ["joy", "sadness"]
    classify.demos = [dspy.Example(sentence="Boo!", sentiment="fear")]
    classify.save(tmp_path / "emotion.json")
    again = dspy.Predict(Emotion)
    again.load(tmp_path / "emotion.json")
    assert again.demos[0]["sentiment"] == "fear"
    assert [found.sentiment for found in again.batch([{"sentence": "We won!"}, {"sentence": "It rains"}])] == ["joy", "sadness"]


# 4. Extraction ----------------------------------------------------------------------------------------------------------------


class Person(BaseModel):
    name: str
    age: int | None = None


class Extract(dspy.Signature):
    """Extract all people."""

    text: str = dspy.InputField()
    people: list[Person] = dspy.OutputField()


class CheckedExtract(dspy.Module):
    def __init__(self):
        self.extract = dspy.Predict(Extract)

    def forward(self, text):
        found = self.extract(text=text)
        for person in found.people:
            dspy.Assert(person.name in text, f"{person.name} does not stand in the text")
        return found


def test_extraction_with_an_assertion():
    use(['[{"name": "Bob", "age": 3}]', '[{"name": "Ann", "age": "31"}, {"name": "Ed"}]'])
    found = CheckedExtract()(text="Ann, 31, met Ed.")
    assert found.people == [Person(name="Ann", age=31), Person(name="Ed")]
    assert found.tape.backtracks == 1


# 5. An agent with tools ------------------------------------------------------------------------------------------------------------


def search_flights(origin: str, to: str) -> list[str]:
    """Find flights."""
    if origin == to:
        raise ValueError("that is no flight")
    return [f"{origin}-{to} 9:00"]


def test_an_agent_with_tools():
    def step(thought, name, **args):
        return cot(next_thought=thought, next_tool_name=name, next_tool_args=json.dumps(args))

    use(
        [
            step("Look.", "search_flights", origin="OSL", to="OSL"),
            step("Wrong way.", "search_flights", origin="OSL", to="CDG"),
            step("Known.", "finish"),
            cot(reasoning="One flight.", answer="OSL-CDG 9:00"),
        ]
    )
    agent = dspy.ReAct("request -> answer", tools=[search_flights], max_iters=5)
    found = agent(request="Paris, please")
    assert found.answer == "OSL-CDG 9:00"
    assert "that is no flight" in found.trajectory["observation_0"]
    assert found.trajectory["observation_1"] == ["OSL-CDG 9:00"]


# 6. Mathematics with code -------------------------------------------------------------------------------------------------------------


def test_mathematics_with_code():
    pytest.importorskip("pydantic_monty", reason="needs the extra [sandbox]")
    use(["```python\nprint(sum(range(1, 101)))\n```", cot(reasoning="It was computed.", answer="5050")])
    solve = dspy.ProgramOfThought("question -> answer: int")
    assert solve(question="What is the sum of 1 to 100?").answer == 5050


# 7. Summaries and a judge ---------------------------------------------------------------------------------------------------------------


class Judge(dspy.Signature):
    """Say whether the summary is faithful to the text."""

    text: str = dspy.InputField()
    summary: str = dspy.InputField()
    faithful: bool = dspy.OutputField()


def test_a_summary_that_a_judge_accepts():
    judge = dspy.Predict(Judge)

    def faithful(args, pred):
        return 1.0 if judge(text=args["text"], summary=pred.summary).faithful else 0.0

    use(["Cats fly.", "no", "Cats sleep.", "yes"])
    summarise = dspy.BestOfN(module=dspy.Predict("text -> summary"), N=3, reward_fn=faithful, threshold=1.0)
    assert summarise(text="Cats sleep sixteen hours a day.").summary == "Cats sleep."


# 8. Conversation -----------------------------------------------------------------------------------------------------------------------------


class Chat(dspy.Signature):
    """Answer in the conversation."""

    history: dspy.History = dspy.InputField()
    question: str = dspy.InputField()
    answer: str = dspy.OutputField()


def test_a_conversation_with_history():
    use(["Paris", "About two million"])
    ask, history = dspy.Predict(Chat), dspy.History(messages=[])
    for question in ("Capital of France?", "How many people live there?"):
        found = ask(question=question, history=history)
        history = dspy.History(messages=[*history.messages, {"question": question, "answer": found.answer}])
    turns = [(message.role, message.text) for message in found.tape.nodes[0].messages[1:]]
    assert turns == [("user", "Capital of France?"), ("assistant", "Paris"), ("user", "How many people live there?")]
    assert history.messages[1]["answer"] == "About two million"


# 9. A service that streams ----------------------------------------------------------------------------------------------------------------------


def test_a_service_that_streams():
    use(lambda request: cot(reasoning="Think.", answer="It is four."))
    program = dspy.streamify(
        dspy.ChainOfThought("question -> answer"), stream_listeners=[dspy.StreamListener(signature_field_name="answer")]
    )

    async def serve(question):
        chunks, final = [], None
        async for item in program(question=question):
            if isinstance(item, dspy.StreamResponse):
                chunks.append(item.chunk)
            elif isinstance(item, dspy.Prediction):
                final = item
        return "".join(chunks), final.answer

    async def service():
        return await asyncio.gather(*(serve(f"{n}+{n}?") for n in range(3)))

    assert asyncio.run(service()) == [("It is four.", "It is four.")] * 3


# 10. A long document -----------------------------------------------------------------------------------------------------------------------------


def test_a_long_document():
    pytest.importorskip("pydantic_monty", reason="needs the extra [sandbox]")
    document = "\n".join(f"Chapter {n}: {'nothing ' * 400}" for n in range(50)) + "\nThe treasure lies under the oak."
    use(
        [
            cot(
                reasoning="Look for it.",
                code="lines = [line for line in document.split('\\n') if 'treasure' in line]\nprint(lines)",
            ),
            cot(reasoning="Ask about it.", code="place = llm_query('Where? ' + lines[0])\nSUBMIT(answer=place)"),
            "under the oak",
        ]
    )
    found = dspy.RLM("document, question -> answer", max_iters=5)(document=document, question="Where is the treasure?")
    assert (found.answer, found.termination_reason) == ("under the oak", "submit")
