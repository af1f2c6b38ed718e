"""Files as the chunks that an agent would send of them, for `logd parse`."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator

from logd.agent.batches import Labels
from logd.agent.discover import Discovery, default_service
from logd.agent.labels import labels_of
from logd.chunk import CRI, CUT_TAG, DOCKER, TEXT, Chunk, Positions, compress
from logd.cli.inputs import STDIN, Input, opened
from logd.cli.portions import portions
from logd.config.schema import Config, Files

#: So many bytes of lines are parsed, and shown, at once.
_PART_BYTES = 512 * 1024
_COMPRESSED = re.compile(r"\.(gz|zst|zstd)$")
_CONTENT_TYPES = {"docker": DOCKER, "cri": CRI}


class Trial:
    """`service`, `source` and `content_type` are what was asked for, None what a file's entry says, or its path."""

    def __init__(self, config: Config, service: str | None, source: str | None, content_type: str | None) -> None:
        self.host = config.agent.host or socket.gethostname()
        self._entries = Discovery(config.agent.files, config.data_dir)
        self._stdin = config.agent.stdin
        self._max_line_bytes = config.ingest.max_line_bytes
        self._service = service
        self._source = source
        self._content_type = content_type

    def chunks(self, name: str) -> Iterator[tuple[Chunk, bytes]]:
        """The file's lines in chunks, each beside its text, with little of it in memory at a time. Raises NotFound,
        and Corrupt at the place where it can't be read any further."""
        source = opened(name)
        try:
            labels, content_type = self._labelled(source)
            identity = source.identity()
            now_us = time.time_ns() // 1000
            # Years that lines leave out, and times of lines that have none, are those of when the file was written.
            observed_us = min(now_us, identity.modified_us) if identity else now_us
            for portion in portions(source.blocks(), 0, self._max_line_bytes):
                tags = (*labels.tags, CUT_TAG) if portion.cut else labels.tags
                position = portion.start
                for text in _parts(portion.text):
                    chunk = Chunk(
                        service=labels.service,
                        host=labels.host,
                        source=labels.source,
                        source_id="0" * 16,
                        offset=position,
                        lines=text.count(b"\n") + (not text.endswith(b"\n")),
                        observed_us=observed_us,
                        value=compress(text),
                        content_type=content_type,
                        positions=Positions.BYTE,
                        tags=tags,
                        fields=labels.fields,
                    )
                    yield chunk, text
                    position += len(text)
        finally:
            source.close()

    def _labelled(self, source: Input) -> tuple[Labels, str]:
        if source.name == STDIN and self._source is None:
            stdin = self._stdin
            service = self._service or stdin.service
            return Labels(service, self.host, "stdin", tuple(stdin.tags), stdin.fields), self._content_type or TEXT
        path = os.path.abspath(self._source or _COMPRESSED.sub("", source.name))
        entry = self._entries.entry_of(path) or Files(paths=[path])
        labels = labels_of(entry, path, self.host)
        service = self._service or labels.service or default_service(path)
        labels = Labels(service, labels.host, self._source or labels.source, labels.tags, labels.fields)
        return labels, self._content_type or _CONTENT_TYPES.get(entry.format, TEXT)


def _parts(text: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(text):
        end = text.find(b"\n", min(start + _PART_BYTES, len(text)) - 1) + 1 or len(text)
        yield text[start:end]
        start = end
