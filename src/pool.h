/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pool.h - memory for very many small things that live as long as their owner,
 * or are given back before.
 *
 * The model has three pieces for each range, and malloc() and free() of them
 * were two fifths of what a look at 65,535 ranges costs in user space. What is
 * given back goes to the next that wants as much; the system has it back with
 * pool_end(). For the address sanitizer each piece comes from malloc(), so that
 * it sees who uses one too long.
 */
#ifndef FDPIN_POOL_H
#define FDPIN_POOL_H

#include <stddef.h>

#define POOL_STEP 16
#ifndef POOL_LARGEST
#define POOL_LARGEST 512 /* bytes; what is larger comes from malloc(). With the sanitizers 0 (Makefile) */
#endif

struct pool {
	void *free[POOL_LARGEST / POOL_STEP + 1]; /* each piece begins with the address of the next */
	char *at, *end;				  /* what is left of the newest chunk */
	struct pool_chunk *chunks;
	struct pool_large *large;
};

/* Not zeroed, aligned to 16 bytes; NULL without memory. */
void *pool_take(struct pool *p, size_t size);
/* size is what was taken; NULL is nothing. */
void pool_give(struct pool *p, void *mem, size_t size);
/* Everything at once; the pool is as new. */
void pool_end(struct pool *p);

#endif
