/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * facts_iommufd.h - the few calls of iommufd that are tried out (Debian 12's
 * headers are older than they are), and the act of taking memory over.
 */
#ifndef FDPIN_FACTS_IOMMUFD_H
#define FDPIN_FACTS_IOMMUFD_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <stdbool.h>

#define IOMMU_IOAS_ALLOC _IO(';', 0x81)
#define IOMMU_IOAS_MAP_FILE _IO(';', 0x8f)	 /* 6.13 */
#define IOMMU_IOAS_CHANGE_PROCESS _IO(';', 0x92) /* 6.13 */

#define IOMMU_IOAS_MAP_FIXED_IOVA (1 << 0)
#define IOMMU_IOAS_MAP_WRITEABLE (1 << 1)
#define IOMMU_IOAS_MAP_READABLE (1 << 2)

struct iommu_ioas_alloc {
	__u32 size, flags, out_ioas_id;
};

struct iommu_ioas_map_file {
	__u32 size, flags, ioas_id;
	__s32 fd;
	__aligned_u64 start, length, iova;
};

struct iommu_ioas_change_process {
	__u32 size, reserved;
};

/*
 * A fresh context in which a child has mapped one page of a file. No device is
 * attached, so nothing is pinned and no counter moves by more than 0. The child
 * lives on, as with some kernels the call on memory of a dead owner goes wrong.
 */
struct takeover {
	int iommufd, hold; /* the child ends when hold is closed */
	int child;
};

/* 0 or -errno. ipc_lock: the child keeps CAP_IPC_LOCK, with which iommufd charges nobody. */
int takeover_prepare(struct takeover *t, bool ipc_lock);
/* Make the page ours: IOMMU_IOAS_CHANGE_PROCESS. 0 or -errno. */
int takeover_call(const struct takeover *t);
void takeover_end(struct takeover *t);

#endif
