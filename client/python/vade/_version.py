"""The one place of the package's version; it is that of the project."""

VERSION = "0.1.0"
