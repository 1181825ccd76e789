/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - what differs between the kernels fdpin_mdev is built for
 *
 * The one place for kernel differences. Kbuild looks into the headers and
 * sets HAVE_*; no version number is asked, because distributions backport.
 */
#ifndef FDPIN_COMPAT_H
#define FDPIN_COMPAT_H

#include <linux/vfio.h>
#include <linux/workqueue.h>

/* In 6.1 a driver's release frees the memory, in 6.12 the core does. */
static inline void compat_free_device(struct vfio_device *vdev)
{
#ifdef HAVE_VFIO_FREE_DEVICE
	vfio_free_device(vdev);
#endif
}

/* Newer kernels want every workqueue to say whether it is bound to a CPU. */
#ifdef HAVE_WQ_PERCPU
#define COMPAT_WQ_BOUND		WQ_PERCPU
#else
#define COMPAT_WQ_BOUND		0
#endif

/* Since 6.2 a device without these cannot be registered where iommufd is on. */
#ifdef HAVE_BIND_IOMMUFD
#define COMPAT_IOMMUFD_OPS					\
	.bind_iommufd	= vfio_iommufd_emulated_bind,		\
	.unbind_iommufd	= vfio_iommufd_emulated_unbind,		\
	.attach_ioas	= vfio_iommufd_emulated_attach_ioas,	\
	COMPAT_DETACH_IOAS

/* Who uses the device has opened it by iommufd, and not by type1. */
static inline bool compat_is_iommufd(const struct vfio_device *vdev)
{
	return vdev->iommufd_access;
}
#else
#define COMPAT_IOMMUFD_OPS

static inline bool compat_is_iommufd(const struct vfio_device *vdev)
{
	return false;
}
#endif

#ifdef HAVE_DETACH_IOAS
#define COMPAT_DETACH_IOAS					\
	.detach_ioas	= vfio_iommufd_emulated_detach_ioas,
#else
#define COMPAT_DETACH_IOAS
#endif

#endif
