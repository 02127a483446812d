"""Small real documents, made by the standard library.

Belongs here: bytes of files. Does not belong here: drives, tests.
"""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

__all__ = ["WORD", "docx", "odt", "pdf", "pptx", "xlsx", "zipped"]

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SLIDE = "http://schemas.openxmlformats.org/presentationml/2006/main"
_DRAWING = "http://schemas.openxmlformats.org/drawingml/2006/main"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def zipped(parts: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def _package(main: str, parts: dict[str, str]) -> bytes:
    types = (
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    start = _relations("officeDocument", main)
    return zipped({"[Content_Types].xml": types, "_rels/.rels": start, **parts})


def _relations(kind: str, target: str) -> str:
    return (
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


def docx(*paragraphs: str, title: str = "", footnote: str = "") -> bytes:
    def body(texts: tuple[str, ...]) -> str:
        return "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in texts)

    parts = {
        "word/document.xml": f'{_XML}<w:document xmlns:w="{WORD}"><w:body>{body(paragraphs)}'
        "</w:body></w:document>"
    }
    if footnote:
        parts["word/footnotes.xml"] = (
            f'{_XML}<w:footnotes xmlns:w="{WORD}"><w:footnote>{body((footnote,))}'
            "</w:footnote></w:footnotes>"
        )
    if title:
        parts["docProps/core.xml"] = (
            f'{_XML}<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties"'
            f' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title)}</dc:title>'
            "</cp:coreProperties>"
        )
    return _package("word/document.xml", parts)


def xlsx(*rows: tuple[str, ...]) -> bytes:
    cells = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t>{escape(cell)}</t></is></c>' for cell in row)
        + "</row>"
        for row in rows
    )
    return _package(
        "xl/workbook.xml",
        {
            "xl/workbook.xml": f'{_XML}<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets>'
            '<sheet name="Roster" sheetId="1" r:id="rId1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": _relations("worksheet", "worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f'{_XML}<worksheet xmlns="{_SHEET}"><sheetData>{cells}'
            "</sheetData></worksheet>",
        },
    )


def pptx(*texts: str) -> bytes:
    lines = "".join(f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>" for text in texts)
    return _package(
        "ppt/presentation.xml",
        {
            "ppt/presentation.xml": f'{_XML}<p:presentation xmlns:p="{_SLIDE}" xmlns:r="{_OFFICE}">'
            '<p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>',
            "ppt/_rels/presentation.xml.rels": _relations("slide", "slides/slide1.xml"),
            "ppt/slides/slide1.xml": f'{_XML}<p:sld xmlns:p="{_SLIDE}" xmlns:a="{_DRAWING}">'
            f"<p:cSld><p:spTree><p:sp><p:txBody>{lines}</p:txBody></p:sp></p:spTree></p:cSld></p:sld>",
        },
    )


def odt(*paragraphs: str) -> bytes:
    body = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    kind = "application/vnd.oasis.opendocument.text"
    return zipped(
        {
            "mimetype": kind,
            "content.xml": f'{_XML}<office:document-content xmlns:office="{_OPEN}:office:1.0"'
            f' xmlns:text="{_OPEN}:text:1.0" office:version="1.2"><office:body><office:text>{body}'
            "</office:text></office:body></office:document-content>",
            "META-INF/manifest.xml": f"{_XML}<manifest:manifest"
            f' xmlns:manifest="{_OPEN}:manifest:1.0"><manifest:file-entry'
            f' manifest:full-path="/" manifest:media-type="{kind}"/>'
            "</manifest:manifest>",
        }
    )


def pdf(*lines: str, title: str = "") -> bytes:
    shown = " ".join(f"({line}) Tj T*" for line in lines)
    stream = f"BT /F1 12 Tf 72 720 Td 14 TL {shown} ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R"
        "/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(stream)}>>stream\n{stream}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Title({title})>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return (
        out
        + (
            f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
            f"trailer\n<</Size {len(objects) + 1}/Root 1 0 R/Info 6 0 R>>\n"
            f"startxref\n{len(out)}\n%%EOF\n"
        ).encode()
    )
