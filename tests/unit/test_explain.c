// SPDX-License-Identifier: GPL-2.0-only
/* test_explain.c - the reason given for a call that failed, and that no other is given. Link as test_verdict.c. */
#include "tape.h"

#include "../../src/explain.h"

#include <errno.h>

static struct ev_refuse call(__u64 container, __u32 op, int result)
{
	return (struct ev_refuse){
		.h = { .size = sizeof(struct ev_refuse), .type = EV_refuse, .container = container, .tid = 7, .tgid = 7 },
		.iova = 0x10000,
		.size = 0x4000,
		.vaddr = 0x7f0000000000,
		.page = 4096,
		.result = result,
		.op = op,
		.argsz = 32,
		.flags = op == OP_REVALIDATE || op == OP_INVALIDATE ? 4 : op == OP_UNMAP ? 0 : 3,
		.avail = 65535,
	};
}

static struct explainer memory;

static void check(const struct ev_refuse *e, const char *want)
{
	struct record r = { .h = &e->h, .ev = schema_event(EV_refuse) };
	char text[240];

	explain(&memory, &r, text);
	if (!strstr(text, want))
		fail_msg("'%s' is not in '%s'", want, text);
}

static void arguments(void **state)
{
	struct ev_refuse e = call(1, OP_MAP, -EINVAL);

	(void)state;
	e.argsz = 16;
	e.iova = 8; /* the first check that fails is told */
	check(&e, "argsz is 16");
	e.argsz = 32;
	e.flags = 0x103;
	check(&e, "flags 0x100 are none of this call");
	e.flags = 3;
	check(&e, "iova 0x8 is no multiple");
	e.iova = 0x10000;
	e.size = 12;
	check(&e, "size 0xc is no multiple");
	e.size = 4096;
	e.vaddr = 1;
	check(&e, "vaddr 0x1 is no multiple");
	e.vaddr = 0;
	e.iova = 0xfffffffffffff000;
	e.size = 8192;
	check(&e, "go beyond the last address");
	e.iova = 0x10000;
	e.flags = 0;
	check(&e, "neither VFIO_DMA_MAP_FLAG_READ nor _WRITE");
	e.flags = 1;
	check(&e, "outside of what the IOMMU can address");
	e.result = -E2BIG;
	check(&e, "is not known");
}

static void ranges(void **state)
{
	struct ev_refuse e = call(1, OP_MAP, -EEXIST);

	(void)state;
	check(&e, "overlaps 0x10000-0x13fff");
	e.result = -ENOSPC;
	e.avail = 0;
	check(&e, "0 more could be mapped");
	e = call(1, OP_REVALIDATE, -EINVAL);
	check(&e, "no range of the container is invalid");
	e.invalid = 2;
	check(&e, "16384 bytes long; 2 ranges are invalid");
	e.result = -ENOENT;
	check(&e, "no range is mapped at 0x10000");
	e = call(1, OP_INVALIDATE, -EBUSY);
	check(&e, "is not known");
	e.emulated = 1;
	check(&e, "a mediated device is in the container");
	e = call(1, OP_INVALIDATE, -EINVAL);
	e.invalid = 3;
	check(&e, "is invalid already (3 are)");
	e = call(1, OP_UNMAP, -EINVAL);
	check(&e, "begins or ends in the middle of a range");
	e.size = 0;
	check(&e, "size is 0, and VFIO_DMA_UNMAP_FLAG_ALL is not given");
}

static void drivers(void **state)
{
	struct ev_refuse e = call(1, OP_PIN, -EBUSY);

	(void)state;
	e.invalid = 1;
	check(&e, "1 range of the container is invalid");
	e.result = -ENODEV;
	check(&e, "the address space behind 0x10000 is gone");
	e = call(1, OP_ATTACH, -EBUSY);
	e.invalid = 2;
	check(&e, "2 ranges of the container are invalid: no group may join");
}

/* The numbers are those of the charge of the same thread, and used once. */
static void limits(void **state)
{
	struct ev_refuse e = call(1, OP_MAP, -ENOMEM);
	struct ev_charge c = { .h = { .size = sizeof(c), .type = EV_charge, .tid = 8 }, .result = -ENOMEM, .asked = 1, .after = 2048,
			       .limit = 8 << 20, .account = CHARGED_MM };
	struct record r = { .h = &c.h, .ev = schema_event(EV_charge) };
	char text[240];

	(void)state;
	explain(&memory, &r, text);
	assert_string_equal(text, "");
	check(&e, "no limit refused it");
	c.h.tid = 7;
	explain(&memory, &r, text);
	check(&e, "RLIMIT_MEMLOCK is 8M, 8M of it are used (locked_vm of the address space), and 4K more were asked for: 4K too much");
	check(&e, "no limit refused it");
	for (int i = 0; i < 200; i++)
		explain(&memory, &r, text);
	check(&e, "RLIMIT_MEMLOCK is 8M");
}

static void iommufd(void **state)
{
	struct ev_refuse e = call(FDPIN_ID_IOMMUFD | 1, OP_UNMAP, -ENOENT);

	(void)state;
	e.ioas = 3;
	check(&e, "no area begins at 0x10000 and ends at 0x13fff in ioas 3");
	e.result = -EINVAL;
	e.size = 0;
	check(&e, "length is 0");
	e = call(FDPIN_ID_IOMMUFD | 1, OP_MAP, -EINVAL);
	check(&e, "size is 32, and the argument has at least 40 bytes");
	e.argsz = 40;
	e.flags = 1;
	check(&e, "neither IOMMU_IOAS_MAP_READABLE nor _WRITEABLE");
	e.flags = 7;
	e.iova = 3;
	check(&e, "iova 0x3, length");
	e.iova = 0x10000;
	check(&e, "0x10000-0x13fff is outside of what the page tables of ioas 0 can have");
	e.result = -EOPNOTSUPP;
	check(&e, "a reserved member");
	e.flags = 0x107;
	check(&e, "flags 0x100 are none of this call");
	e.result = -EPERM;
	check(&e, "may only be read");
	e = call(FDPIN_ID_IOMMUFD | 1, OP_UNMAP, -EDEADLOCK);
	e.ioas = 5;
	check(&e, "asked a hundred times for what it has pinned in ioas 5");
	e.result = -EBUSY;
	check(&e, "another call maps or unmaps some of it at the moment, or a hardware queue");
	e = call(FDPIN_ID_IOMMUFD | 1, OP_CHANGE_PROCESS, -EBUSY);
	check(&e, "another call maps or unmaps some of it at the moment");
	e = call(FDPIN_ID_IOMMUFD | 1, OP_COPY, -ENOENT);
	e.ioas = 4;
	check(&e, "there is no ioas 4, or nothing is mapped at 0x7f0000000000 of the source");
}

static void attaching(void **state)
{
	struct ev_refuse e = call(FDPIN_ID_IOMMUFD | 1, OP_ATTACH, -EINVAL);

	(void)state;
	e.flags = 0;
	e.ioas = 9;
	e.argsz = 8;
	check(&e, "argsz is 8, and the argument has 12 bytes");
	e.argsz = 12;
	e.flags = 0x100;
	check(&e, "flags 0x100 are none of this call");
	e.flags = 1;
	check(&e, "object 9 is no ioas");
	e.result = -ENOENT;
	check(&e, "there is no ioas or page table 9");
	e.result = -EADDRINUSE;
	check(&e, "an area of ioas 9 is where the device has a reserved region");
	e.result = -EBUSY;
	check(&e, "attached to something else");
	e.result = -EFAULT;
	check(&e, "the memory of an area of ioas 9");
	e.result = -E2BIG;
	check(&e, "is not known");
}

/* VFIO's own calls on a file of iommufd: their flags and sizes are not iommufd's. */
static void compat(void **state)
{
	struct ev_refuse e = call(FDPIN_ID_IOMMUFD | 1, OP_INVALIDATE, -EINVAL);

	(void)state;
	e.compat = 1;
	e.ioas = 3;
	e.argsz = 24;
	check(&e, "iommufd has no VFIO_DMA_UNMAP_FLAG_VADDR");
	e.argsz = 16;
	check(&e, "argsz is 16, and the argument has 24 bytes");
	e = call(FDPIN_ID_IOMMUFD | 1, OP_MAP, -EINVAL);
	e.compat = 1;
	e.ioas = 3;
	e.iova = 0x10008;
	check(&e, "iova 0x10008, length 0x4000 or address");
	e.flags = 1; /* read, of VFIO's; fixed, of iommufd's */
	e.iova = 0x10000;
	check(&e, "is outside of what the page tables of ioas 3 can have");
	e.result = -ENODEV;
	check(&e, "there is no ioas for VFIO's calls");
	e.result = -EEXIST;
	check(&e, "overlaps an area of ioas 3");
}

static void binding(void **state)
{
	struct ev_refuse e = call(FDPIN_ID_IOMMUFD | 1, OP_BIND, -EPERM);

	(void)state;
	e.group = 12;
	check(&e, "has a device of group 12, a driver of the kernel's has one, or interrupts of the device cannot be kept apart");
	e.driven = 1;
	check(&e, "1 device of group 12 has a driver of the kernel's: each in /sys/kernel/iommu_groups/12/devices");
	e.result = -EINVAL;
	check(&e, "cannot keep caches coherent");
	e.result = -EIO;
	check(&e, "is not known");
}

/* type1: of a group that joins, and of all that are there when the driver is set. */
static void joining(void **state)
{
	struct ev_refuse e = call(1, OP_ATTACH, -EINVAL);

	(void)state;
	check(&e, "a range is mapped where the group has a reserved region");
	e.result = -EFAULT;
	check(&e, "the memory of a range that is mapped is not there");
	e.result = -ERANGE;
	check(&e, "beyond what its IOMMU can address");
	e.result = -ENOMEM;
	check(&e, "no limit refused it");
	e.result = -EPERM;
	check(&e, "a device of the group has a driver of the kernel's (all of them have to be given to vfio-pci), or interrupts");
	e.group = 12;
	e.driven = 1;
	check(&e, "1 device of group 12 has a driver of the kernel's: each in /sys/kernel/iommu_groups/12/devices");
	e.driven = 2;
	check(&e, "2 devices of group 12 have a driver of the kernel's");
	e = call(1, OP_SET_IOMMU, -EPERM);
	check(&e, "allow_unsafe_interrupts is off");
	e.result = -ENODEV;
	e.flags = 7;
	check(&e, "no driver is there for an IOMMU of type 7");
	e.result = -EINVAL;
	check(&e, "there is no group in the container");
}

/* What could not be read was not done; what could not be answered was. */
static void unanswered(void **state)
{
	struct ev_refuse e = call(1, OP_INVALIDATE, -EFAULT);

	(void)state;
	check(&e, "done nevertheless");
	e.argsz = e.flags = 0;
	e.iova = e.size = e.vaddr = 0;
	check(&e, "the argument itself cannot be read");
	e.op = OP_MAP;
	check(&e, "the argument itself cannot be read");
	e.op = OP_PIN; /* has none */
	check(&e, "is not known");
}

/* Which of the two reasons it was, the charges of the call say. */
static void changing(void **state)
{
	struct ev_refuse e = call(FDPIN_ID_IOMMUFD | 1, OP_CHANGE_PROCESS, -EINVAL);
	struct ev_charge c = { .h = { .size = sizeof(c), .type = EV_charge, .tid = 7 }, .result = -EINVAL, .asked = -64, .account = CHARGED_MM };
	struct record r = { .h = &c.h, .ev = schema_event(EV_charge) };
	char text[240];

	(void)state;
	e.size = 0;
	check(&e, "an area is not mapped from a file");
	explain(&memory, &r, text);
	check(&e, "256K could not be taken back from the process before");
	check(&e, "an area is not mapped from a file");
}

int main(void)
{
#define T(name) cmocka_unit_test(name)
	const struct CMUnitTest tests[] = { T(arguments), T(ranges), T(drivers), T(joining), T(limits), T(iommufd), T(attaching), T(compat), T(binding), T(unanswered), T(changing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
