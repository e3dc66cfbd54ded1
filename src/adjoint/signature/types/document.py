"""Documents and citations: sources as inputs, and the passages of them that an answer stands on."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, model_serializer, model_validator

from adjoint.signature.types.base import Type
from adjoint.signature.types.listed import Listed


class Document(Type):
    """A source text, with a title by which it is cited.

    >>> Document(data="Water boils at 100 °C.", title="Physics").format()
    '{"title": "Physics", "data": "Water boils at 100 °C."}'
    """

    data: str
    title: str | None = None
    media_type: str = "text/plain"
    context: str | None = None

    def format(self) -> str:
        shown = {"title": self.title, "data": self.data, "context": self.context}
        return json.dumps({key: value for key, value in shown.items() if value is not None}, ensure_ascii=False)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        return {"data": given} if isinstance(given, str) else given


class Citation(BaseModel):
    """One cited passage. The positions are those in the document's text, where they are known."""

    model_config = ConfigDict(extra="ignore")

    cited_text: str
    document_index: int = 0
    document_title: str | None = None
    start_char_index: int | None = None
    end_char_index: int | None = None
    supported_text: str | None = None


class Citations(Listed[Citation]):
    """The passages that support an answer.

    >>> Citations.from_dict_list([{"cited_text": "at 100 °C", "document_index": 0}])[0].cited_text
    'at 100 °C'
    """

    citations: list[Citation]

    @classmethod
    def description(cls) -> str:
        return 'a JSON list of {"cited_text": the exact words, "document_index": number of the document, from 0}'

    def located(self, documents: list[Document]) -> Citations:
        """The citations whose words stand in their document, each with its positions; invented ones are left out."""
        found = []
        for citation in self.citations:
            if 0 <= citation.document_index < len(documents):
                document = documents[citation.document_index]
                start = document.data.find(citation.cited_text)
                if start >= 0:
                    place = {"start_char_index": start, "end_char_index": start + len(citation.cited_text)}
                    found.append(citation.model_copy(update={"document_title": document.title, **place}))
        return Citations(citations=found)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        del schema, handler
        citation = {"cited_text": {"type": "string"}, "document_index": {"type": "integer"}}
        return {"type": "array", "items": {"type": "object", "properties": citation, "required": list(citation)}}

    @model_serializer
    def _as_list(self) -> list[dict[str, Any]]:
        return [citation.model_dump(mode="json", exclude_none=True) for citation in self.citations]
