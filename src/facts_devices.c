// SPDX-License-Identifier: GPL-2.0-only
/*
 * facts_devices.c - what the devices of VFIO and iommufd answer (facts.h).
 *
 * Their nodes are there before their drivers are, and opening one loads the
 * driver. That is not ours to do: a device is opened only if its driver is
 * there. What is opened is a container or a context of our own, empty, and
 * gone at once.
 */
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "facts_iommufd.h"
#include "util.h"

/* A container without a group asks every driver; type1 answers the second question with 1 if it is there. */
static void extension(struct facts *f)
{
	_cleanup_close_ int fd = -1;
	int answer;

	if (!module_runs(&f->vfio) || !module_runs(&f->type1)) {
		fact_set(&f->extension, NOT_KNOWN, "%s is not loaded",
			 module_runs(&f->vfio) ? "vfio_iommu_type1" : "vfio");
		return;
	}
	fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fact_set(&f->extension, NOT_KNOWN, "cannot open /dev/vfio/vfio: %s", strerror(errno));
		return;
	}
	if (ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1) {
		fact_set(&f->extension, NOT_KNOWN, "type1 does not answer on /dev/vfio/vfio");
		return;
	}
	answer = ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR);
	if (answer < 0)
		fact_set(&f->extension, NOT_KNOWN, "VFIO_CHECK_EXTENSION: %s", strerror(errno));
	else
		fact_set(&f->extension, known(answer), "%s", "");
}

/* A call with an argument that no kernel accepts: ENOTTY means that there is no such call. */
static void call(struct fact *fact, int fd, unsigned long request, void *arg)
{
	bool refused = ioctl(fd, request, arg) < 0;

	fact_set(fact, known(!refused || errno != ENOTTY), "%s", "");
}

static void iommufd(struct facts *f)
{
	struct iommu_ioas_map_file map = { .size = sizeof(map), .fd = -1 };
	struct iommu_ioas_change_process change = { .size = sizeof(change), .reserved = 1 };
	_cleanup_close_ int fd = -1;

	if (!module_runs(&f->iommufd)) {
		enum known is = f->iommufd.presence == PRESENCE_NONE ? KNOWN_NO : NOT_KNOWN;

		fact_set(&f->map_file, is, "%s", is ? "no iommufd" : "iommufd is not loaded");
		f->change_process = f->map_file;
		return;
	}
	fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		fact_set(&f->map_file, NOT_KNOWN, "cannot open /dev/iommu: %s", strerror(errno));
		f->change_process = f->map_file;
		return;
	}
	call(&f->map_file, fd, IOMMU_IOAS_MAP_FILE, &map);
	call(&f->change_process, fd, IOMMU_IOAS_CHANGE_PROCESS, &change);
}

void facts_devices(struct facts *f)
{
	extension(f);
	iommufd(f);
}
