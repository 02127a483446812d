"""A local iCloud: signing in, Drive, documents and storage, over HTTPS on this machine."""

from tests.fakes.icloud.account import Account
from tests.fakes.icloud.server import ICloudServer
from tests.fakes.icloud.tree import Behaviour, Item, Tree

__all__ = ["Account", "Behaviour", "ICloudServer", "Item", "Tree"]
