"""Images that a student has pasted into an answer in prose, whatever program pasted them.

JupyterLab and VS Code keep an image as an attachment of its cell; Colab and word processors write it into the text as
a data URI. Here both become attachments that are named after what they hold. An image of the network stays the link
that it is.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

LARGEST = 8 * 2**20  # characters of an image in base64
MOST = 40  # images of a cell
# How the bytes of an image begin, its MIME type, and the ending of its name.
KINDS = (
    (rb"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (rb"\xff\xd8\xff", "image/jpeg", "jpg"),
    (rb"GIF8", "image/gif", "gif"),
    (rb"RIFF....WEBP", "image/webp", "webp"),
    (rb"BM", "image/bmp", "bmp"),
    (rb"\s*(<\?xml|<!--|<!DOCTYPE svg|<svg)", "image/svg+xml", "svg"),
)
DATA_URI = re.compile(r"data:image/[\w.+-]+;base64,([A-Za-z0-9+/=]*)")
REFERENCE = re.compile(r"<attachment:([^<>\n]+)>|attachment:([^\s()<>\"']+)")
TAG = re.compile(r"<img\b[^<>]*\bsrc\s*=\s*[\"']?attachment:([^\s<>\"']+)[^<>]*>", re.I)


def joined(parts: Iterable[tuple[str, Any]]) -> tuple[str, dict[str, dict[str, str]], int]:
    """Join the parts of an answer in prose, with their images.

    Args:
        parts: (text, attachments) of each cell; the attachments as the file has them, which may be anything.

    Returns:
        (the text, the attachments to which it refers as nbformat has them, how many images were left out). Each name
        of an attachment is a hash of the image.
    """
    images: dict[str, dict[str, str]] = {}
    lost = 0
    texts = []
    for text, attachments in parts:
        given = attachments if isinstance(attachments, dict) else {}

        def kept(content: Any, old: str) -> str:
            nonlocal lost
            found = _image(content) if len(images) < MOST else None
            if found is None:
                lost += 1
                return f"attachment:{old}"
            name, mime, encoded = found
            images[name] = {mime: encoded}
            return f"attachment:{name}"

        def attached(match: re.Match, given: dict = given) -> str:
            old = match[1] or match[2]
            bundle = next((given[name] for name in (old, unquote(old)) if name in given), None)
            content = next(iter(bundle.values()), None) if isinstance(bundle, dict) else None
            return match[0] if old in images else kept(content, old)

        text = REFERENCE.sub(attached, text)
        text = DATA_URI.sub(lambda match: kept(match[1], "imagen"), text)
        texts.append(TAG.sub(r"![](attachment:\1)", text))
    return "\n\n".join(texts), images, lost


def _image(content):
    """(name, MIME type, base64) of an image; None if it is none, or too large."""
    if isinstance(content, list):  # nbformat lets any text be a list of lines
        content = "".join(part for part in content if isinstance(part, str))
    if not isinstance(content, str) or len(content) > LARGEST:
        return None
    try:
        raw = content.encode() if content.lstrip().startswith("<") else base64.b64decode("".join(content.split()))
    except (binascii.Error, ValueError):
        return None
    for start, mime, ending in KINDS:
        if re.match(start, raw[:100], re.S):
            return f"{hashlib.sha256(raw).hexdigest()[:16]}.{ending}", mime, base64.b64encode(raw).decode()
    return None
