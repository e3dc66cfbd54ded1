"""Images, sounds and files become parts of a message; nothing is read or fetched unless the program says so."""

import base64
import http.server
import io
import threading
import wave
from typing import Optional

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError, create_model

from adjoint import Audio, File, Image, Predict, Signature
from adjoint.adapters.chat import ChatAdapter
from adjoint.base.errors import MissingExtraError, UsageError
from adjoint.base.json import plain
from adjoint.base.parts import Part

PNG = b"\x89PNG\r\n\x1a\n"


def test_an_address_stays_an_address():
    assert Image("https://example.org/a.png").format() == [Part("image", url="https://example.org/a.png")]
    assert Image.from_url("https://example.org/a.png") == Image(url="https://example.org/a.png")


def test_bytes_are_sent_along():
    assert Image(PNG).format() == [Part("image", data=base64.b64encode(PNG).decode(), media_type="image/png")]
    assert File.from_bytes(b"x", filename="a.bin").format()[0].name == "a.bin"


@pytest.mark.parametrize("spelling", ["from_path", "from_file"])
def test_a_file_is_read_with_its_name_and_type(tmp_path, spelling):
    path = tmp_path / "cat.jpg"
    path.write_bytes(PNG)
    part = getattr(Image, spelling)(path).format()[0]
    assert (part.media_type, part.name, base64.b64decode(part.data)) == ("image/jpeg", "cat.jpg", PNG)


def test_a_missing_file_is_named():
    with pytest.raises(UsageError, match=r"cannot read 'nowhere.png'"):
        Image.from_path("nowhere.png")


def test_data_cannot_name_a_file_of_this_machine(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("x")
    with pytest.raises(ValidationError, match="from_path"):
        Image.model_validate(str(secret))
    with pytest.raises(ValidationError, match="from_path"):
        Image.model_validate({"url": f"file://{secret}"})


def test_a_file_id_is_the_providers():
    assert File.from_file_id("file-abc").format() == [Part("file", file_id="file-abc")]


def test_a_sound_is_made_of_samples():
    part = Audio.from_array(np.array([0.0, 1.0, -1.0, 2.0]), 8000).format()[0]
    with wave.open(io.BytesIO(base64.b64decode(part.data))) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getnframes()) == (8000, 1, 4)
        assert np.frombuffer(sound.readframes(4), "<i2").tolist() == [0, 32767, -32767, 32767]
    with pytest.raises(UsageError, match="a sound is an array"):
        Audio.from_array(np.array(["x"]), 8000)


def test_a_pillow_picture_is_saved_by_itself():
    class Picture:
        def save(self, sink, **options):
            sink.write(PNG)

    assert Image.from_PIL(Picture()) == Image(PNG, media_type="image/png")
    assert Image(Picture()).url == Image(PNG).url


def test_pixels_need_pillow(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with pytest.raises(MissingExtraError, match=r"adjoint\[images\]"):
        Image.from_array(np.zeros((2, 2), "uint8"))


def test_a_download_happens_only_when_asked():
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/webp")
            self.end_headers()
            self.wfile.write(PNG)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/a"
    Image.from_url(url).format()
    assert asked == []
    part = Image.from_url(url, download=True).format()[0]
    assert Image(url, download=True) == Image.from_url(url, download=True)
    assert asked == ["/a"] * 3
    server.shutdown()
    server.server_close()
    assert (part.media_type, base64.b64decode(part.data)) == ("image/webp", PNG)
    with pytest.raises(UsageError, match="cannot download"):
        Image.from_url(url, download=True)
    with pytest.raises(UsageError, match="only http and https"):
        Image.from_url("gs://bucket/a.png", download=True)


def test_an_unknown_argument_is_refused():
    with pytest.raises(ValidationError, match="dowload"):
        Image("https://example.org/a.png", dowload=True)


def test_an_image_survives_json():
    image = Image(PNG)
    assert Image.model_validate(plain(image)) == image
    assert len(repr(Image(PNG * 1000))) < 100


def test_images_stand_where_their_field_stands():
    signature = Signature("photo: Image, question, more: list[Image] -> answer")
    a, b = Image("https://example.org/a.png"), Image("https://example.org/b.png")
    content = ChatAdapter().turn(signature, {"photo": a, "question": "Same?", "more": [b, a]}).content
    assert [part.text or part.url[-5:] for part in content] == [
        "photo: ",
        "a.png",
        "\nquestion: Same?\nmore: [",
        "b.png",
        ", ",
        "a.png",
        "]",
    ]


def test_rows_hold_images_as_plain_data():
    signature = Signature("photo: Image -> answer")
    assert ChatAdapter().turn(signature, {"photo": "https://example.org/a.png"}).content == (
        Part("image", url="https://example.org/a.png"),
    )
    with pytest.raises(UsageError, match=r"'photo' cannot be 'cat.png'"):
        ChatAdapter().turn(signature, {"photo": "cat.png"})


def test_a_file_is_named_as_dspys_programs_name_it(tmp_path):
    path = tmp_path / "note.txt"
    path.write_bytes(b"hello")
    for made in (
        File.from_bytes(b"hello", "other.txt", "text/plain"),
        File.from_path(path, filename="other.txt", mime_type="text/plain"),
    ):
        assert (made.filename, made.media_type, made.file_data) == ("other.txt", "text/plain", "data:text/plain;base64,aGVsbG8=")
    assert (File.from_path(path).filename, File.from_bytes(b"x", media_type="text/plain").filename) == ("note.txt", "")


def test_an_image_in_a_model_is_one_after_it_was_saved(tmp_path):
    class Page(BaseModel):
        scan: Image
        next: Optional["Page"] = None

    signature = Signature("page: Page -> title", custom_types={"Page": Page})
    assert signature.fields["page"].rich
    assert not Signature("n: Plain -> title", custom_types={"Plain": create_model("Plain", n=int)}).fields["n"].rich
    saved, loaded = Predict(signature), Predict(signature)
    saved.demos = [{"page": Page(scan=Image("https://example.org/a.png")), "title": "A"}]
    saved.save(tmp_path / "program.json")
    loaded.load(tmp_path / "program.json")
    page = Page(scan=Image("https://example.org/b.png"))
    assert loaded.render(page=page).request == saved.render(page=page).request
