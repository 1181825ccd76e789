# SPDX-License-Identifier: GPL-2.0-only
# virtme-run of virtme-ng, which tests/vm/virtme has found, with the root of the guest read once: nobody writes to it, and what is executed a
# thousand times is fetched through 9p only once.
import sys

from virtme import mkinitramfs
from virtme.commands.run import main


class Config(mkinitramfs.Config):
    def __init__(self):
        super().__init__()
        self.access = "ro,cache=loose"


mkinitramfs.Config = Config
sys.exit(main())
