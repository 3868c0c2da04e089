"""OPPO Push for `pushgateway`: the plug-in class `Oppo` (entry point `oppo`) and the results of its own calls."""

from pushgateway_oppo.aliases_and_tags import Alias, RawReply, Tag, Tags
from pushgateway_oppo.feedback import InvalidTokens
from pushgateway_oppo.pictures import Picture
from pushgateway_oppo.vendor import Oppo

__all__ = ["Alias", "InvalidTokens", "Oppo", "Picture", "RawReply", "Tag", "Tags"]
