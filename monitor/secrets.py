"""Secrets: the configuration only says where one is kept, and nothing here ever prints one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

from pydantic import model_validator

from monitor.settings import Section


class SecretError(Exception):
    """A secret could not be read. The text names the place, never the value."""


class Secret:
    """A value that does not show itself: not in ``repr``, logs, errors or pickles."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class SecretRef(Section):
    """Where a secret is kept: exactly one of three places."""

    env: str | None = None
    """The name of an environment variable."""
    file: Path | None = None
    """A file that holds the secret alone; a trailing newline is not part of it."""
    credential: str | None = None
    """A systemd credential (``LoadCredential=``), by its name."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(place is not None for place in (self.env, self.file, self.credential)) != 1:
            raise ValueError(
                "a secret is referred to by exactly one of env, file or credential, "
                'for example { env = "WECOM_KEY" }'
            )
        return self

    def place(self) -> str:
        """The place in words, for errors."""
        if self.env is not None:
            return f"environment variable {self.env}"
        if self.file is not None:
            return f"file {self.file}"
        return f"systemd credential {self.credential}"

    def read(self) -> Secret:
        """The secret, or ``SecretError`` that names the place."""
        if self.env is not None:
            value = os.environ.get(self.env)
            if value is None:
                raise SecretError(f"{self.place()} is not set")
        else:
            path = self.file or Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / str(
                self.credential
            )
            try:
                value = path.read_text("utf-8").removesuffix("\n")
            except OSError as error:
                raise SecretError(f"{self.place()} cannot be read: {error.strerror}") from error
            except UnicodeDecodeError as error:
                raise SecretError(f"{self.place()} is not UTF-8 text") from error
        if not value:
            raise SecretError(f"{self.place()} is empty")
        return Secret(value)
