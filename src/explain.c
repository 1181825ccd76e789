// SPDX-License-Identifier: GPL-2.0-only
/*
 * explain.c - why a call failed (explain.h).
 *
 * The checks are told in the order in which the driver makes them, by what was
 * asked and what was so at that moment; the first that fails is the reason. Where
 * several are left that the record cannot tell apart, all are named.
 */
#include "explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

#define MAP_READ 1
#define MAP_WRITE 2
#define MAP_VADDR 4
#define UNMAP_ALL 2
#define FD_MAP_ACCESS 6 /* readable, writeable */
#define FD_MAP_FLAGS 7
#define MAP_ARGSZ 32 /* up to the end of what every kernel wants */
#define UNMAP_ARGSZ 24
#define ATTACH_ARGSZ 12
#define ATTACH_PASID 1
#define INTERRUPTS "interrupts of the device cannot be kept apart here, and vfio_iommu_type1's allow_unsafe_interrupts is off"

static void __attribute__((format(printf, 2, 3))) say(char *ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(ret, EXPLAIN_MAX, fmt, ap);
	va_end(ap);
}

/* ---- limits ------------------------------------------------------------------- */

/* What was refused to this thread last, and forgets it. */
static bool take_refused(struct explainer *x, __u32 tid, struct ev_charge *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(x->refused); i++) {
		struct ev_charge *e = &x->refused[(x->n - 1 - i) % ARRAY_SIZE(x->refused)];

		if (e->h.tid != tid || !e->result)
			continue;
		*ret = *e;
		e->h.tid = 0;
		return true;
	}
	return false;
}

static void say_limit(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	char limit[FORMAT_MAX], used[FORMAT_MAX], asked[FORMAT_MAX], over[FORMAT_MAX];
	struct ev_charge c;

	if (!take_refused(x, e->h.tid, &c) || !c.limit) {
		say(ret, "the kernel has no memory for it; no limit refused it");
		return;
	}
	format_bytes(c.limit, limit);
	say(ret, "RLIMIT_MEMLOCK is %s, %s of it are used (locked_vm of the %s), and %s more were asked for: %s too much", limit,
	    format_pages(c.after, used), c.account == CHARGED_USER ? "user" : "address space", format_pages(c.asked, asked),
	    format_pages(c.after + c.asked - (__s64)(c.limit / 4096), over));
}

/* ---- arguments ------------------------------------------------------------------ */

static bool wraps(__u64 start, __u64 size)
{
	return size && start + size - 1 < start;
}

/* The first check of an argument that does not hold; false if all do. */
static bool say_argument(const struct ev_refuse *e, __u32 known_flags, __u32 argsz, bool vaddr, char *ret)
{
	char page[FORMAT_MAX];

	if (e->argsz < argsz)
		say(ret, "argsz is %u, and the argument has %u bytes", e->argsz, argsz);
	else if (e->flags & ~known_flags)
		say(ret, "flags 0x%x are none of this call", e->flags & ~known_flags);
	else if (e->page && ((e->iova | e->size | (vaddr ? e->vaddr : 0)) & (e->page - 1)))
		say(ret, "%s 0x%llx is no multiple of the smallest page of the IOMMU, %s",
		    e->iova & (e->page - 1) ? "iova" : e->size & (e->page - 1) ? "size" : "vaddr",
		    e->iova & (e->page - 1) ? e->iova : e->size & (e->page - 1) ? e->size : e->vaddr, format_bytes(e->page, page));
	else if (wraps(e->iova, e->size))
		say(ret, "iova 0x%llx and size 0x%llx go beyond the last address", e->iova, e->size);
	else if (vaddr && wraps(e->vaddr, e->size))
		say(ret, "vaddr 0x%llx and size 0x%llx go beyond the last address", e->vaddr, e->size);
	else
		return false;
	return true;
}

/* Nothing of it was there when it was looked at, either. */
static bool say_unreadable(const struct ev_refuse *e, char *ret)
{
	if (e->result != -EFAULT || e->argsz || e->flags || e->iova || e->size || e->vaddr)
		return false;
	say(ret, "the argument itself cannot be read");
	return true;
}

/* ---- type1 ------------------------------------------------------------------------ */

static void explain_map(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case ENOMEM:
		say_limit(x, e, ret);
		return;
	case ENOSPC:
		say(ret, "no range is left: %u more could be mapped (module parameter dma_entry_limit, 65535 unless it was set)", e->avail);
		return;
	case EEXIST:
		say(ret, "a range that is mapped already overlaps 0x%llx-0x%llx", e->iova, e->iova + e->size - 1);
		return;
	case EFAULT:
		say(ret, "the memory at 0x%llx, or some of the %llu bytes behind it, is not there or not for this access", e->vaddr, e->size);
		return;
	case EINVAL:
	case EOVERFLOW:
		if (say_argument(e, MAP_READ | MAP_WRITE | MAP_VADDR, MAP_ARGSZ, true, ret))
			return;
		if (!e->size)
			say(ret, "size is 0");
		else if (!(e->flags & (MAP_READ | MAP_WRITE)))
			say(ret, "neither VFIO_DMA_MAP_FLAG_READ nor _WRITE is given");
		else
			say(ret, "0x%llx-0x%llx is outside of what the IOMMU can address, or touches a reserved region "
			    "(VFIO_IOMMU_GET_INFO has the ranges), or no group is in the container", e->iova, e->iova + e->size - 1);
		return;
	}
}

static void explain_revalidate(const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case ENOENT:
		say(ret, "no range is mapped at 0x%llx", e->iova);
		return;
	case EINVAL:
	case EOVERFLOW:
		if (say_argument(e, MAP_READ | MAP_WRITE | MAP_VADDR, MAP_ARGSZ, true, ret))
			return;
		if (e->flags & (MAP_READ | MAP_WRITE))
			say(ret, "VFIO_DMA_MAP_FLAG_VADDR goes with neither _READ nor _WRITE");
		else if (!e->invalid)
			say(ret, "no range of the container is invalid");
		else
			say(ret, "the range at 0x%llx is not invalid, or does not begin there, or is not %llu bytes long; %u range%s invalid",
			    e->iova, e->size, e->invalid, e->invalid == 1 ? " is" : "s are");
		return;
	case ENOMEM:
		say(ret, "the charge could not move to the caller");
		return;
	}
}

static void explain_unmap(const struct ev_refuse *e, char *ret)
{
	bool invalidate = e->op == OP_INVALIDATE;

	if (e->result == -EBUSY && invalidate && e->emulated) {
		say(ret, "a mediated device is in the container: its driver could need an address at any time");
		return;
	}
	if (e->result == -EFAULT) {
		say(ret, "the answer could not be written to the argument: what was asked for is done nevertheless, unless the argument could not be "
			 "read then");
		return;
	}
	if (e->result != -EINVAL && e->result != -EOVERFLOW)
		return;
	if (say_argument(e, 7, UNMAP_ARGSZ, false, ret))
		return;
	if (e->flags & UNMAP_ALL && (e->iova || e->size))
		say(ret, "VFIO_DMA_UNMAP_FLAG_ALL goes with iova 0 and size 0");
	else if (!(e->flags & UNMAP_ALL) && !e->size)
		say(ret, "size is 0, and VFIO_DMA_UNMAP_FLAG_ALL is not given");
	else if (invalidate && e->invalid)
		say(ret, "a range from 0x%llx on is invalid already (%u %s), or 0x%llx-0x%llx cuts a range in two", e->iova, e->invalid,
		    e->invalid == 1 ? "is" : "are", e->iova, e->iova + e->size - 1);
	else
		say(ret, "0x%llx-0x%llx begins or ends in the middle of a range", e->iova, e->iova + e->size - 1);
}

/* ---- drivers and groups -------------------------------------------------------------- */

static void explain_driver(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case EBUSY:
		if (e->invalid)
			say(ret, "%u range%s of the container %s invalid: the address behind it is not known", e->invalid,
			    e->invalid == 1 ? "" : "s", e->invalid == 1 ? "is" : "are");
		return;
	case EINVAL:
		say(ret, "nothing is mapped at 0x%llx", e->iova);
		return;
	case EPERM:
		say(ret, "0x%llx is not mapped for this access, or its address space is gone", e->iova);
		return;
	case ENODEV:
		say(ret, "the address space behind 0x%llx is gone: the process that mapped it has ended or executed another program", e->iova);
		return;
	case ENOMEM:
		say_limit(x, e, ret);
		return;
	}
}

/* True: it says so of a group that could not be taken. */
static bool say_driven(const struct ev_refuse *e, char *ret)
{
	if (!e->driven)
		return false;
	say(ret, "%u device%s of group %u %s a driver of the kernel's: each in /sys/kernel/iommu_groups/%u/devices has to be given to "
	    "vfio-pci, or to no driver", e->driven, e->driven == 1 ? "" : "s", e->group, e->driven == 1 ? "has" : "have", e->group);
	return true;
}

/* Of a group that joins, all that is mapped already is pinned, and mapped in its IOMMU. */
static void explain_attach(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case ENOMEM:
		say_limit(x, e, ret);
		return;
	case EFAULT:
		say(ret, "the memory of a range that is mapped is not there, or not for this access, or its IOMMU cannot address that range");
		return;
	case ERANGE:
		say(ret, "a range is mapped beyond what its IOMMU can address");
		return;
	case EINVAL:
		say(ret, "a range is mapped where the group has a reserved region (its iommu_group's reserved_regions lists them) or beyond what "
			 "its IOMMU can address, or the group is in the container already");
		return;
	case EBUSY:
		if (e->invalid)
			say(ret, "%u range%s of the container %s invalid: no group may join until all are valid", e->invalid,
			    e->invalid == 1 ? "" : "s", e->invalid == 1 ? "is" : "are");
		return;
	case EPERM:
		if (!say_driven(e, ret))
			say(ret, "a device of the group has a driver of the kernel's (all of them have to be given to vfio-pci), or " INTERRUPTS);
		return;
	}
}

static void explain_set_iommu(const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case EPERM:
		say(ret, INTERRUPTS);
		return;
	case ENODEV:
		say(ret, "no driver is there for an IOMMU of type %u: is vfio_iommu_type1 loaded, and does the IOMMU work?", e->flags);
		return;
	case EINVAL:
		say(ret, "there is no group in the container (VFIO_GROUP_SET_CONTAINER comes first), it has a driver already, or the IOMMU of a "
			 "group cannot be used for that");
		return;
	}
}

/* ---- iommufd ---------------------------------------------------------------------------- */

/* The kernel moves the charges of all areas, or of none. */
static void explain_change(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	char pages[FORMAT_MAX];
	struct ev_charge c;

	if (take_refused(x, e->h.tid, &c) && c.asked < 0)
		say(ret, "%s could not be taken back from the process before: no process has its address space any more",
		    format_pages(-c.asked, pages));
	else
		say(ret, "an area is not mapped from a file (IOMMU_IOAS_MAP_FILE)");
}

static void explain_fd_attach(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case ENOMEM:
		say_limit(x, e, ret);
		return;
	case ENOENT:
		say(ret, "there is no ioas or page table %u", e->ioas);
		return;
	case EADDRINUSE:
		say(ret, "an area of ioas %u is where the device has a reserved region (its iommu_group's reserved_regions lists them), or beyond what "
			 "its IOMMU can address", e->ioas);
		return;
	case EFAULT:
		say(ret, "the memory of an area of ioas %u is not there, or not for this access", e->ioas);
		return;
	case EBUSY:
		say(ret, "the group of the device is attached to something else");
		return;
	case EINVAL:
		if (e->argsz < ATTACH_ARGSZ)
			say(ret, "argsz is %u, and the argument has %u bytes", e->argsz, ATTACH_ARGSZ);
		else if (e->flags & ~ATTACH_PASID)
			say(ret, "flags 0x%x are none of this call", e->flags & ~ATTACH_PASID);
		else
			say(ret, "object %u is no ioas and no page table, or its page table does not fit the IOMMU of the device", e->ioas);
		return;
	}
}

static void explain_fd_bind(const struct ev_refuse *e, char *ret)
{
	switch (-e->result) {
	case ENODEV:
		say(ret, "the device is behind no IOMMU");
		return;
	case EINVAL:
		say(ret, "the IOMMU of the device cannot keep caches coherent");
		return;
	case EBUSY:
		say(ret, "the group of the device has page tables that are not the kernel's own");
		return;
	case EPERM:
		if (!say_driven(e, ret))
			say(ret, "another context or container has a device of group %u, a driver of the kernel's has one, or interrupts of the "
			    "device cannot be kept apart here, and iommufd's allow_unsafe_interrupts is off", e->group);
		return;
	}
}

/* VFIO's own call, on a file of iommufd. False if what is wrong is wrong with a call of iommufd's, too. */
static bool explain_compat(const struct ev_refuse *e, char *ret)
{
	bool map = e->op == OP_MAP || e->op == OP_REVALIDATE;

	switch (-e->result) {
	case ENODEV:
		say(ret, "there is no ioas for VFIO's calls in this context: none was made by VFIO_SET_IOMMU or given by IOMMU_VFIO_IOAS");
		return true;
	case EINVAL:
		if (e->argsz < (map ? MAP_ARGSZ : UNMAP_ARGSZ) || e->flags & ~7U)
			say_argument(e, 7, map ? MAP_ARGSZ : UNMAP_ARGSZ, false, ret);
		else if (e->op == OP_REVALIDATE || e->op == OP_INVALIDATE)
			say(ret, "an address can be neither invalid nor valid again here: iommufd has no VFIO_DMA_%s_FLAG_VADDR. It gives an ioas to "
			    "another process by IOMMU_IOAS_CHANGE_PROCESS", map ? "MAP" : "UNMAP");
		else if (!map && e->flags & 1)
			say(ret, "VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP is none of the flags that iommufd has");
		else if (!map && e->flags & UNMAP_ALL && (e->iova || e->size))
			say(ret, "VFIO_DMA_UNMAP_FLAG_ALL goes with iova 0 and size 0");
		else if (!(!map && e->flags & UNMAP_ALL) && !e->size)
			say(ret, "size is 0");
		else
			return false;
		return true;
	}
	return false;
}

/* What every kernel wants of it. */
static __u32 fd_argsz(__u32 op)
{
	return op == OP_UNMAP ? 24 : 40;
}

static void explain_fd(struct explainer *x, const struct ev_refuse *e, char *ret)
{
	if (e->op == OP_ATTACH) {
		explain_fd_attach(x, e, ret);
		return;
	}
	if (e->op == OP_BIND) {
		explain_fd_bind(e, ret);
		return;
	}
	if (e->compat && explain_compat(e, ret))
		return;
	switch (-e->result) {
	case ENOMEM:
		say_limit(x, e, ret);
		return;
	case E2BIG:
		say(ret, "the argument has %u bytes, and beyond those that this kernel knows not all are 0", e->argsz);
		return;
	case ENOSPC:
		say(ret, "no free space of 0x%llx bytes is left in ioas %u (IOMMU_IOAS_IOVA_RANGES has what there is)", e->size, e->ioas);
		return;
	case EDEADLOCK:
		say(ret, "the driver of a mediated device was asked a hundred times for what it has pinned in ioas %u, and has not given all of it "
		    "back (its dma_unmap has to call vfio_unpin_pages())", e->ioas);
		return;
	case EOPNOTSUPP:
		if (e->flags & ~FD_MAP_FLAGS)
			say(ret, "flags 0x%x are none of this call", e->flags & ~FD_MAP_FLAGS);
		else
			say(ret, "a reserved member of the argument is not 0");
		return;
	case EOVERFLOW:
		say(ret, "0x%llx and length 0x%llx go beyond the last address", e->iova, e->size);
		return;
	case EPERM:
		say(ret, "the memory may only be read, and writing is asked for");
		return;
	case ENOENT:
		if (e->op == OP_COPY)
			say(ret, "there is no ioas %u, or nothing is mapped at 0x%llx of the source, or there is no such source", e->ioas, e->vaddr);
		else if (e->op == OP_UNMAP)
			say(ret, "no area begins at 0x%llx and ends at 0x%llx in ioas %u, or there is no such ioas", e->iova, e->iova + e->size - 1,
			    e->ioas);
		else
			say(ret, "there is no ioas %u", e->ioas);
		return;
	case EADDRINUSE:
	case EEXIST:
		say(ret, "0x%llx-0x%llx overlaps an area of ioas %u, or a reserved region", e->iova, e->iova + e->size - 1, e->ioas);
		return;
	case EBUSY:
		say(ret, "another call maps or unmaps some of it at the moment%s",
		    e->op == OP_UNMAP ? ", or a hardware queue has its place in it (IOMMU_HW_QUEUE_ALLOC)" : "");
		return;
	case EFAULT:
		say(ret, "the memory is not there, or not for this access");
		return;
	case EBADF:
		say(ret, "the file descriptor is none");
		return;
	case EINVAL:
		if (e->op == OP_CHANGE_PROCESS)
			explain_change(x, e, ret);
		else if (!e->compat && e->argsz < fd_argsz(e->op))
			say(ret, "size is %u, and the argument has at least %u bytes", e->argsz, fd_argsz(e->op));
		else if (!e->compat && e->op == OP_MAP && !(e->flags & FD_MAP_ACCESS))
			say(ret, "neither IOMMU_IOAS_MAP_READABLE nor _WRITEABLE is given");
		else if (!e->size)
			say(ret, "length is 0");
		else if ((e->iova | e->size | e->vaddr) & 4095)
			say(ret, "iova 0x%llx, length 0x%llx or address 0x%llx is no multiple of the page", e->iova, e->size, e->vaddr);
		else if (e->op == OP_MAP)
			say(ret, "0x%llx-0x%llx is outside of what the page tables of ioas %u can have, or reserved (IOMMU_IOAS_IOVA_RANGES has "
			    "the ranges), or the file has no such part, or is of a kind that cannot be mapped", e->iova, e->iova + e->size - 1, e->ioas);
		return;
	}
}

/* Is it a call with an argument that was looked at? */
static bool by_argument(__u32 op)
{
	return op == OP_MAP || op == OP_UNMAP || op == OP_INVALIDATE || op == OP_REVALIDATE || op == OP_COPY;
}

void explain(struct explainer *x, const struct record *r, char ret[EXPLAIN_MAX])
{
	const struct ev_refuse *e = (const void *)r->h;

	ret[0] = '\0';
	if (r->h->type == EV_charge && ((const struct ev_charge *)r->h)->result)
		x->refused[x->n++ % ARRAY_SIZE(x->refused)] = *(const struct ev_charge *)r->h;
	if (r->h->type != EV_refuse)
		return;
	if (by_argument(e->op) && say_unreadable(e, ret))
		return;
	if ((e->h.container & FDPIN_ID_MARK) == FDPIN_ID_IOMMUFD) {
		explain_fd(x, e, ret);
	} else {
		switch (e->op) {
		case OP_MAP:
			explain_map(x, e, ret);
			break;
		case OP_REVALIDATE:
			explain_revalidate(e, ret);
			break;
		case OP_UNMAP:
		case OP_INVALIDATE:
			explain_unmap(e, ret);
			break;
		case OP_ATTACH:
			explain_attach(x, e, ret);
			break;
		case OP_SET_IOMMU:
			explain_set_iommu(e, ret);
			break;
		default:
			explain_driver(x, e, ret);
			break;
		}
	}
	if (!*ret)
		say(ret, "which check failed is not known");
}
