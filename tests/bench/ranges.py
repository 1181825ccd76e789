#!/usr/bin/env drgn
# SPDX-License-Identifier: GPL-2.0-only
"""tests/bench/ranges.py: prints each range of each type1 container, with what its struct vfio_dma has.

It goes the cheap way as far as drgn's own helpers go: containers are found through their groups, without a look at any process's files; a range
is read from memory once, not field by field; what belongs to a process is found out once for it.
"""
import sys

from drgn import cast
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry

PAGE = 4096


def containers():
    """Those that have a group, which all have that can have ranges."""
    found = {}
    for group in list_for_each_entry("struct vfio_group", prog.object("vfio", filename="vfio_main.c").group_list.address_of_(), "vfio_next"):
        container = group.container.read_()
        if container:
            found[container.value_()] = container
    return found.values()


def pinned_by_drivers(dma):
    """Pages of vfio_pin_pages(), one node each."""
    if not dma.pfn_list.rb_node:
        return 0
    return sum(1 for _ in rbtree_inorder_for_each_entry("struct vfio_pfn", dma.pfn_list, "node"))


owners = {}


def owner(dma):
    task = dma.task.value_()
    if task not in owners:
        owners[task] = f"pid={dma.task.tgid.value_()} comm={dma.task.group_leader.comm.string_().decode(errors='replace')}"
    return owners[task]


def range_line(dma):
    size = dma.size.value_()
    mapped = bool(dma.iommu_mapped)
    prot = dma.prot.value_()
    return (f"iova={dma.iova.value_():#x} size={size:#x} vaddr={dma.vaddr.value_():#x} {'invalid' if dma.vaddr_invalid else 'valid'}"
            f" {'r' if prot & 1 else '-'}{'w' if prot & 2 else '-'} {'mapped' if mapped else 'unmapped'}"
            f" pinned={size // PAGE if mapped else pinned_by_drivers(dma)} charged={dma.locked_vm.value_()} mm={dma.mm.value_():x} {owner(dma)}\n")


for number, container in enumerate(containers()):
    driver = container.iommu_driver
    if not driver or b"type1" not in driver.ops.name.string_():
        continue
    iommu = cast("struct vfio_iommu *", container.iommu_data)
    count = 0
    for dma in rbtree_inorder_for_each_entry("struct vfio_dma", iommu.dma_list.address_of_(), "node"):
        sys.stdout.write(range_line(dma[0].read_()))
        count += 1
    print(f"container {number}: {count} ranges")
