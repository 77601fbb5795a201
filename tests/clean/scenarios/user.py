"""As README.md says, as a person who may use sudo: `make run`, then `make test`."""

import demo
import suite


def walk(root):
    root.become_user()
    folder = root.clone()
    demo.walk(root, folder)
    suite.walk(root, folder)
