"""A file that the provider already has is sent by its id, or refused where that cannot be: never as an empty file."""

import pytest

from adjoint.base.errors import UsageError
from adjoint.base.parts import Part
from adjoint.lm import anthropic_form, gemini_form, openai_form, responses

PAPER, PICTURE = Part("file", file_id="file-1"), Part("image", file_id="file-1")


def test_a_file_is_sent_by_its_id():
    assert openai_form.chat_part(PAPER) == {"type": "file", "file": {"file_id": "file-1"}}
    assert responses._part(PAPER, "input_text") == {"type": "input_file", "file_id": "file-1"}
    assert responses._part(PICTURE, "input_text") == {"type": "input_image", "file_id": "file-1"}
    assert anthropic_form._source(PAPER) == {"type": "file", "file_id": "file-1"}


@pytest.mark.parametrize("send", [lambda: openai_form.chat_part(PICTURE), lambda: gemini_form._part(PAPER)])
def test_where_there_is_no_such_form_it_is_refused(send):
    with pytest.raises(UsageError, match="by file id"):
        send()
