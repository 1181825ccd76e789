/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - a BPF ring buffer, read where the kernel writes it.
 *
 * libbpf's reader maps the buffer twice, one behind the other, so that a record
 * that goes on at its start is in one piece; the pages then count twice, and of a
 * process that watches the buffer is most. Here it is mapped once, and the one
 * record in a round that does so is put together. What else there is between us
 * and the kernel is in kernel/bpf/ringbuf.c: a page with our position, one with
 * its own, then the buffer; before each record 8 bytes, of which the first 30
 * bits are its size, and the two others say that it is still being written, and
 * that it was given up. Positions are bytes, and only grow.
 */
#ifndef FDPIN_RING_H
#define FDPIN_RING_H

#include <stddef.h>

#include <linux/types.h>

struct ring {
	int fd;			 /* of the map: the caller's; what poll() and epoll can wait for */
	const __u8 *data;	 /* size bytes */
	size_t size;		 /* a power of two, and whole pages */
	unsigned long *consumer; /* ours; NULL: not open */
	const unsigned long *producer;
	void *piece; /* where a record is put together: of room bytes */
	size_t room;
};

/* What was reserved at once, aligned to 8 bytes and there until this returns. Negative to stop behind it. */
typedef int (*ring_fn)(void *ctx, const void *data, size_t size);

/* Maps the buffer of a map of type BPF_MAP_TYPE_RINGBUF with this many bytes. 0 or -errno. */
int ring_open(struct ring *r, int fd, size_t size);

/* Also of one that was never opened, if it is all zeroes. */
void ring_close(struct ring *r);

/*
 * Hands over what has been written, no more than most pieces. Returns their
 * number, or what fn returned to stop, or -ENOMEM; nothing is lost by either, and
 * the next call goes on behind.
 */
int ring_consume(struct ring *r, unsigned int most, ring_fn fn, void *ctx);

#endif
