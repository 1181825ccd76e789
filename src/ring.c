// SPDX-License-Identifier: GPL-2.0-only
/*
 * ring.c - a BPF ring buffer, read where the kernel writes it.
 */
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/bpf.h>

int ring_open(struct ring *r, int fd, size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *ours, *theirs, *piece;

	ours = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ours == MAP_FAILED)
		return -errno;
	theirs = mmap(NULL, page + size, PROT_READ, MAP_SHARED, fd, page);
	if (theirs == MAP_FAILED) {
		int err = -errno;

		munmap(ours, page);
		return err;
	}
	/* more than any record of ours: who reads should not have to end for want of memory */
	piece = malloc(page);
	if (!piece) {
		munmap(ours, page);
		munmap(theirs, page + size);
		return -ENOMEM;
	}
	*r = (struct ring){
		.fd = fd,
		.data = (const __u8 *)theirs + page,
		.size = size,
		.consumer = ours,
		.producer = theirs,
		.piece = piece,
		.room = page,
	};
	return 0;
}

void ring_close(struct ring *r)
{
	size_t page = sysconf(_SC_PAGESIZE);

	if (r->consumer) {
		munmap(r->consumer, page);
		munmap((void *)r->producer, page + r->size);
	}
	free(r->piece);
	*r = (struct ring){};
}

/* A record that goes on at the start of the buffer, in one piece; NULL without memory. */
static const void *put_together(struct ring *r, size_t at, size_t size)
{
	size_t first = r->size - at;

	if (size > r->room) {
		void *more = realloc(r->piece, size);

		if (!more)
			return NULL;
		r->piece = more;
		r->room = size;
	}
	memcpy(r->piece, r->data + at, first);
	memcpy((char *)r->piece + first, r->data, size - first);
	return r->piece;
}

int ring_consume(struct ring *r, unsigned int most, ring_fn fn, void *ctx)
{
	unsigned long at = *r->consumer, end;
	unsigned int n = 0;
	int err = 0;

	/* acquire: what is before the kernel's position, and what a size was written behind, is there */
	end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	while (at < end && n < most && err >= 0) {
		__u32 head = __atomic_load_n((const __u32 *)(r->data + (at & (r->size - 1))), __ATOMIC_ACQUIRE);
		size_t size = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		size_t begin = (at + BPF_RINGBUF_HDR_SZ) & (r->size - 1);
		const void *data = r->data + begin;

		if (head & BPF_RINGBUF_BUSY_BIT)
			break;
		if (!(head & BPF_RINGBUF_DISCARD_BIT)) {
			if (size > r->size - begin)
				data = put_together(r, begin, size);
			if (!data)
				return -ENOMEM;
			err = fn(ctx, data, size);
			n++;
		}
		at += (BPF_RINGBUF_HDR_SZ + size + 7) & ~7UL;
		/* release: the kernel may write over it from here on */
		__atomic_store_n(r->consumer, at, __ATOMIC_RELEASE);
		/* what came meanwhile is of this round, too; most is its bound */
		if (at == end)
			end = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	}
	return err < 0 ? err : (int)n;
}
