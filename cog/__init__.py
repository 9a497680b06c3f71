"""The public names of Cog, resolved lazily."""

__version__ = "0.1.0"
