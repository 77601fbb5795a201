"""Entity capabilities, written from XEP-0115 5.1 and XEP-0390 4.1 alone: an oracle that shares nothing with the module."""

import base64
import hashlib

from .xml import DISCO_INFO, attributes

IDENTITY = ("client", "pc", "", "testbed")  # category, type, language, name
URI = "https://testbed.example/"


def ver(features, identities=(IDENTITY,), algorithm="sha-1"):
    """The verification string of a client that has no extended information."""
    parts = ["/".join(identity) for identity in sorted(identities)] + sorted(set(features))
    return digest(algorithm, "".join(part + "<" for part in parts))


def element(ver, algorithm="sha-1"):
    return f"<c xmlns='http://jabber.org/protocol/caps'{attributes(hash=algorithm, node=URI, ver=ver)}/>"


def ecaps2(features, identities=(IDENTITY,), algorithm="sha-256"):
    """The hash of XEP-0390 of a client that has no extended information."""
    parts = "".join(sorted(feature + "\x1f" for feature in set(features)))
    who = "".join(sorted("".join(part + "\x1f" for part in identity) + "\x1e" for identity in identities))
    return digest(algorithm, f"{parts}\x1c{who}\x1c\x1c")


def ecaps2_element(**hashes):
    """The set of hashes; `sha_256="…"` is that of sha-256."""
    inner = "".join(
        f"<hash xmlns='urn:xmpp:hashes:2' algo='{name.replace('_', '-')}'>{value}</hash>"
        for name, value in hashes.items()
    )
    return f"<c xmlns='urn:xmpp:caps'>{inner}</c>"


def digest(algorithm, text):
    name = algorithm.replace("sha-", "sha").replace("-", "_")
    return base64.b64encode(hashlib.new(name, text.encode()).digest()).decode()


def disco_info(features, node=None, identities=(IDENTITY,)):
    body = "".join(
        f"<identity{attributes(category=category, type=type_, xml__lang=lang or None, name=name)}/>"
        for category, type_, lang, name in identities
    )
    body += "".join(f"<feature{attributes(var=var)}/>" for var in features)
    return f"<query xmlns='{DISCO_INFO[1:-1]}'{attributes(node=node)}>{body}</query>"
