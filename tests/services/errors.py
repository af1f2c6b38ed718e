"""What goes wrong with servers. Each message is a whole sentence for whoever asked for the server."""


class Missing(Exception):
    """The server, or what is needed to get it, isn't on this machine and can't be had; says what to install."""


class Failed(Exception):
    """The server ended or didn't get ready. Carries the end of its log."""
