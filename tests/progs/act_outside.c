// SPDX-License-Identifier: GPL-2.0-only
/*
 * act_outside - ways past the guard that lead through something outside of the process: a
 * device
 *
 * Each says what its call came to, and, as NAME_state, what became of the range it was
 * about, as act_attempts does. There is an mdev in the container. All end by themselves.
 *
 * --what registers: with --pci, the group of QEMU's edu: the argument of an invalidation is in
 * registers of the device, which the kernel reads for it. registers_keep: whether they
 * can hold one, by how this kernel reads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "act.h"

#define PAGE 4096

/* struct vfio_iommu_type1_dma_unmap, without the open end */
struct unmap {
	__u32 argsz, flags;
	__u64 iova, size;
};

/* Of the range that a box has unless it is told otherwise. */
static struct unmap invalidation(void)
{
	return (struct unmap){ .argsz = sizeof(struct unmap), .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .iova = opt.iova, .size = opt.size };
}

static void at(struct box *b, const char *call, const volatile void *arg)
{
	came_to(call, b, ioctl(b->container, VFIO_IOMMU_UNMAP_DMA, arg));
}

/* ---- registers -------------------------------------------------------------------------------- */

#define EDU_IDENTITY 0x010000ed
#define EDU_DMA 0x80 /* source, destination, length of a transfer: each 8 bytes, which are what was written to them */
#define EDU_NOTHING 0xf00
#define PCI_COMMAND 4
#define PCI_COMMAND_MEMORY 2

static __u64 region(int device, __u32 index)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = index };

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &info))
		die("VFIO_DEVICE_GET_REGION_INFO %u", index);
	return info.offset;
}

static void decode_memory(int device, bool on)
{
	__u64 command = region(device, VFIO_PCI_CONFIG_REGION_INDEX) + PCI_COMMAND;
	__u16 bits;

	if (pread(device, &bits, sizeof(bits), command) != sizeof(bits))
		die("the device's command");
	bits = on ? bits | PCI_COMMAND_MEMORY : bits & ~PCI_COMMAND_MEMORY;
	if (pwrite(device, &bits, sizeof(bits), command) != sizeof(bits))
		die("the device's command");
}

static volatile void *registers_of(int device)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, VFIO_PCI_BAR0_REGION_INDEX));

	if (at == MAP_FAILED)
		die("mmap of the registers");
	if (*(volatile __u32 *)at != EDU_IDENTITY) {
		errno = ENODEV;
		die("no edu in %s: 0x%x", opt.pci, *(volatile __u32 *)at);
	}
	return at;
}

static void put(volatile void *registers, const struct unmap *arg)
{
	volatile __u64 *to = registers + EDU_DMA;
	__u64 words[3];

	_Static_assert(sizeof(words) == sizeof(*arg), "three registers");
	memcpy(words, arg, sizeof(words));
	for (int i = 0; i < 3; i++)
		to[i] = words[i];
}

/* A kernel that copies byte by byte reads nothing there: the device does not answer to that. */
static bool kernel_reads(const volatile void *from, const struct unmap *wanted)
{
	struct unmap got;
	int pipes[2];

	if (pipe(pipes) || write(pipes[1], (const void *)from, sizeof(got)) != sizeof(got) || read(pipes[0], &got, sizeof(got)) != sizeof(got))
		die("pipe");
	close(pipes[0]);
	close(pipes[1]);
	return !memcmp(&got, wanted, sizeof(got));
}

static void registers(void)
{
	struct unmap arg = invalidation();
	volatile void *here, *untouched;
	struct box b = { 0 };
	char name[64];
	int device;

	box_setup(&b);
	pci_device_of(opt.pci, name, sizeof(name));
	device = ioctl(b.pci, VFIO_GROUP_GET_DEVICE_FD, name);
	if (device < 0)
		die("%s", name);
	decode_memory(device, true);
	here = registers_of(device);
	put(here, &arg);
	say("registers_keep=%s", kernel_reads(here + EDU_DMA, &arg) ? "yes" : "no");
	at(&b, "registers", here + EDU_DMA);
	put(here, &arg); /* over the answer */
	untouched = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, device, region(device, VFIO_PCI_BAR0_REGION_INDEX));
	if (untouched == MAP_FAILED)
		die("mmap of the registers");
	at(&b, "registers_late", untouched + EDU_DMA);
	at(&b, "registers_none", here + EDU_NOTHING);
	decode_memory(device, false);
	at(&b, "registers_off", here + EDU_DMA);
}

int main(int argc, char **argv)
{
	act_options(argc, argv);
	if (what_is("registers"))
		return act_run(registers, REACH_END);
	errno = EINVAL;
	die("--what %s", opt.what);
}
