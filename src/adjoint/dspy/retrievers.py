"""`dspy.retrievers`: search by embeddings, and whatever retriever is configured."""

from adjoint.modules.retrieve import Embeddings, EmbeddingsWithScores, Retrieve

__all__ = ["Embeddings", "EmbeddingsWithScores", "Retrieve"]
