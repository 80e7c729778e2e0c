"""Names of attachments, which strangers chose, as names of files: they can't leave their folder, nor pose as another kind.

Source: RFC 6266 and RFC 8187 for the header; Unicode TR36 for characters that change what is seen.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

LONGEST = 120
_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')
# Control and format characters: line ends split headers, overrides make "exe.pdf" out of "fdp.exe".
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def filename(written: str | None, otherwise: str) -> str:
    """A name that is safe to show and to save under: one line, no folders, no unseen characters, at most 120 long."""
    shown = "".join(
        " " if unicodedata.category(one) in ("Cc", "Zl", "Zp") else one
        for one in unicodedata.normalize("NFC", (written or "")[: 8 * LONGEST])
        if unicodedata.category(one) not in _UNSEEN or unicodedata.category(one) in ("Cc", "Zl", "Zp")
    )
    name = re.sub(r"\s+", " ", _FORBIDDEN.sub("_", shown)).strip(" .")
    if len(name) > LONGEST:
        stem, dot, ending = name.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 10 else ""
        name = (stem if ending else name)[: LONGEST - len(ending)].rstrip(" .") + ending
    return name or otherwise


def content_disposition(name: str, *, inline: bool) -> str:
    """The header's value for a name of `filename`: ASCII in one parameter, the name itself in another."""
    plain = re.sub(
        r"[^A-Za-z0-9 ._()+,=@-]", "_", unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    )
    plain = plain.strip(" .") or "attachment"
    how = "inline" if inline else "attachment"
    exactly = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{how}; filename="{plain}"{exactly}'
