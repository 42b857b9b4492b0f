"""See `unideq.engine.cache`."""

from ..cache import CompiledCache, HashedKey, IdentityCache

__all__ = ["CompiledCache", "HashedKey", "IdentityCache"]
