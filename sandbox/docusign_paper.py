"""The paper of an envelope: small real PDFs whose text is the field values, readable by eye and by a test."""

from collections.abc import Sequence

from sandbox.core import Record

_LINES_A_PAGE = 46


def agreement(envelope: Record) -> bytes:
    """The agreement itself: every filled field as "Label: value", then the signatures."""
    lines = [envelope["documentName"], "", envelope["emailSubject"], ""]
    for signer in envelope["signers"]:
        lines += [f"{tab['tabLabel']}: {tab['value']}" for tab in signer["tabs"] if tab["value"]]
    lines += ["", "Signatures"]
    for signer in envelope["signers"]:
        signed = signer.get("signedDateTime")
        name = signer.get("signatureName") or signer["name"]
        lines.append(f"{signer['roleName']}: " + (f"signed by {name}, {signed}" if signed else "not signed"))
    return pdf(lines)


def certificate(envelope: Record) -> bytes:
    """The certificate of completion: who, from where, when."""
    lines = [
        "Certificate Of Completion",
        "",
        f"Envelope Id: {envelope['envelopeId']}",
        f"Status: {envelope['status'].capitalize()}",
        f"Subject: {envelope['emailSubject']}",
        f"Sent: {envelope.get('sentDateTime', '')}",
        f"Completed: {envelope.get('completedDateTime', '')}",
    ]
    lines += [f"{f['name']}: {f['value']}" for f in envelope["customFields"] if f["show"] == "true"]
    for signer in envelope["signers"]:
        lines += ["", f"{signer['roleName']}: {signer['name']} <{signer['email']}>"]
        lines += [
            f"Viewed: {signer.get('deliveredDateTime', '')}",
            f"Signed: {signer.get('signedDateTime', '')}",
        ]
    return pdf(lines)


def pdf(lines: Sequence[str]) -> bytes:
    """A PDF 1.4 of plain Helvetica lines, uncompressed; as many pages as it takes. Latin letters only."""
    pages = [lines[start : start + _LINES_A_PAGE] for start in range(0, len(lines), _LINES_A_PAGE)] or [[""]]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        shown = _content(page, heading=number == 0)
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * number} 0 R"
            f" /Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%b\nendstream" % (len(shown), shown))
    return _assembled(objects)


def _content(lines: Sequence[str], heading: bool) -> bytes:
    parts = [b"BT 60 790 Td 16 TL"]
    for number, line in enumerate(lines):
        size = 18 if heading and number == 0 else 10
        escaped = line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        parts.append(b"/F1 %d Tf (%b) Tj T*" % (size, escaped.encode("cp1252", errors="replace")))
    parts.append(b"ET")
    return b"\n".join(parts)


def _assembled(objects: Sequence[bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
