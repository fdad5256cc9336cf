"""The translations of Greenroom's own sentences: brings the catalogues in `locale/` up to what the source says.

    python scripts/translations.py          # writes the .po files anew, and the .mo files from them

New sentences come in without a translation, what nobody says any more goes. Only the standard library is needed.
"""

from __future__ import annotations

import ast
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src/greenroom"
LOCALE = SOURCE / "locale"

PLURALS = {
    "ar": "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 && n%100<=99 ? 4 : 5;",
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
}
"""The languages, and for which numbers each has a form. Django keeps to the formula of each catalogue."""

MARKS = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL_MARKS = {"ngettext", "ngettext_lazy", "counted"}
TEMPLATE = re.compile(
    r"""\{%\s*translate\s+(?:"(?P<double>[^"]+)"|'(?P<single>[^']+)')[^%]*%\}"""
    r"""|\{%\s*blocktranslate\b[^%]*%\}(?P<block>.*?)\{%\s*endblocktranslate\s*%\}""",
    re.DOTALL,
)


@dataclass
class Entry:
    """A sentence: as the source says it, where that is, and in another language, a form for each plural."""

    msgid: str
    plural: str = ""
    places: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)


def extract() -> dict[str, Entry]:
    """All sentences of the source that are marked for translation, in the order of their places."""
    found: dict[str, Entry] = {}
    for path in sorted([*SOURCE.rglob("*.py"), *SOURCE.rglob("*.html")]):
        marked = in_python(path) if path.suffix == ".py" else in_template(path)
        for msgid, plural in marked:
            entry = found.setdefault(msgid, Entry(msgid))
            entry.plural = entry.plural or plural
            place = str(path.relative_to(ROOT))
            if place not in entry.places:
                entry.places.append(place)
    return found


def in_python(path: Path) -> Iterator[tuple[str, str]]:
    """Pairs of singular and plural, which may be empty."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and each.value]
        if name in MARKS and len(texts) == 1:
            yield str(texts[0]), ""
        elif name in PLURAL_MARKS and len(texts) >= 2:
            yield str(texts[0]), str(texts[1])


def in_template(path: Path) -> Iterator[tuple[str, str]]:
    """What a template translates; places for values are written as Python does."""
    for match in TEMPLATE.finditer(path.read_text()):
        block = match["block"]
        yield match["double"] or match["single"] or re.sub(r"\{\{\s*(\w+)\s*\}\}", r"%(\1)s", block), ""


def read_po(text: str) -> dict[str, Entry]:
    """The entries of a catalogue, its header (the entry of the empty sentence) included."""
    found: dict[str, Entry] = {}
    for block in text.split("\n\n"):
        lines = [each for each in block.splitlines() if each and not each.startswith("#")]
        values: list[tuple[str, str]] = []
        for line in lines:
            keyword, literal = line[: line.index('"')].strip(), line[line.index('"') :]
            if not keyword:  # a text goes on
                keyword, before = values.pop()
                values.append((keyword, before + ast.literal_eval(literal)))
            else:
                values.append((keyword, ast.literal_eval(literal)))
        if values:
            parts = dict(values)
            forms = [form for keyword, form in values if keyword.startswith("msgstr")]
            found[parts["msgid"]] = Entry(parts["msgid"], parts.get("msgid_plural", ""), [], forms)
    return found


def write_po(language: str, entries: dict[str, Entry], known: dict[str, Entry]) -> str:
    """A catalogue with the sentences of the source, and what is known of their translations."""
    count = forms_of(language)
    blocks = ["\n".join(['msgid ""', 'msgstr ""', *(f'"{line}\\n"' for line in header(language))])]
    for entry in entries.values():
        forms = known[entry.msgid].forms if entry.msgid in known else []
        lines = [f"#: {' '.join(entry.places)}", f"msgid {quoted(entry.msgid)}"]
        if entry.plural:
            lines.append(f"msgid_plural {quoted(entry.plural)}")
            forms = [*forms, *[""] * count][:count]
            lines += [f"msgstr[{number}] {quoted(form)}" for number, form in enumerate(forms)]
        else:
            lines.append(f"msgstr {quoted(forms[0] if forms else '')}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def forms_of(language: str) -> int:
    """How many plural forms a language has."""
    return int(PLURALS[language].removeprefix("nplurals=")[0])


def header(language: str) -> list[str]:
    """What gettext wants to know of a catalogue, as the translation of the empty sentence."""
    return [
        "Project-Id-Version: django-greenroom",
        f"Language: {language}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=UTF-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {PLURALS[language]}",
    ]


def quoted(text: str) -> str:
    """A text as it stands in a .po file."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def compiled(entries: dict[str, Entry]) -> bytes:
    """The .mo file of a catalogue: a header, two tables of lengths and places, and the texts, sorted."""
    pairs = sorted(
        ("\0".join(filter(None, [each.msgid, each.plural])).encode(), "\0".join(each.forms).encode())
        for each in entries.values()
        if all(each.forms)
    )
    tables = ([key for key, _text in pairs], [text for _key, text in pairs])
    place = 28 + 16 * len(pairs)
    out = [struct.pack("<7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, place)]
    for table in tables:
        for each in table:
            out.append(struct.pack("<2I", len(each), place))
            place += len(each) + 1
    return b"".join([*out, *(each + b"\0" for table in tables for each in table)])


def main() -> None:
    """Write the catalogues of all languages, and say what they lack."""
    entries = extract()
    for language in PLURALS:
        path = LOCALE / language / "LC_MESSAGES/django.po"
        path.parent.mkdir(parents=True, exist_ok=True)
        known = read_po(path.read_text()) if path.exists() else {}
        path.write_text(write_po(language, entries, known))
        path.with_suffix(".mo").write_bytes(compiled(read_po(path.read_text())))
        missing = [each for each in read_po(path.read_text()).values() if not all(each.forms)]
        print(f"{language}: {len(entries)} sentences, {len(missing)} without a translation")


if __name__ == "__main__":
    main()
