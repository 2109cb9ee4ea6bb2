"""A connector in a process of its own, to be killed: `python pull_child.py JSON`."""

import json
import sys
import time
from datetime import datetime
from functools import partial
from pathlib import Path

from ioc_cloud.db.pool import connect
from ioc_cloud.events.evidence import Folder
from ioc_cloud.feeds.catalogue import Catalogue
from ioc_cloud.feeds.doors.asking import Line
from ioc_cloud.feeds.doors.folder import WatchedFolders
from ioc_cloud.feeds.doors.pull import Puller
from ioc_cloud.feeds.doors.secret_files import SecretFiles


def main() -> None:
    told = json.loads(sys.argv[1])
    home, now = Path(told["home"]), datetime.fromisoformat(told["now"])
    opener = partial(connect, told["database_url"], application="ioc-doomed")
    store, catalogue = Folder(home / "evidence"), Catalogue.of_province()
    if told["door"] == "folder":
        folders = WatchedFolders(opener, catalogue, store, home / "inbox")
        folders.take(told["feed"], Path(told["file"]), now)
    else:
        line = Line(SecretFiles(home / "secrets"), time.sleep, told["url"])
        Puller(opener, catalogue, store, line, home / "scratch").pull(told["feed"], now)
    print("done")


if __name__ == "__main__":
    main()
