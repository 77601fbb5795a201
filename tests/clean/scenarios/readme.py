"""As README.md says, as root: `make run`, then `make test`."""

import demo
import suite

QUICK = ("bookworm",)


def walk(root):
    folder = root.clone()
    demo.walk(root, folder)
    suite.walk(root, folder)
