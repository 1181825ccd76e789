/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * iommufd.h - the calls of /dev/iommu and of /dev/vfio/devices that the acts
 * make, for machines whose headers are older than they are.
 */
#ifndef FDPIN_IOMMUFD_H
#define FDPIN_IOMMUFD_H

#include <linux/vfio.h>

#define FD_IOAS_ALLOC		_IO(';', 0x81)
#define FD_IOAS_COPY		_IO(';', 0x83)
#define FD_IOAS_MAP		_IO(';', 0x85)
#define FD_IOAS_UNMAP		_IO(';', 0x86)
#define FD_OPTION		_IO(';', 0x87)
#define FD_VFIO_IOAS		_IO(';', 0x88)
#define FD_IOAS_MAP_FILE	_IO(';', 0x8f)
#define FD_CHANGE_PROCESS	_IO(';', 0x92)
#define FD_TEST			_IO(';', 0xa0) /* with CONFIG_IOMMUFD_TEST */
#define FD_DEVICE_BIND		_IO(VFIO_TYPE, VFIO_BASE + 18)
#define FD_DEVICE_ATTACH	_IO(VFIO_TYPE, VFIO_BASE + 19)
#define FD_DEVICE_DETACH	_IO(VFIO_TYPE, VFIO_BASE + 20)

enum { FD_MAP_FIXED = 1, FD_MAP_WRITE = 2, FD_MAP_READ = 4 };
enum { FD_OPTION_RLIMIT_MODE = 0 };
enum { FD_VFIO_IOAS_GET = 0, FD_VFIO_IOAS_SET = 1 };
enum { FD_TEST_MOCK_DOMAIN = 2 };

struct fd_ioas_alloc {
	__u32 size, flags, ioas;
};

struct fd_ioas_map {
	__u32 size, flags, ioas, reserved;
	__u64 vaddr, length, iova;
};

struct fd_ioas_map_file {
	__u32 size, flags, ioas;
	__s32 fd;
	__u64 start, length, iova;
};

struct fd_ioas_copy {
	__u32 size, flags, to, from;
	__u64 length, to_iova, from_iova;
};

struct fd_change_process {
	__u32 size, reserved;
};

struct fd_ioas_unmap {
	__u32 size, ioas;
	__u64 iova, length;
};

struct fd_option {
	__u32 size, id;
	__u16 op, reserved;
	__u32 object;
	__u64 value;
};

struct fd_vfio_ioas {
	__u32 size, ioas;
	__u16 op, reserved;
};

struct fd_bind {
	__u32 argsz, flags;
	__s32 iommufd;
	__u32 device;
};

struct fd_attach {
	__u32 argsz, flags, ioas;
};

#endif
