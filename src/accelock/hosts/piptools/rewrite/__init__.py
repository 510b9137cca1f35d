"""`accelock rewrite`: turn a compiled requirements file, whoever made it, to a target.

The file's direct requirements are resolved anew for the target, with all its pins as preferences.
Lines that need not change stay as they are, to the letter. `turning` resolves, `turned` edits,
`moves` says what could not stay.
"""

from accelock.hosts.piptools.rewrite.command import main

__all__ = ["main"]
