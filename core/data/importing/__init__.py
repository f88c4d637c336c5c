"""Real pictures and CT volumes as sample shards: ``maskel data import``."""

from maskel_core.data.importing.folder import ImportReport, import_folder
from maskel_core.data.importing.samples import ImportSettings

__all__ = ["ImportReport", "ImportSettings", "import_folder"]
