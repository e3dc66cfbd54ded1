"""`dspy.retrievers`: search by embeddings, and whatever retriever is configured."""

from adjoint.base.paths import inside
from adjoint.modules.retrieve import Embeddings, EmbeddingsWithScores, Retrieve

__all__ = ["Embeddings", "EmbeddingsWithScores", "Retrieve"]

inside(__name__, "embeddings", "retrieve")
