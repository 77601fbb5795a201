"""Entity capabilities, written from XEP-0115 5.1 alone: an oracle that shares nothing with the module."""

import base64
import hashlib

from .xml import DISCO_INFO, attributes

IDENTITY = ("client", "pc", "", "testbed")  # category, type, language, name
URI = "https://testbed.example/"


def ver(features, identities=(IDENTITY,)):
    """The verification string of a client that has no extended information."""
    parts = ["/".join(identity) for identity in sorted(identities)] + sorted(set(features))
    joined = "".join(part + "<" for part in parts).encode()
    return base64.b64encode(hashlib.sha1(joined).digest()).decode()


def element(ver):
    return f"<c xmlns='http://jabber.org/protocol/caps' hash='sha-1'{attributes(node=URI, ver=ver)}/>"


def disco_info(features, node=None, identities=(IDENTITY,)):
    body = "".join(
        f"<identity{attributes(category=category, type=type_, xml__lang=lang or None, name=name)}/>"
        for category, type_, lang, name in identities
    )
    body += "".join(f"<feature{attributes(var=var)}/>" for var in features)
    return f"<query xmlns='{DISCO_INFO[1:-1]}'{attributes(node=node)}>{body}</query>"
