// SPDX-License-Identifier: GPL-2.0-only
/*
 * client32 - a 32-bit process that maps memory of its own in a container it
 * was given: client32 CONTAINER_FD IOVA SIZE. Says vaddr=N and stays. With a
 * fourth word, "invalidate", it makes the address of that range invalid instead,
 * and ends: its status is the error number, or 0.
 *
 * Without a C library, so that a compiler that can do -m32 is enough to build
 * it: the packages with the 32-bit libraries cannot be had together with the
 * cross compilers.
 */
#include <linux/vfio.h>

#if defined(__x86_64__)
#error "this one is for 32 bits: -m32"
#endif

enum { NR_exit = 1, NR_write = 4, NR_pause = 29, NR_ioctl = 54, NR_mmap2 = 192 };
enum { PROT_READ_WRITE = 3, MAP_PRIVATE_ANONYMOUS = 0x22 };

static long call(long nr, long a, long b, long c, long d, long e)
{
	long ret;

	/* the sixth argument is in ebp: 0 in all calls here */
	__asm__ volatile("push %%ebp; xor %%ebp, %%ebp; int $0x80; pop %%ebp"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "memory");
	return ret;
}

/* Division of 64 bits would want a library: digits one at a time, by 32-bit steps. */
static __u64 number(const char *s)
{
	__u64 n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = (n << 3) + (n << 1) + (*s - '0');
	return n;
}

static void say(__u32 vaddr)
{
	char text[32] = "vaddr=", *p = text + 6, digits[12];
	int n = 0;

	do
		digits[n++] = '0' + vaddr % 10;
	while (vaddr /= 10);
	while (n)
		*p++ = digits[--n];
	*p++ = '\n';
	call(NR_write, 1, (long)text, p - text, 0, 0);
}

static long invalidate(char **argv)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_VADDR,
		.iova = number(argv[2]),
		.size = number(argv[3]),
	};

	return call(NR_ioctl, number(argv[1]), VFIO_IOMMU_UNMAP_DMA, (long)&unmap, 0, 0);
}

__attribute__((noreturn)) static void map_and_stay(char **argv)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = number(argv[2]),
		.size = number(argv[3]),
	};
	long at = call(NR_mmap2, 0, map.size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1);

	map.vaddr = (__u32)at;
	if (call(NR_ioctl, number(argv[1]), VFIO_IOMMU_MAP_DMA, (long)&map, 0, 0))
		call(NR_exit, 1, 0, 0, 0, 0);
	say(at);
	for (;;)
		call(NR_pause, 0, 0, 0, 0, 0);
}

__attribute__((used, noreturn)) static void run(long *stack)
{
	char **argv = (char **)(stack + 1);

	if (stack[0] == 4)
		map_and_stay(argv);
	call(NR_exit, stack[0] == 5 ? -invalidate(argv) : 255, 0, 0, 0, 0);
	__builtin_unreachable();
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tand $-16, %esp\n\tsub $12, %esp\n\tpush %eax\n\tcall run\n");
