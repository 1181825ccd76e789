/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * calls.h - type1's calls, as far as both those who watch them and the guard look
 * at them: include/uapi/linux/vfio.h, which cannot be had beside vmlinux.h.
 */
#ifndef FDPIN_CALLS_H
#define FDPIN_CALLS_H

#define VFIO_IOMMU_MAP_DMA 0x3b71
#define VFIO_IOMMU_UNMAP_DMA 0x3b72
#define MAP_FLAG_VADDR 4
#define UNMAP_FLAG_ALL 2
#define UNMAP_FLAG_VADDR 4

struct map_arg {
	__u32 argsz, flags;
	__u64 vaddr, iova, size;
};

struct unmap_arg {
	__u32 argsz, flags;
	__u64 iova, size;
};

#endif
