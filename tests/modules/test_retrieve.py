"""Retrieval: nearest texts, saved without pickle, any retriever behind `Retrieve`, nearest examples."""

import asyncio

import numpy as np
import pytest

import adjoint
from adjoint import KNN, Embedder, Embeddings, EmbeddingsWithScores, Example, Predict, Retrieve
from adjoint.base.errors import ToolError, UsageError
from adjoint.testing import ScriptedLM

CORPUS = ["aaa is the letter a", "bbb is the letter b", "abab has both letters"]


def letters(texts):
    return [[text.count("a"), text.count("b"), 0.1] for text in texts]


def test_the_nearest_texts_come_first():
    search = Embeddings(CORPUS, Embedder(letters), k=2)
    found = search("bbbb")
    assert (found.passages, found.indices) == ([CORPUS[1], CORPUS[2]], [1, 2])
    assert search("bbbb", k=1).passages == [CORPUS[1]]
    assert asyncio.run(search.acall("bbbb")) == found


def test_scores_are_cosines():
    found = EmbeddingsWithScores(["aa", "a", "b"], letters, k=3)("aa")
    assert found.indices[0] == 0
    assert found.scores[0] == pytest.approx(1.0)
    assert found.scores == sorted(found.scores, reverse=True)


def test_the_corpus_is_embedded_once():
    seen = []

    def count(texts):
        seen.extend(texts)
        return letters(texts)

    search = Embeddings(CORPUS, count)
    search("a")
    search("b")
    assert seen == [*CORPUS, "a", "b"]


def test_saved_embeddings_need_no_pickle_and_are_not_embedded_again(tmp_path):
    Embeddings(CORPUS, letters, k=2).save(tmp_path / "corpus.npz")
    with np.load(tmp_path / "corpus.npz", allow_pickle=False) as file:
        assert sorted(file) == ["body", "vectors"]
    loaded = Embeddings.load(
        tmp_path / "corpus.npz", lambda texts: letters(texts) if texts == ["bbbb"] else pytest.fail("embedded again")
    )
    assert loaded("bbbb").passages == [CORPUS[1], CORPUS[2]]
    assert EmbeddingsWithScores.from_saved(tmp_path / "corpus.npz", letters)("b").scores


@pytest.mark.parametrize("damage", ["missing", "text", "pickle", "other"])
def test_a_file_that_holds_none_is_refused(tmp_path, damage):
    path = tmp_path / "x.npz"
    if damage == "text":
        path.write_text("nothing")
    if damage == "pickle":
        np.savez(path, body=np.array([{"a": 1}], dtype=object), vectors=np.zeros((1, 1)))
    if damage == "other":
        np.savez(path, body=np.frombuffer(b"{}", dtype=np.uint8), vectors=np.zeros((1, 1)))
    with pytest.raises(UsageError, match="holds no saved embeddings"):
        Embeddings.load(path, letters)


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(UsageError, match="at least one text"):
        Embeddings([], letters)
    search = Embeddings(CORPUS, lambda texts: [[1.0] * len(texts)] * len(texts))
    with pytest.raises(UsageError, match="use the embedder of the corpus"):
        search("a")


class RAG(adjoint.Module):
    def __init__(self):
        self.retrieve, self.answer = Retrieve(k=1), Predict("context, question -> answer")

    def forward(self, question):
        return self.answer(context=self.retrieve(question).passages, question=question)


def several(query, k):
    return [{"long_text": f"about {query} at length"}, "more"][:k]


async def asynchronous(query, k):
    return [f"about {query} at length"]


@pytest.mark.parametrize("rm", [several, asynchronous, Embeddings(CORPUS, letters)])
def test_retrieve_asks_any_retriever_and_its_passages_are_edges(rm):
    with adjoint.context(lm=ScriptedLM(["b"]), ledger=None, rm=rm):
        found = RAG()(question="bbb?")
    search = next(node for node in found.tape.nodes if node.op == "retrieve" and node.module is not None)
    assert {edge.source.op for edge in found.tape.nodes[-1].parents["context"]} == {"retrieve"}
    assert len(search.outputs["passages"]) == 1


def test_without_a_retriever_it_says_what_to_configure():
    with pytest.raises(UsageError, match=r"configure\(rm="):
        Retrieve()("?")


def test_what_is_no_passage_is_an_error_of_the_retriever():
    with adjoint.context(rm=lambda query, k: [3]), pytest.raises(ToolError, match="which is no passage"):
        Retrieve()("?")


def test_the_nearest_examples_are_found_by_their_inputs():
    rows = [Example(q=text, a="x").with_inputs("q") for text in ("aaa", "bbb", "ab")]
    assert KNN(2, rows, Embedder(letters))(q="aaaa") == [rows[0], rows[2]]
    with pytest.raises(UsageError, match="trainset is empty"):
        KNN(1, [], letters)
