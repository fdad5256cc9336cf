"""Forms and a view whose files are asked about, by whatever a test puts into `scanner.ask`."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path

from greenroom import Limits
from greenroom.decorators import receives
from greenroom.forms import StagedFileField, StagedFilesField, StagedImageField
from tests.shop.models import Paper, Product
from tests.shop.views import model_form


class Scanner:
    """An inspector that does what a test says."""

    def __init__(self) -> None:
        self.ask: Callable[[Any, Any], Any] = lambda file, picture: None

    def __call__(self, file: Any, picture: Any) -> Any:
        return self.ask(file, picture)


scanner = Scanner()


class ScannedPaper(forms.ModelForm):
    body = StagedFileField(inspectors=[scanner])

    class Meta:
        model = Paper
        fields = ["title", "body"]


class ScannedProduct(forms.ModelForm):
    photo = StagedImageField(crop="4:3", inspectors=[scanner])

    class Meta:
        model = Product
        fields = ["name", "photo"]


class ScannedPapers(forms.Form):
    title = forms.CharField()
    papers = StagedFilesField(inspectors=[scanner])

    def save(self) -> Paper:
        for each in self.cleaned_data["papers"]:
            paper = Paper.objects.create(title=self.cleaned_data["title"], body=each)
        return paper


def paper(request: HttpRequest) -> HttpResponse:
    return model_form(request, ScannedPaper)


def product(request: HttpRequest) -> HttpResponse:
    return model_form(request, ScannedProduct)


def papers(request: HttpRequest) -> HttpResponse:
    return model_form(request, ScannedPapers)


@receives("body", limits=Limits(max_bytes="1 MB"), inspectors=[scanner])
def direct(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"size": request.FILES["body"].size})


urlpatterns = [
    path("greenroom/", include("greenroom.urls")),
    path("paper/", paper),
    path("product/", product),
    path("papers/", papers),
    path("direct/", direct),
]


class Daemon:
    """A virus scanner on a port of its own, which speaks clamd's INSTREAM and then says `answer` (None: not a word).

    It closes the connection afterwards if `closes`. `got` is what it was sent last.
    """

    def __init__(self) -> None:
        self.answer: bytes | None = b"stream: OK\0"
        self.closes = True
        self.got = b""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = self._listening.getsockname()
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listening.accept()
            except OSError:
                return
            self.got = b"".join(self._pieces(connection))
            if self.answer is not None:
                connection.sendall(self.answer)
            if self.closes:
                connection.close()
            else:
                self._held.append(connection)

    def _pieces(self, connection: socket.socket) -> Iterator[bytes]:
        with connection.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while size := struct.unpack(">I", stream.read(4))[0]:
                yield stream.read(size)

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for connection in self._held:
            connection.close()
