"""Why a request is not answered."""


class Refused(Exception):
    """Ends a request with an HTTP status and the body `{"error": message}`.

    Args:
      status: HTTP status.   message: names what was wrong with the request.
    """

    def __init__(self, status, message):
        # What a request held may come back in the message: half a surrogate pair is no text.
        super().__init__(message.encode("utf-8", "replace").decode())
        self.status = status
